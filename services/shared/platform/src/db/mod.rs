//! Where a service reads and writes: one pool per Postgres node, and a router over them.
//!
//! Invariants: a write goes to the primary, and only from a task that nobody drops half-way; a read says how fresh
//! it must be, and its session is read-only even where the primary serves it; a read token names the timeline
//! beside the position, because positions of two timelines cannot be compared.
//!
//! Absent on purpose: routing by the text of the SQL. The caller says which it wants by the type it asks for.

mod error;
mod meter;
mod migrate;
mod monitor;
mod node;
mod read;
mod token;
mod write;

pub use error::{CommitError, Error};
pub use migrate::{MigrateError, migrate};
pub use read::{AsOf, Freshness, ReadPool, Reader};
pub use token::{InvalidToken, ReadToken};
pub use write::{WritePool, WriteTx};

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::DatabaseConfig;
use crate::traffic::Queues;
use node::Nodes;

/// The Postgres nodes of one service, watched.
pub struct Database {
    nodes: Arc<Nodes>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Database {
    /// Makes the pools and starts watching each node. Does not wait for Postgres: `ready` tells.
    ///
    /// # Errors
    /// A node's URL cannot be parsed.
    pub fn connect(service: &'static str, config: &DatabaseConfig) -> Result<Self, Error> {
        let nodes = Arc::new(Nodes::new(service, config)?);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        for node in nodes.each() {
            tasks.spawn(monitor::watch(Arc::clone(&nodes), Arc::clone(node), stop.clone()));
        }
        tasks.close();
        Ok(Self { nodes, stop, tasks })
    }

    /// Waits until the primary is known.
    ///
    /// # Errors
    /// [`Error::NoPrimary`] when none answered within `limit`.
    pub async fn wait_until_ready(&self, limit: Duration) -> Result<(), Error> {
        let found = self.nodes.primary_changed(limit).await;
        found.ok_or(Error::NoPrimary).map(|_| ())
    }

    /// Whether a primary is known; what readiness depends on.
    pub fn ready(&self) -> bool {
        self.nodes.primary().is_some()
    }

    /// A closure for [`ready`](Self::ready) that outlives the borrow.
    pub fn ready_probe(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let nodes = Arc::clone(&self.nodes);
        move || nodes.primary().is_some()
    }

    /// Where writes go.
    pub fn write_pool(&self) -> WritePool {
        WritePool::new(Arc::clone(&self.nodes))
    }

    /// Where reads go.
    pub fn read_pool(&self) -> ReadPool {
        ReadPool::new(Arc::clone(&self.nodes))
    }

    /// How long work waits for its turn at these books: the pools' and the lanes' queues.
    pub fn queues(&self) -> &Queues {
        &self.nodes.queues
    }

    /// Stops watching and closes every connection.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.nodes.close().await;
    }
}
