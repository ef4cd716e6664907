//! Rows as domain values. A row that the domain cannot hold is a corrupt row, never a default.

use chrono::NaiveDate;
use kernel::{AccountNumber, BusinessDate, Currency, CustomerId, LoanId, Rate, RequestId};
use platform::db::Error;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::{
    Amounts, Category, Decision, Instalment, Kind, Loan, LoanStatus, Movement, MovementKind,
    MovementStatus, PrepaymentKind, Products, Quote, Rejection, Running, Terms,
};
use crate::domain::{EntryKind, Outcome};

/// Selects whole loans. What follows says which.
macro_rules! select_loans {
    ($which:literal) => {
        concat!(
            "SELECT loan_id, customer_id, account_number, amount_minor, disbursed_minor, principal_minor, \
                 period_interest_minor, period_carried_minor, period_accrued_minor, receivable_minor, memo_minor, \
                 provision_minor, last_sequence, version, applied_at, rate_ppm, term_months, due_day, days_overdue, \
                 disbursed_on, calculated_through, period_start_on, next_due_on, non_accrual, currency, product, \
                 status, category, category_floor, applied_by, application_hash \
             FROM loans ",
            $which
        )
    };
}
pub(super) use select_loans;

/// A loan without its instalments.
pub(super) fn loan(row: &PgRow, products: &Products) -> Result<Loan, Error> {
    let product: &str = row.try_get("product")?;
    let product = products.find(product).ok_or_else(|| corrupt("product", product))?;
    let status: &str = row.try_get("status")?;
    let hash: &[u8] = row.try_get("application_hash")?;
    let hash = hash.try_into().map_err(|_| corrupt("application hash", "it"))?;
    Ok(Loan {
        id: LoanId::from_uuid(row.try_get("loan_id")?),
        customer_id: CustomerId::from_uuid(row.try_get("customer_id")?),
        product: product.clone(),
        terms: Terms {
            amount_minor: row.try_get("amount_minor")?,
            currency: currency(row.try_get("currency")?)?,
            term_months: count(row, "term_months")?,
            due_day: count(row, "due_day")?,
            account: account_number(row.try_get("account_number")?)?,
        },
        status: LoanStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        rate: rate(row)?,
        disbursed_minor: row.try_get("disbursed_minor")?,
        principal_minor: row.try_get("principal_minor")?,
        disbursed_on: row.try_get("disbursed_on")?,
        running: running(row)?,
        receivable_minor: row.try_get("receivable_minor")?,
        memo_minor: row.try_get("memo_minor")?,
        provision_minor: row.try_get("provision_minor")?,
        category: category(row.try_get("category")?)?,
        category_floor: category(row.try_get("category_floor")?)?,
        days_overdue: i64::from(row.try_get::<i32, _>("days_overdue")?),
        non_accrual: row.try_get("non_accrual")?,
        calculated_through: row.try_get("calculated_through")?,
        last_sequence: row.try_get("last_sequence")?,
        version: row.try_get("version")?,
        applied_by: row.try_get("applied_by")?,
        applied_at: row.try_get("applied_at")?,
        application_hash: hash,
        instalments: Vec::new(),
    })
}

pub(super) fn running(row: &PgRow) -> Result<Option<Running>, Error> {
    let from_on: Option<NaiveDate> = row.try_get("period_start_on")?;
    let due_on: Option<NaiveDate> = row.try_get("next_due_on")?;
    let Some((from_on, due_on)) = from_on.zip(due_on) else { return Ok(None) };
    Ok(Some(Running {
        from_on,
        due_on,
        interest_minor: row.try_get("period_interest_minor")?,
        carried_minor: row.try_get("period_carried_minor")?,
        accrued_minor: row.try_get("period_accrued_minor")?,
    }))
}

/// An instalment, and whose it is.
pub(super) fn instalment(row: &PgRow) -> Result<(Uuid, Instalment), Error> {
    let instalment = Instalment {
        number: count(row, "number")?,
        period_start_on: row.try_get("period_start_on")?,
        due_on: row.try_get("due_on")?,
        principal_minor: row.try_get("principal_minor")?,
        interest_minor: row.try_get("interest_minor")?,
        rate: rate(row)?,
        principal_paid_minor: row.try_get("principal_paid_minor")?,
        interest_paid_minor: row.try_get("interest_paid_minor")?,
        penalty_product: row.try_get("penalty_product")?,
        compound_product: row.try_get("compound_product")?,
        penalty_booked_minor: row.try_get("penalty_booked_minor")?,
        penalty_paid_minor: row.try_get("penalty_paid_minor")?,
        compound_booked_minor: row.try_get("compound_booked_minor")?,
        compound_paid_minor: row.try_get("compound_paid_minor")?,
    };
    Ok((row.try_get("loan_id")?, instalment))
}

pub(super) fn outcome(row: &PgRow) -> Result<Outcome, Error> {
    let kind: &str = row.try_get("kind")?;
    let result: &str = row.try_get("result")?;
    let loan_id: Option<Uuid> = row.try_get("loan_id")?;
    Ok(Outcome {
        request_id: request_id(row.try_get("request_id")?)?,
        fingerprint: row.try_get("fingerprint")?,
        kind: Kind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
        decision: Decision::from_code(result).ok_or_else(|| corrupt("result", result))?,
        loan_id: loan_id.map(LoanId::from_uuid),
        subject_id: row.try_get("subject_id")?,
        amount_minor: row.try_get("amount_minor")?,
        currency: currency(row.try_get("currency")?)?,
        business_date: BusinessDate::from_date(row.try_get("business_date")?),
        decided_at: row.try_get("decided_at")?,
    })
}

pub(super) fn movement(row: &PgRow) -> Result<Movement, Error> {
    let kind: &str = row.try_get("kind")?;
    Ok(Movement {
        id: request_id(row.try_get("movement_id")?)?,
        request_id: request_id(row.try_get("request_id")?)?,
        fingerprint: row.try_get("fingerprint")?,
        loan_id: LoanId::from_uuid(row.try_get("loan_id")?),
        customer_id: CustomerId::from_uuid(row.try_get("customer_id")?),
        account: account_number(row.try_get("account_number")?)?,
        kind: MovementKind::from_code(kind).ok_or_else(|| corrupt("movement", kind))?,
        amount_minor: row.try_get("amount_minor")?,
        moved_minor: row.try_get("moved_minor")?,
        currency: currency(row.try_get("currency")?)?,
        quote_id: row.try_get("quote_id")?,
        status: movement_status(row)?,
        business_date: BusinessDate::from_date(row.try_get("business_date")?),
        value_date: row.try_get("value_date")?,
        accepted_at: row.try_get("accepted_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

fn movement_status(row: &PgRow) -> Result<MovementStatus, Error> {
    let status: &str = row.try_get("status")?;
    let refusal: Option<&str> = row.try_get("refusal")?;
    let refused = refusal.and_then(Rejection::from_code).map(MovementStatus::Refused);
    let known = [Some(MovementStatus::Pending), Some(MovementStatus::Done), refused];
    let found = known.into_iter().flatten().find(|one| one.code() == status);
    found.ok_or_else(|| corrupt("movement status", status))
}

/// A quote, its id and its loan.
pub(super) fn quote(row: &PgRow) -> Result<(Uuid, LoanId, Quote), Error> {
    let kind: &str = row.try_get("kind")?;
    let quote = Quote {
        kind: PrepaymentKind::from_code(kind).ok_or_else(|| corrupt("prepayment", kind))?,
        amounts: amounts(row)?,
        valid_through: row.try_get("valid_through")?,
        loan_version: row.try_get("loan_version")?,
    };
    Ok((row.try_get("quote_id")?, LoanId::from_uuid(row.try_get("loan_id")?), quote))
}

/// The parts of an entry or a quote.
pub(super) fn amounts(row: &PgRow) -> Result<Amounts, Error> {
    Ok(Amounts {
        principal_minor: row.try_get("principal_minor")?,
        interest_minor: row.try_get("interest_minor")?,
        penalty_minor: row.try_get("penalty_minor")?,
        compound_minor: row.try_get("compound_minor")?,
        fee_minor: row.try_get("fee_minor")?,
        provision_minor: 0,
    })
}

pub(super) fn entry_kind(row: &PgRow) -> Result<EntryKind, Error> {
    let kind: &str = row.try_get("kind")?;
    EntryKind::from_code(kind).ok_or_else(|| corrupt("entry", kind))
}

fn rate(row: &PgRow) -> Result<Rate, Error> {
    let ppm: i32 = row.try_get("rate_ppm")?;
    Rate::from_ppm(i64::from(ppm)).map_err(|_| corrupt("rate", &ppm.to_string()))
}

fn count(row: &PgRow, column: &str) -> Result<u32, Error> {
    let count: i32 = row.try_get(column)?;
    u32::try_from(count).map_err(|_| corrupt(column, &count.to_string()))
}

fn category(code: &str) -> Result<Category, Error> {
    Category::from_code(code).ok_or_else(|| corrupt("category", code))
}

pub(super) fn account_number(number: i64) -> Result<AccountNumber, Error> {
    AccountNumber::try_from_i64(number).map_err(|_| corrupt("account number", &number.to_string()))
}

pub(super) fn request_id(id: Uuid) -> Result<RequestId, Error> {
    RequestId::from_uuid(id).map_err(|_| corrupt("request id", &id.to_string()))
}

pub(super) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::parse(code).map_err(|_| corrupt("currency", code))
}

pub(super) fn corrupt(what: &str, value: &str) -> Error {
    Error::Inconsistent(format!("{value:?} is no {what}"))
}
