//! The row that says which business date commands are decided on.

use chrono::NaiveDate;
use kernel::BusinessDate;
use platform::db::{Error, WriteTx};
use sqlx::Row;

use super::write::BUSINESS_DAY_LOCK;

/// What the row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessDay {
    /// What new decisions carry.
    pub current: BusinessDate,
    /// The date left last, while accounting has not been told that it is finished.
    pub closing: Option<BusinessDate>,
}

/// Reads the row; `None` before accounting gave the first date.
pub async fn find(tx: &mut WriteTx) -> Result<Option<BusinessDay>, Error> {
    let row = sqlx::query("SELECT business_date, closing_date FROM business_day")
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let closing: Option<NaiveDate> = row.try_get("closing_date")?;
    Ok(Some(BusinessDay {
        current: BusinessDate::from_date(row.try_get("business_date")?),
        closing: closing.map(BusinessDate::from_date),
    }))
}

/// Writes the first date.
pub async fn begin(tx: &mut WriteTx, date: BusinessDate) -> Result<(), Error> {
    sqlx::query("INSERT INTO business_day (business_date) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(date.as_date())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Moves to a later date. Waits until no batch is under way and lets none begin meanwhile: so when this commits, the
/// date that was left can get no more bookings.
pub async fn cut_over(tx: &mut WriteTx, to: BusinessDate) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(BUSINESS_DAY_LOCK)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "UPDATE business_day SET closing_date = business_date, business_date = $1 \
         WHERE business_date < $1 AND closing_date IS NULL",
    )
    .bind(to.as_date())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether everything up to this date has been delivered to accounting.
pub async fn is_delivered(tx: &mut WriteTx, date: BusinessDate) -> Result<bool, Error> {
    let waiting: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM outbox WHERE business_date <= $1)")
            .bind(date.as_date())
            .fetch_one(tx.conn())
            .await?;
    Ok(!waiting)
}

/// Accounting knows that the date is finished.
pub async fn finish(tx: &mut WriteTx, date: BusinessDate) -> Result<(), Error> {
    sqlx::query("UPDATE business_day SET closing_date = NULL WHERE closing_date = $1")
        .bind(date.as_date())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Creates the partitions from a week back to some days ahead, as far as they are missing.
pub async fn ensure_partitions(
    tx: &mut WriteTx,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<(), Error> {
    sqlx::query("SELECT ensure_partitions($1, $2)")
        .bind(first)
        .bind(last)
        .execute(tx.conn())
        .await?;
    Ok(())
}
