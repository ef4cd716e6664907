//! The read pool: a query says how fresh it must be and gets the cheapest session that is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::time::Instant;

use super::meter::Fallback;
use super::node::{Node, Nodes};
use super::token::parse_lsn;
use super::{Error, ReadToken};

/// How fresh a read must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// Any healthy replica; it is at most `database.lag_max_ms` behind.
    Any,
    /// At least as fresh as the write that returned this token.
    AtLeast(ReadToken),
    /// The primary itself. Decisions about money read nothing else.
    Primary,
}

/// Where a read was served, and as of which position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// A position that the read has certainly seen.
    pub token: ReadToken,
    /// Whether a replica served it.
    pub from_replica: bool,
}

/// Read-only sessions.
#[derive(Clone)]
pub struct ReadPool {
    nodes: Arc<Nodes>,
}

/// A read-only session that is as fresh as was asked.
pub struct Reader {
    connection: PoolConnection<Postgres>,
    as_of: AsOf,
}

impl Reader {
    /// The connection to run queries on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Where it reads, and at least as of when.
    pub fn as_of(&self) -> &AsOf {
        &self.as_of
    }
}

impl ReadPool {
    pub(super) fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes }
    }

    /// A session that is as fresh as asked.
    ///
    /// With a token: a replica that has replayed it, or replays it within `database.token_wait_ms`; else the primary.
    ///
    /// # Errors
    /// No node that is fresh enough answers.
    pub async fn reader(&self, freshness: Freshness) -> Result<Reader, Error> {
        if freshness != Freshness::Primary
            && let Some(node) = self.nodes.replica()
        {
            match self.on_replica(node, &freshness).await {
                Ok(Some(reader)) => {
                    self.nodes.reads.served(true);
                    return Ok(reader);
                }
                Ok(None) => self.nodes.reads.fell_back(Fallback::BehindToken),
                Err(error) => {
                    tracing::debug!(%error, node = node.label, "replica did not answer");
                    self.nodes.reads.fell_back(Fallback::Unreachable);
                }
            }
        } else if freshness != Freshness::Primary {
            self.nodes.reads.fell_back(Fallback::NoReplica);
        }
        let reader = self.on_primary(&freshness).await?;
        self.nodes.reads.served(false);
        Ok(reader)
    }

    async fn on_primary(&self, freshness: &Freshness) -> Result<Reader, Error> {
        let node = self.nodes.primary().ok_or(Error::NoPrimary)?;
        let connection = node.acquire_read().await?;
        let (timeline, mut lsn) = position(node);
        // The primary has whatever the caller has seen, also what came after the monitor's last look.
        if let Freshness::AtLeast(token) = freshness
            && token.timeline == timeline
        {
            lsn = lsn.max(token.lsn);
        }
        let token = ReadToken { service: self.nodes.service.to_owned(), timeline, lsn };
        Ok(Reader { connection, as_of: AsOf { token, from_replica: false } })
    }

    /// `None` when the replica is not fresh enough in time.
    async fn on_replica(
        &self,
        node: &Arc<Node>,
        freshness: &Freshness,
    ) -> Result<Option<Reader>, Error> {
        let mut connection = node.acquire_read().await?;
        if let Freshness::AtLeast(token) = freshness
            && !self.reaches(node, &mut connection, token).await?
        {
            return Ok(None);
        }
        let (timeline, lsn) = position(node);
        let token = ReadToken { service: self.nodes.service.to_owned(), timeline, lsn };
        Ok(Some(Reader { connection, as_of: AsOf { token, from_replica: true } }))
    }

    /// Waits, within the limit, until the node has replayed the token's position on the token's timeline.
    async fn reaches(
        &self,
        node: &Node,
        connection: &mut PgConnection,
        token: &ReadToken,
    ) -> Result<bool, Error> {
        let limit = Instant::now() + Duration::from_millis(self.nodes.config.token_wait_ms);
        loop {
            let (timeline, lsn) = position(node);
            if timeline != token.timeline {
                // Positions of two timelines cannot be compared; the primary has both.
                return Ok(false);
            }
            if lsn >= token.lsn {
                return Ok(true);
            }
            let replayed: String = sqlx::query_scalar("SELECT pg_last_wal_replay_lsn()::text")
                .fetch_one(&mut *connection)
                .await?;
            if let Some(lsn) = parse_lsn(&replayed) {
                node.reached(lsn);
            }
            if node.lsn.load(Ordering::Acquire) < token.lsn {
                if Instant::now() >= limit {
                    return Ok(false);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

fn position(node: &Node) -> (u32, u64) {
    (node.timeline.load(Ordering::Acquire), node.lsn.load(Ordering::Acquire))
}
