//! What is open, for metrics: one statement, each part of it over an index of what is open.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::BusinessDate;
use platform::db::Error;
use sqlx::{PgConnection, Row};

/// What is open.
#[derive(Debug)]
pub struct Standing {
    /// Orders that deposit has not answered.
    pub pending: i64,
    /// Since when the oldest of them has been there.
    pub pending_since: Option<DateTime<Utc>>,
    /// Until when holds have been compared with authorizations.
    pub swept_until: Option<DateTime<Utc>>,
    /// Clearing records that are being posted.
    pub posting: i64,
    /// Clearing records that need a person.
    pub exceptions: i64,
    /// Differences with the scheme that are not resolved.
    pub breaks: i64,
    /// What holders owe.
    pub receivable_minor: i64,
    /// The business date.
    pub business_date: Option<BusinessDate>,
}

const LOOK: &str = "SELECT (SELECT count(*) FROM orders WHERE status = 'PENDING') AS pending, \
         (SELECT min(created_at) FROM orders WHERE status = 'PENDING') AS pending_since, \
         (SELECT swept_until FROM sweeps) AS swept_until, \
         (SELECT count(*) FROM clearing_items WHERE status = 'POSTING') AS posting, \
         (SELECT count(*) FROM clearing_items WHERE status = 'EXCEPTION') AS exceptions, \
         (SELECT count(*) FROM settlement_breaks WHERE resolution IS NULL) AS breaks, \
         (SELECT coalesce(sum(receivable_minor), 0)::bigint FROM cards WHERE receivable_minor > 0) \
             AS receivable_minor, \
         (SELECT business_date FROM business_day) AS business_date";

/// Looks.
pub async fn look(conn: &mut PgConnection) -> Result<Standing, Error> {
    let row = sqlx::query(LOOK).fetch_one(conn).await?;
    let date: Option<NaiveDate> = row.try_get("business_date")?;
    Ok(Standing {
        pending: row.try_get("pending")?,
        pending_since: row.try_get("pending_since")?,
        swept_until: row.try_get("swept_until")?,
        posting: row.try_get("posting")?,
        exceptions: row.try_get("exceptions")?,
        breaks: row.try_get("breaks")?,
        receivable_minor: row.try_get("receivable_minor")?,
        business_date: date.map(BusinessDate::from_date),
    })
}
