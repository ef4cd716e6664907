//! What accounting does without being asked: open the first business date, and keep the partitions of the dates to come
//! in place. Doing it twice, or in two processes at once, changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kernel::{BusinessDate, Clock};
use platform::Sources;
use platform::db::{CommitError, Error, WritePool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::BusinessDays;
use crate::store::days;

/// How many dates ahead have their partitions: as many cut-overs may follow one another without waiting for this job.
const DATES_AHEAD: usize = 7;
const LOOK_EVERY: Duration = Duration::from_hours(1);
const TRY_EVERY: Duration = Duration::from_millis(200);

/// Whether the books are open: there is a business date, and a place for its journals. What readiness depends on.
#[derive(Debug, Clone, Default)]
pub struct BooksOpen(Arc<AtomicBool>);

impl BooksOpen {
    /// Whether they are.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Keeps the books open until told to stop. Looks again whenever `changed` is told that the business dates did.
pub struct KeepBooksOpen {
    /// Where the books are.
    pub pool: WritePool,
    /// When dates are opened.
    pub clock: Arc<dyn Clock>,
    /// Opened where the bank has no business date yet.
    pub first_date: BusinessDate,
    /// Told when the business dates changed.
    pub changed: Arc<Notify>,
    /// Set once the books are open.
    pub open: BooksOpen,
}

#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("the books cannot be opened")]
    Database(#[from] Error),
    #[error("the books cannot be opened")]
    Commit(#[from] CommitError),
}

impl KeepBooksOpen {
    /// Runs until `stop`. A failure is logged once when it begins.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let again = match self.step().await {
                Ok(()) => {
                    failing = false;
                    self.open.0.store(true, Ordering::Release);
                    LOOK_EVERY
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(error = %Sources(&error), "trying on");
                    }
                    failing = true;
                    TRY_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(again) => {}
            }
        }
    }

    async fn step(&self) -> Result<(), JobError> {
        let mut tx = self.pool.begin().await?;
        let known = days::find(tx.conn()).await?;
        let (first, current) = known.as_ref().map_or((self.first_date, self.first_date), bounds);
        let ahead = std::iter::successors(Some(current), |date| date.next()).take(DATES_AHEAD + 1);
        let last = ahead.last().unwrap_or(current);
        days::ensure_partitions(tx.conn(), first, last).await?;
        tx.commit().await?;
        if known.is_some() {
            return Ok(());
        }
        // Not in the tx above, which holds the tables.
        let mut tx = self.pool.begin().await?;
        days::lock(tx.conn()).await?;
        if days::find(tx.conn()).await?.is_none() {
            days::open(tx.conn(), self.first_date, self.clock.now()).await?;
            tracing::info!(business_date = %self.first_date, "the first business date is open");
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The earliest date that takes postings, and the current one.
fn bounds(days: &BusinessDays) -> (BusinessDate, BusinessDate) {
    let first = days.closing.as_ref().map_or(days.current, |closing| closing.date);
    (first, days.current)
}
