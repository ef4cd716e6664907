//! The statements of the end of a day: some thousands of loans at a time, in order of id. A plain loan, of which nothing
//! is due or late, is read and written by the few columns that its interest needs; no instalment is touched for it.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency, LoanId};
use platform::db::Error;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows;
use super::save::{insert_entries, save_loans};
use super::write::BUSINESS_DAY_LOCK;
use crate::domain::{ChangedLoan, LoanEffects, Movement, Running};

/// What a plain loan's day needs of it.
#[derive(Debug, Clone)]
pub struct Open {
    /// Which loan.
    pub id: LoanId,
    /// Its product.
    pub product: String,
    /// Its currency.
    pub currency: Currency,
    /// The running period.
    pub running: Option<Running>,
    /// How many days it is overdue.
    pub days_overdue: i64,
    /// Interest of all kinds accrued, unpaid and on the books.
    pub receivable_minor: i64,
}

/// Keeps the business date where it is until the end of the tx, and has the loans read in order of their key: a plan
/// that sorts all of them would do so for every batch.
pub async fn enter(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query(
        "SELECT pg_advisory_xact_lock_shared($1), set_config('enable_seqscan', 'off', true), \
             set_config('enable_sort', 'off', true)",
    )
    .bind(BUSINESS_DAY_LOCK)
    .execute(conn)
    .await?;
    Ok(())
}

/// The date on which it is booked.
pub async fn business_date(conn: &mut PgConnection) -> Result<BusinessDate, Error> {
    let date: NaiveDate =
        sqlx::query_scalar("SELECT business_date FROM business_day").fetch_one(conn).await?;
    Ok(BusinessDate::from_date(date))
}

/// Locks the next loans, in order of id, that are not calculated through the date.
pub async fn lock_open(
    conn: &mut PgConnection,
    date: BusinessDate,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Open>, Error> {
    let locked = sqlx::query(
        "SELECT loan_id, product, currency, period_start_on, next_due_on, period_interest_minor, \
             period_carried_minor, period_accrued_minor, days_overdue, receivable_minor \
         FROM loans WHERE loan_id > $1 AND status = 'ACTIVE' AND calculated_through < $2 \
         ORDER BY loan_id LIMIT $3 FOR NO KEY UPDATE",
    )
    .bind(after)
    .bind(date.as_date())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    locked.iter().map(open).collect()
}

fn open(row: &PgRow) -> Result<Open, Error> {
    Ok(Open {
        id: LoanId::from_uuid(row.try_get("loan_id")?),
        product: row.try_get("product")?,
        currency: rows::currency(row.try_get("currency")?)?,
        running: rows::running(row)?,
        days_overdue: i64::from(row.try_get::<i32, _>("days_overdue")?),
        receivable_minor: row.try_get("receivable_minor")?,
    })
}

/// Those of these loans whose money is on its way. Asked once they are locked, so that it stays true.
pub async fn busy(conn: &mut PgConnection, locked: &[Open]) -> Result<HashSet<LoanId>, Error> {
    let first = locked.first().map(|one| one.id.as_uuid());
    let last = locked.last().map(|one| one.id.as_uuid());
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT loan_id FROM movements WHERE status = 'PENDING' AND loan_id BETWEEN $1 AND $2",
    )
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(LoanId::from_uuid).collect())
}

/// Writes plain loans: what has accrued, and through which date.
pub async fn save_plain(
    conn: &mut PgConnection,
    plain: &[Open],
    date: BusinessDate,
) -> Result<(), Error> {
    if plain.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = plain.iter().map(|one| one.id.as_uuid()).collect();
    let accrued: Vec<i64> =
        plain.iter().map(|one| one.running.map_or(0, |running| running.accrued_minor)).collect();
    let receivable: Vec<i64> = plain.iter().map(|one| one.receivable_minor).collect();
    sqlx::query(
        "UPDATE loans SET period_accrued_minor = new.period_accrued_minor, \
             receivable_minor = new.receivable_minor, calculated_through = $1 \
         FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS new (loan_id, period_accrued_minor, receivable_minor) \
         WHERE loans.loan_id = new.loan_id",
    )
    .bind(date.as_date())
    .bind(ids)
    .bind(accrued)
    .bind(receivable)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes all others, and what happened to them.
pub async fn save_others(
    conn: &mut PgConnection,
    changed: &[ChangedLoan],
    effects: &[LoanEffects],
    at: (BusinessDate, DateTime<Utc>),
) -> Result<(), Error> {
    save_loans(conn, changed).await?;
    insert_entries(conn, effects, at).await
}

/// How many live loans are not calculated through the date.
pub async fn count_open(conn: &mut PgConnection, date: BusinessDate) -> Result<i64, Error> {
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM loans WHERE status = 'ACTIVE' AND calculated_through < $1",
    );
    Ok(count.bind(date.as_date()).fetch_one(conn).await?)
}

/// Movements on their way that count for the date, or one before it.
pub async fn waits(conn: &mut PgConnection, date: BusinessDate) -> Result<Vec<Movement>, Error> {
    let found = sqlx::query(
        "SELECT movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, \
             moved_minor, quote_id, accepted_at, ended_at, business_date, value_date, currency, kind, status, refusal \
         FROM movements WHERE status = 'PENDING' AND value_date <= $1",
    )
    .bind(date.as_date())
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::movement).collect()
}
