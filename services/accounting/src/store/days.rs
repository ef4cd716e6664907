//! The business dates and the requests about them.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, RequestId};
use platform::db::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows;
use crate::domain::{BusinessDays, Closing, DayOutcome, DayStatus};

/// The advisory lock of whoever changes the business dates: one at a time.
const DAYS_LOCK: i64 = 0x6461_7973;

/// Lets nobody else change the business dates until the end of the tx.
pub async fn lock(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(DAYS_LOCK).execute(conn).await?;
    Ok(())
}

/// The business dates; `None` before the first was opened.
pub async fn find(conn: &mut PgConnection) -> Result<Option<BusinessDays>, Error> {
    let row = sqlx::query(
        "SELECT (SELECT min(business_date) FROM business_days) AS first_on, \
             o.business_date AS open_on, c.business_date AS closing_on, \
             ARRAY(SELECT source FROM cut_over_confirmations AS f \
                   WHERE f.business_date = c.business_date) AS confirmed \
         FROM business_days AS o LEFT JOIN business_days AS c ON c.status = 'CLOSING' \
         WHERE o.status = 'OPEN'",
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let closing: Option<NaiveDate> = row.try_get("closing_on")?;
    let confirmed: Vec<String> = row.try_get("confirmed")?;
    Ok(Some(BusinessDays {
        first: rows::date(&row, "first_on")?,
        current: rows::date(&row, "open_on")?,
        closing: closing.map(|date| Closing {
            date: BusinessDate::from_date(date),
            confirmed: confirmed.into_iter().collect(),
        }),
    }))
}

/// The business dates, and when the current one was opened; `None` before the first.
pub async fn standing(
    conn: &mut PgConnection,
) -> Result<Option<(BusinessDays, DateTime<Utc>)>, Error> {
    let Some(days) = find(conn).await? else { return Ok(None) };
    let opened_at =
        sqlx::query_scalar("SELECT opened_at FROM business_days WHERE business_date = $1")
            .bind(days.current.as_date())
            .fetch_one(conn)
            .await?;
    Ok(Some((days, opened_at)))
}

/// Whether a date takes postings; `None` for one that the bank never had.
pub async fn find_status(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<Option<DayStatus>, Error> {
    let row = sqlx::query("SELECT status FROM business_days WHERE business_date = $1")
        .bind(date.as_date())
        .fetch_optional(conn)
        .await?;
    row.map(|row| rows::status(&row)).transpose()
}

/// Opens a date that new postings carry from now on. The one before it must have been left.
pub async fn open(
    conn: &mut PgConnection,
    date: BusinessDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO business_days (business_date, status, opened_at) VALUES ($1, 'OPEN', $2)",
    )
    .bind(date.as_date())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Leaves the open date.
pub async fn leave(conn: &mut PgConnection, date: BusinessDate) -> Result<(), Error> {
    sqlx::query(
        "UPDATE business_days SET status = 'CLOSING' WHERE business_date = $1 AND status = 'OPEN'",
    )
    .bind(date.as_date())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a source has finished a date.
pub async fn confirm(
    conn: &mut PgConnection,
    source: &str,
    date: BusinessDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO cut_over_confirmations (business_date, source, confirmed_at) \
         VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(date.as_date())
    .bind(source)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes a date that was left. Waits for the batches of it that are being booked.
pub async fn close(
    conn: &mut PgConnection,
    date: BusinessDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE business_days SET status = 'CLOSED', closed_at = $2 \
         WHERE business_date = $1 AND status = 'CLOSING'",
    )
    .bind(date.as_date())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// What was decided on these requests before.
pub async fn find_decided(
    conn: &mut PgConnection,
    ids: &[RequestId],
) -> Result<Vec<DayOutcome>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let found = sqlx::query(
        "SELECT request_id, fingerprint, kind, business_date, result FROM requests \
         WHERE request_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::day_outcome).collect()
}

/// Records a decision.
pub async fn record(
    conn: &mut PgConnection,
    outcome: &DayOutcome,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO requests (request_id, fingerprint, decided_at, kind, business_date, result) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(outcome.request_id.as_uuid())
    .bind(outcome.fingerprint)
    .bind(now)
    .bind(outcome.kind.code())
    .bind(outcome.decision.date().map(BusinessDate::as_date))
    .bind(outcome.decision.code())
    .execute(conn)
    .await?;
    Ok(())
}

/// Creates the partitions of these dates, as far as they are missing. In a tx of its own: it waits for everybody who
/// is writing journals.
pub async fn ensure_partitions(
    conn: &mut PgConnection,
    first: BusinessDate,
    last: BusinessDate,
) -> Result<(), Error> {
    sqlx::query("SELECT ensure_partitions($1, $2)")
        .bind(first.as_date())
        .bind(last.as_date())
        .execute(conn)
        .await?;
    Ok(())
}
