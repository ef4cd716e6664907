//! Loans and rows as answers.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency, LoanId};
use platform::db::AsOf;
use proto::common::v1 as common;
use proto::loan::v1 as pb;
use uuid::Uuid;

use crate::domain::{
    Category, EntryKind, Instalment, Loan, LoanStatus, OutOfRange, PrepaymentKind, Quote,
};
use crate::store::end_of_day::{EndOfDay, Phase};
use crate::store::read::{DayTotalRow, EntryRow};

pub fn money(amount_minor: i64, currency: Currency) -> common::Money {
    common::Money { currency_code: currency.code().to_owned(), amount_minor }
}

pub fn loan(loan: &Loan) -> Result<pb::Loan, OutOfRange> {
    let currency = loan.terms.currency;
    let money = |minor| Some(money(minor, currency));
    let owed = loan.owed()?;
    Ok(pb::Loan {
        loan_id: loan.id.to_string(),
        customer_id: loan.customer_id.to_string(),
        product_code: loan.product.code.clone(),
        status: status(loan.status).into(),
        terms: Some(pb::LoanTerms {
            amount: money(loan.terms.amount_minor),
            term_months: count(loan.terms.term_months),
            due_day: count(loan.terms.due_day),
            account_number: loan.terms.account.to_string(),
        }),
        disbursed: money(loan.disbursed_minor),
        owed: Some(pb::Owed {
            principal: money(owed.principal_minor),
            principal_due: money(owed.due.principal_minor),
            interest_due: money(owed.due.interest_minor),
            interest_accrued: money(owed.interest_accrued_minor),
            penalty: money(owed.due.penalty_minor),
            compound: money(owed.due.compound_minor),
        }),
        rate_ppm: loan.rate.ppm(),
        next_due_on: loan.running.map(|running| date(running.due_on)).unwrap_or_default(),
        days_overdue: i32::try_from(loan.days_overdue).unwrap_or(i32::MAX),
        category: category(loan.category).into(),
        provision: money(loan.provision_minor),
        non_accrual: loan.non_accrual,
        application_hash: loan.application_hash.to_vec(),
        calculated_through: loan.calculated_through.map(date).unwrap_or_default(),
        applied_at: Some(timestamp(loan.applied_at)),
    })
}

/// A schedule: each instalment, and the principal that is left once it is paid.
pub fn schedule(
    instalments: &[Instalment],
    currency: Currency,
) -> Result<Vec<pb::Instalment>, OutOfRange> {
    let principal = |one: &Instalment| one.principal_minor;
    let all = instalments.iter().try_fold(0_i64, |sum, one| sum.checked_add(principal(one)));
    let mut left = all.ok_or(OutOfRange)?;
    let money = |minor| Some(money(minor, currency));
    let lines = instalments.iter().map(|one| {
        left = left.checked_sub(principal(one)).ok_or(OutOfRange)?;
        Ok(pb::Instalment {
            number: count(one.number),
            period_start_on: date(one.period_start_on),
            due_on: date(one.due_on),
            principal: money(one.principal_minor),
            interest: money(one.interest_minor),
            principal_after: money(left),
            rate_ppm: one.rate.ppm(),
            principal_paid: money(one.principal_paid_minor),
            interest_paid: money(one.interest_paid_minor),
        })
    });
    lines.collect()
}

pub fn entry(row: &EntryRow) -> pb::LoanEntry {
    let moved = |minor| (minor != 0).then(|| money(minor, row.currency));
    pb::LoanEntry {
        sequence: row.sequence,
        kind: entry_kind(row.kind).into(),
        business_date: row.business_date.to_string(),
        value_date: date(row.value_date),
        principal: moved(row.amounts.principal_minor),
        interest: moved(row.amounts.interest_minor),
        penalty: moved(row.amounts.penalty_minor),
        compound: moved(row.amounts.compound_minor),
        fee: moved(row.amounts.fee_minor),
        principal_after: Some(money(row.principal_after_minor, row.currency)),
        deposit_posting_id: row.deposit_posting.map(|id| id.to_string()).unwrap_or_default(),
        booked_at: Some(timestamp(row.booked_at)),
    }
}

pub fn quote(
    id: Uuid,
    loan_id: LoanId,
    quote: &Quote,
    currency: Currency,
) -> Result<pb::PrepaymentQuote, OutOfRange> {
    let money = |minor| Some(money(minor, currency));
    let kind = match quote.kind {
        PrepaymentKind::Full => pb::PrepaymentKind::Full,
        PrepaymentKind::ShortenTerm => pb::PrepaymentKind::ShortenTerm,
        PrepaymentKind::ReduceInstalment => pb::PrepaymentKind::ReduceInstalment,
    };
    Ok(pb::PrepaymentQuote {
        quote_id: id.to_string(),
        loan_id: loan_id.to_string(),
        kind: kind.into(),
        valid_through: date(quote.valid_through),
        total: money(quote.amounts.total()?),
        principal: money(quote.amounts.principal_minor),
        interest: money(quote.amounts.interest_minor),
        penalty: money(quote.amounts.penalty_minor),
        compound: money(quote.amounts.compound_minor),
        fee: money(quote.amounts.fee_minor),
    })
}

pub fn end_of_day(day: &EndOfDay) -> pb::EndOfDay {
    pb::EndOfDay {
        business_date: day.business_date.to_string(),
        finished: day.phase == Phase::Finished,
        loans: day.loans,
        calculated: day.calculated,
        collections: day.collections,
        collected: day.collected,
        began_at_us: day.began_at.timestamp_micros(),
        finished_at_us: day.finished_at.map_or(0, |at| at.timestamp_micros()),
    }
}

pub fn day_total(row: DayTotalRow) -> pb::DayTotal {
    let part = if row.interest { pb::DayTotalPart::Interest } else { pb::DayTotalPart::Principal };
    pb::DayTotal {
        product_code: row.product,
        part: part.into(),
        currency_code: row.currency,
        debit_minor: row.debit_minor,
        credit_minor: row.credit_minor,
    }
}

pub fn as_of(as_of: &AsOf, now: DateTime<Utc>) -> common::AsOf {
    common::AsOf {
        read_token: as_of.token.to_string(),
        from_replica: as_of.from_replica,
        read_at: Some(timestamp(now)),
    }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}

fn date(date: NaiveDate) -> String {
    BusinessDate::from_date(date).to_string()
}

fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

const fn status(status: LoanStatus) -> pb::LoanStatus {
    match status {
        LoanStatus::Applied => pb::LoanStatus::Applied,
        LoanStatus::Declined => pb::LoanStatus::Declined,
        LoanStatus::Approved => pb::LoanStatus::Approved,
        LoanStatus::Active => pb::LoanStatus::Active,
        LoanStatus::Settled => pb::LoanStatus::Settled,
        LoanStatus::WrittenOff => pb::LoanStatus::WrittenOff,
        LoanStatus::Recovered => pb::LoanStatus::Recovered,
    }
}

const fn category(category: Category) -> pb::LoanCategory {
    match category {
        Category::Normal => pb::LoanCategory::Normal,
        Category::SpecialMention => pb::LoanCategory::SpecialMention,
        Category::Substandard => pb::LoanCategory::Substandard,
        Category::Doubtful => pb::LoanCategory::Doubtful,
        Category::Loss => pb::LoanCategory::Loss,
    }
}

const fn entry_kind(kind: EntryKind) -> pb::LoanEntryKind {
    match kind {
        EntryKind::Disbursed => pb::LoanEntryKind::Disbursed,
        EntryKind::Repaid => pb::LoanEntryKind::Repaid,
        EntryKind::Prepaid => pb::LoanEntryKind::Prepaid,
        EntryKind::Collected => pb::LoanEntryKind::Collected,
        EntryKind::NonAccrual => pb::LoanEntryKind::NonAccrual,
        EntryKind::AccrualResumed => pb::LoanEntryKind::AccrualResumed,
        EntryKind::WrittenOff => pb::LoanEntryKind::WrittenOff,
        EntryKind::Recovered => pb::LoanEntryKind::Recovered,
    }
}
