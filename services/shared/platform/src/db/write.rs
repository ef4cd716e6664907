//! The write pool and its transaction.
//!
//! A [`WriteTx`] that is dropped without a commit closes its connection, so that no open transaction can get back
//! into the pool. A commit asks for the log position in the same round trip.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, Postgres, Row};

use super::node::Nodes;
use super::token::parse_lsn;
use super::{CommitError, Error, ReadToken};
use crate::traffic::Queues;

/// Transactions on the primary.
#[derive(Clone)]
pub struct WritePool {
    nodes: Arc<Nodes>,
}

/// An open transaction on the primary.
pub struct WriteTx {
    connection: PoolConnection<Postgres>,
    /// Committed or rolled back: the connection may go back into the pool.
    ended: bool,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
    nodes: Arc<Nodes>,
}

impl WritePool {
    pub(super) fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes }
    }

    /// Where those who wait for their turn tell how long.
    pub(crate) fn queues(&self) -> &Queues {
        &self.nodes.queues
    }

    /// Begins a transaction. Call it only from tasks that nobody drops half-way: lanes, relays, jobs.
    ///
    /// # Errors
    /// [`Error::NoPrimary`], or [`Error::Unavailable`] when the primary does not answer in time.
    pub async fn begin(&self) -> Result<WriteTx, Error> {
        let node = self.nodes.primary().ok_or(Error::NoPrimary)?;
        let connection = node.acquire_write().await?;
        let mut tx = WriteTx {
            connection,
            ended: false,
            after_commit: Vec::new(),
            nodes: Arc::clone(&self.nodes),
        };
        tx.conn().execute("BEGIN").await?;
        Ok(tx)
    }
}

/// One round trip: the commit, and the position that a read must reach to see it. The flush position is at or
/// after our commit record, as the commit has waited for its flush.
const COMMIT: &str = "COMMIT; SELECT pg_current_wal_flush_lsn()::text AS lsn, \
     substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) AS timeline";

impl WriteTx {
    /// The connection to run statements on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Runs this once the tx is committed for certain: for what is only counted. It does not run if the answer to the
    /// commit is lost, even where the commit is not.
    pub fn after_commit(&mut self, effect: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(effect));
    }

    /// Commits, and answers the read token of the commit.
    ///
    /// # Errors
    /// Always [`CommitError::Unknown`]: once COMMIT is sent, an error tells nothing about the outcome.
    pub async fn commit(mut self) -> Result<ReadToken, CommitError> {
        let unknown = |error: Error| CommitError::Unknown(error);
        let row = sqlx::raw_sql(COMMIT).fetch_one(self.conn()).await;
        let row = row.map_err(|error| unknown(error.into()))?;
        let lsn: String = row.try_get("lsn").map_err(|error| unknown(error.into()))?;
        let timeline: String = row.try_get("timeline").map_err(|error| unknown(error.into()))?;
        let (Some(lsn), Ok(timeline)) = (parse_lsn(&lsn), u32::from_str_radix(&timeline, 16))
        else {
            return Err(unknown(Error::Inconsistent(format!("position {timeline} {lsn}"))));
        };
        self.ended = true;
        if timeline < self.nodes.fence.fetch_max(timeline, Ordering::AcqRel) {
            // A primary from before a failover said yes: nobody else will ever see this commit.
            return Err(unknown(Error::NoPrimary));
        }
        // What is read here from now on is at least as fresh as this.
        if let Some(node) = self.nodes.primary()
            && node.timeline.load(Ordering::Acquire) == timeline
        {
            node.reached(lsn);
        }
        for effect in self.after_commit.drain(..) {
            effect();
        }
        Ok(ReadToken { service: self.nodes.service.to_owned(), timeline, lsn })
    }

    /// Gives up the transaction and keeps the connection.
    pub async fn rollback(mut self) {
        self.ended = self.conn().execute("ROLLBACK").await.is_ok();
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

/// Refuses a session whose commits would not wait for the disk and the standby: one such session would make the
/// acknowledgements of the whole service a lie.
pub(super) async fn require_durability(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let level: String =
        sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut *connection).await?;
    if !matches!(level.as_str(), "on" | "remote_apply") {
        return Err(sqlx::Error::Configuration(
            format!("synchronous_commit is {level}; acknowledged postings need on").into(),
        ));
    }
    Ok(())
}
