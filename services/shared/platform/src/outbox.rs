//! The outbox relay: takes effects out of the service's database and delivers them, at least once, in order of
//! claim. The receiver makes it exactly once by remembering (source, batch number).
//!
//! Rows are claimed with `SKIP LOCKED` and deleted in the same transaction once acknowledged: a crash between the
//! delivery and the delete delivers again. Rows are never paged by number: numbers are given before commits.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::RelayConfig;
use crate::db::{self, Freshness, ReadPool, WritePool, WriteTx};

/// One transaction of the service, to be delivered.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Unique in this service's database.
    pub batch_number: i64,
    /// The business date of everything in it.
    pub business_date: NaiveDate,
    /// What the receiver understands.
    pub payload: Vec<u8>,
    /// When it was written.
    pub enqueued_at: DateTime<Utc>,
}

/// Where rows are delivered.
pub trait Deliver: Send + Sync + 'static {
    /// Delivers the rows and answers the numbers of those that the receiver has in its books.
    fn deliver(
        &self,
        rows: &[OutboxRow],
    ) -> impl Future<Output = Result<Vec<i64>, tonic::Status>> + Send;
}

/// Wakes the relay after a commit, so that an idle bank does not wait for the next look.
#[derive(Debug, Clone, Default)]
pub struct RelayWaker(Arc<Notify>);

impl RelayWaker {
    /// There is something to deliver.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Delivers a service's outbox until told to stop.
pub struct Relay<D> {
    pool: WritePool,
    receiver: D,
    config: RelayConfig,
    waker: RelayWaker,
}

/// How often [`watch`] looks.
const WATCH_EVERY: Duration = Duration::from_secs(5);

const CLAIM: &str = "WITH claimed AS ( \
         SELECT batch_number, business_date, enqueued_at, payload, \
             sum(octet_length(payload)) OVER (ORDER BY batch_number) AS bytes \
         FROM (SELECT batch_number, business_date, enqueued_at, payload FROM outbox \
               ORDER BY batch_number LIMIT $1 FOR UPDATE SKIP LOCKED) AS free) \
     SELECT batch_number, business_date, enqueued_at, payload, \
         extract(epoch FROM clock_timestamp() - enqueued_at)::double precision AS age_seconds \
     FROM claimed WHERE bytes - octet_length(payload) < $2 ORDER BY batch_number";

const ACKNOWLEDGE: &str = "DELETE FROM outbox WHERE batch_number = ANY($1)";

impl<D: Deliver> Relay<D> {
    /// A relay that `run` starts.
    pub fn new(pool: WritePool, receiver: D, config: &RelayConfig, waker: RelayWaker) -> Self {
        Self { pool, receiver, config: config.clone(), waker }
    }

    /// Delivers until `stop`. A failure is logged once when it begins and once when it ends.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        let failures = metrics::counter!("outbox_failures_total");
        loop {
            let delivered = self.deliver_once().await;
            let backlog = usize::try_from(self.config.batches_max).unwrap_or(usize::MAX) / 2;
            let more = match delivered {
                Ok(rows) => {
                    if failing && rows > 0 {
                        tracing::info!("the outbox is delivered again");
                        failing = false;
                    }
                    if rows > 0 && rows < backlog {
                        self.gather(&stop).await;
                    }
                    rows > 0
                }
                Err(error) => {
                    failures.increment(1);
                    if !failing {
                        tracing::warn!(%error, "the outbox cannot be delivered; trying on");
                        failing = true;
                    }
                    false
                }
            };
            if more && !stop.is_cancelled() {
                continue;
            }
            let idle = Duration::from_millis(if failing { 500 } else { self.config.poll_ms });
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.waker.0.notified(), if !failing => {}
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// Lets rows gather: a delivery costs its receiver a transaction, however small it is. Not while there is a
    /// backlog, nor while stopping.
    async fn gather(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(self.config.gather_ms)) => {}
        }
    }

    /// Claims, delivers and deletes once; answers how many rows were delivered.
    async fn deliver_once(&self) -> Result<usize, RelayError> {
        let mut tx = self.pool.begin().await?;
        let delivered = self.deliver_in(&mut tx).await;
        match delivered {
            Ok(0) => {
                tx.rollback().await;
                Ok(0)
            }
            // A lost answer is no matter: what was deleted is delivered, what was not is delivered again.
            Ok(rows) => tx.commit().await.map(|_| rows).map_err(RelayError::from),
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn deliver_in(&self, tx: &mut WriteTx) -> Result<usize, RelayError> {
        let claimed = sqlx::query(CLAIM)
            .bind(i64::from(self.config.batches_max))
            .bind(i64::from(self.config.bytes_max))
            .fetch_all(tx.conn())
            .await
            .map_err(db::Error::from)?;
        if claimed.is_empty() {
            return Ok(0);
        }
        let mut rows = Vec::with_capacity(claimed.len());
        for row in claimed {
            rows.push(read_row(&row).map_err(db::Error::from)?);
            let age: f64 = row.try_get("age_seconds").map_err(db::Error::from)?;
            metrics::histogram!("outbox_age_seconds").record(age);
        }
        let accepted = self.receiver.deliver(&rows).await?;
        sqlx::query(ACKNOWLEDGE)
            .bind(&accepted)
            .execute(tx.conn())
            .await
            .map_err(db::Error::from)?;
        metrics::counter!("outbox_delivered_total").increment(count(accepted.len()));
        Ok(accepted.len())
    }
}

const BACKLOG: &str = "SELECT count(*) AS rows, \
         COALESCE(extract(epoch FROM clock_timestamp() - min(enqueued_at)), 0)::double precision AS oldest_seconds \
     FROM (SELECT enqueued_at FROM outbox ORDER BY batch_number LIMIT 100000) AS waiting";

/// Shows how much waits to be delivered, and for how long, until `stop`: also while nothing can be delivered.
pub async fn watch(pool: ReadPool, stop: CancellationToken) {
    let rows = metrics::gauge!("outbox_rows");
    let oldest = metrics::gauge!("outbox_oldest_seconds");
    loop {
        // Without an answer the last one stands; that the database does not answer shows elsewhere.
        if let Ok((waiting, seconds)) = backlog(&pool).await {
            rows.set(waiting);
            oldest.set(seconds);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
    }
}

async fn backlog(pool: &ReadPool) -> Result<(u32, f64), db::Error> {
    let mut reader = pool.reader(Freshness::Primary).await?;
    let row = sqlx::query(BACKLOG).fetch_one(reader.conn()).await?;
    let rows: i64 = row.try_get("rows")?;
    Ok((u32::try_from(rows).unwrap_or(u32::MAX), row.try_get("oldest_seconds")?))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn read_row(row: &sqlx::postgres::PgRow) -> Result<OutboxRow, sqlx::Error> {
    Ok(OutboxRow {
        batch_number: row.try_get("batch_number")?,
        business_date: row.try_get("business_date")?,
        enqueued_at: row.try_get("enqueued_at")?,
        payload: row.try_get("payload")?,
    })
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("{0}")]
    Database(#[from] db::Error),
    #[error("{0}")]
    Commit(#[from] db::CommitError),
    #[error("the receiver answered {}: {}", .0.code(), .0.message())]
    Receiver(#[from] tonic::Status),
}
