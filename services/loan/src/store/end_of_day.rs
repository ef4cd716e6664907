//! How far the end of each business date is. The row is locked by whoever works on it, and written in the tx of the
//! work itself; so two who work at once take turns, and whoever goes on after a crash goes on exactly where it was.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::BusinessDate;
use platform::db::{Error, WriteTx};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::corrupt;

/// The advisory lock of whoever works off the ends of days; everybody else leaves it alone.
const RUNNER_LOCK: i64 = 0x656f_6400;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What is due is collected.
    Collecting,
    /// Interest, arrears and categories are calculated.
    Calculating,
    /// Nothing is left.
    Finished,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Collecting, Self::Calculating, Self::Finished];

    const fn code(self) -> &'static str {
        match self {
            Self::Collecting => "COLLECTING",
            Self::Calculating => "CALCULATING",
            Self::Finished => "FINISHED",
        }
    }
}

/// The end of one business date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOfDay {
    /// Of which date.
    pub business_date: BusinessDate,
    /// Drawn once, for the ids of its collections.
    pub run_id: Uuid,
    /// What is being done.
    pub phase: Phase,
    /// The last loan of the phase that is done; nil at its beginning.
    pub after: Uuid,
    /// How many live loans there were when the calculation began; 0 before.
    pub loans: i64,
    /// How many are calculated.
    pub calculated: i64,
    /// How many collections were tried.
    pub collections: i64,
    /// How many of them brought everything that was due.
    pub collected: i64,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended; `None` while it has not.
    pub finished_at: Option<DateTime<Utc>>,
}

const FIND: &str = "SELECT business_date, run_id, phase, after_loan_id, loans, calculated, collections, collected, began_at, \
         finished_at \
     FROM end_of_day WHERE business_date = $1";
const LOCK: &str = "SELECT business_date, run_id, phase, after_loan_id, loans, calculated, collections, collected, began_at, \
         finished_at \
     FROM end_of_day WHERE business_date = $1 FOR NO KEY UPDATE";
const FIND_UNFINISHED: &str = "SELECT business_date, run_id, phase, after_loan_id, loans, calculated, collections, collected, \
         began_at, finished_at \
     FROM end_of_day WHERE phase <> 'FINISHED' ORDER BY business_date LIMIT 1";

/// Becomes the one who works off the ends of days, until the tx ends; false where somebody else is. The lock spares
/// double work; that nothing is done twice rests on the locks of the rows.
pub async fn try_lead(tx: &mut WriteTx) -> Result<bool, Error> {
    let lead = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(RUNNER_LOCK);
    Ok(lead.fetch_one(tx.conn()).await?)
}

/// Asks for the end of a date, and of every earlier one since the last that was asked for. Asking again changes nothing.
pub async fn ask(
    conn: &mut PgConnection,
    date: BusinessDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO end_of_day (business_date, phase, after_loan_id, loans, calculated, collections, collected, began_at) \
         SELECT day::date, 'COLLECTING', '00000000-0000-0000-0000-000000000000', 0, 0, 0, 0, $2 \
         FROM generate_series( \
             LEAST($1, COALESCE((SELECT max(business_date) + 1 FROM end_of_day), $1))::timestamp, \
             $1::timestamp, interval '1 day') AS day \
         ON CONFLICT DO NOTHING",
    )
    .bind(date.as_date())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The end of one date; `None` where it was not asked for.
pub async fn find(conn: &mut PgConnection, date: BusinessDate) -> Result<Option<EndOfDay>, Error> {
    let found = sqlx::query(FIND).bind(date.as_date()).fetch_optional(conn).await?;
    found.as_ref().map(read).transpose()
}

/// The earliest that has not ended.
pub async fn find_unfinished(conn: &mut PgConnection) -> Result<Option<EndOfDay>, Error> {
    let found = sqlx::query(FIND_UNFINISHED).fetch_optional(conn).await?;
    found.as_ref().map(read).transpose()
}

/// One that was asked for, locked until the end of the tx.
pub async fn lock(tx: &mut WriteTx, date: BusinessDate) -> Result<EndOfDay, Error> {
    let found = sqlx::query(LOCK).bind(date.as_date()).fetch_one(tx.conn()).await?;
    read(&found)
}

/// Writes how far it is.
pub async fn save(tx: &mut WriteTx, day: &EndOfDay) -> Result<(), Error> {
    sqlx::query(
        "UPDATE end_of_day SET phase = $2, after_loan_id = $3, loans = $4, calculated = $5, collections = $6, \
             collected = $7, finished_at = $8 WHERE business_date = $1",
    )
    .bind(day.business_date.as_date())
    .bind(day.phase.code())
    .bind(day.after)
    .bind(day.loans)
    .bind(day.calculated)
    .bind(day.collections)
    .bind(day.collected)
    .bind(day.finished_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<EndOfDay, Error> {
    let date: NaiveDate = row.try_get("business_date")?;
    let phase: &str = row.try_get("phase")?;
    let known = Phase::ALL.into_iter().find(|known| known.code() == phase);
    Ok(EndOfDay {
        business_date: BusinessDate::from_date(date),
        run_id: row.try_get("run_id")?,
        phase: known.ok_or_else(|| corrupt("phase", phase))?,
        after: row.try_get("after_loan_id")?,
        loans: row.try_get("loans")?,
        calculated: row.try_get("calculated")?,
        collections: row.try_get("collections")?,
        collected: row.try_get("collected")?,
        began_at: row.try_get("began_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}
