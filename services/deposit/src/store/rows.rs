//! Rows as domain values. A row that the domain cannot hold is a corrupt row, never a default.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountNumber, BusinessDate, Currency, CustomerId, HoldId, RequestId};
use platform::db::Error;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::{
    Account, AccountStatus, Decision, Hold, HoldReason, HoldStatus, Kind, Outcome, Owner, Products,
};

pub(super) fn account(row: &PgRow) -> Result<Account, Error> {
    let number = account_number(row.try_get("account_number")?)?;
    let product: &str = row.try_get("product")?;
    let status: &str = row.try_get("status")?;
    Ok(Account {
        number,
        customer_id: CustomerId::from_uuid(row.try_get("customer_id")?),
        product: Products::find(product).ok_or_else(|| corrupt("product", product))?,
        currency: currency(row.try_get("currency")?)?,
        status: AccountStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        balance_minor: row.try_get("balance_minor")?,
        held_minor: row.try_get("held_minor")?,
        minimum_minor: row.try_get("minimum_minor")?,
        overdraft_minor: row.try_get("overdraft_minor")?,
        last_sequence: row.try_get("last_sequence")?,
    })
}

pub(super) fn hold(row: &PgRow) -> Result<Hold, Error> {
    let status: &str = row.try_get("status")?;
    let reason: &str = row.try_get("reason")?;
    Ok(Hold {
        id: HoldId::from_uuid(row.try_get("hold_id")?),
        account: account_number(row.try_get("account_number")?)?,
        placed_minor: row.try_get("placed_minor")?,
        remaining_minor: row.try_get("remaining_minor")?,
        currency: currency(row.try_get("currency")?)?,
        expires_at: row.try_get("expires_at")?,
        status: HoldStatus::from_code(status).ok_or_else(|| corrupt("hold status", status))?,
        reason: HoldReason::from_code(reason).ok_or_else(|| corrupt("hold reason", reason))?,
    })
}

pub(super) fn owner(row: &PgRow) -> Result<Owner, Error> {
    Ok(Owner {
        customer_id: CustomerId::from_uuid(row.try_get("customer_id")?),
        open_accounts: row.try_get("open_accounts")?,
        closed: row.try_get("closed")?,
    })
}

pub(super) fn outcome(row: &PgRow) -> Result<Outcome, Error> {
    let kind: &str = row.try_get("kind")?;
    let result: &str = row.try_get("result")?;
    let date: NaiveDate = row.try_get("business_date")?;
    let decided_at: DateTime<Utc> = row.try_get("decided_at")?;
    let subject_id: Option<Uuid> = row.try_get("subject_id")?;
    let debit: Option<i64> = row.try_get("debit_account")?;
    let credit: Option<i64> = row.try_get("credit_account")?;
    Ok(Outcome {
        request_id: request_id(row.try_get("request_id")?)?,
        fingerprint: row.try_get("fingerprint")?,
        kind: Kind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
        decision: Decision::from_code(result).ok_or_else(|| corrupt("result", result))?,
        debit_account: debit.map(account_number).transpose()?,
        credit_account: credit.map(account_number).transpose()?,
        amount_minor: row.try_get("amount_minor")?,
        currency: currency(row.try_get("currency")?)?,
        subject_id,
        business_date: BusinessDate::from_date(date),
        decided_at,
    })
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
