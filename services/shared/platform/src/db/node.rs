//! One Postgres node as the router sees it, and the set of them.
//!
//! What the monitor observes is kept in atomics: the paths that read it run thousands of times a second.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, PgPool, Postgres};
use tokio::sync::watch;

use super::Error;
use super::meter::{NodeMeter, PoolMeter, ReadMeter};
use crate::config::DatabaseConfig;
use crate::traffic::{PoolQueue, Queues};

const NONE: usize = usize::MAX;

/// One Postgres node.
pub(super) struct Node {
    /// Position in the configuration; also its label in metrics and logs.
    pub index: usize,
    pub label: String,
    pub options: PgConnectOptions,
    /// Sessions are read-only, whatever the node's role.
    pub read: PgPool,
    /// How long readers wait for a session.
    pub read_queue: PoolQueue,
    /// Used while the node is the primary.
    pub write: PgPool,
    pub read_meter: PoolMeter,
    pub write_meter: PoolMeter,
    pub meter: NodeMeter,
    /// In recovery, answering, and not too far behind.
    pub serves_reads: AtomicBool,
    /// The last position known to be replayed (replica) or flushed (primary).
    pub lsn: AtomicU64,
    pub timeline: AtomicU32,
    /// The last heartbeat that this node holds, microseconds of the primary's clock.
    pub beat_us: AtomicI64,
}

/// All nodes of a service's database.
pub(super) struct Nodes {
    pub service: &'static str,
    pub config: DatabaseConfig,
    pub queues: Queues,
    pub reads: ReadMeter,
    list: Vec<Arc<Node>>,
    primary: watch::Sender<usize>,
    /// The highest timeline a primary was seen on; a primary on a lower one is a ghost from before a failover.
    pub fence: AtomicU32,
    next: AtomicUsize,
}

impl Nodes {
    pub fn new(service: &'static str, config: &DatabaseConfig) -> Result<Self, Error> {
        let (mut list, queues) = (Vec::new(), Queues::default());
        for (index, url) in config.nodes.iter().enumerate() {
            list.push(Arc::new(Node::new(service, index, url.expose(), config, &queues)?));
        }
        Ok(Self {
            service,
            config: config.clone(),
            queues,
            reads: ReadMeter::new(),
            list,
            primary: watch::Sender::new(NONE),
            fence: AtomicU32::new(0),
            next: AtomicUsize::new(0),
        })
    }

    pub fn each(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.list.iter()
    }

    pub fn primary(&self) -> Option<&Arc<Node>> {
        self.list.get(*self.primary.borrow())
    }

    pub async fn primary_changed(&self, limit: Duration) -> Option<&Arc<Node>> {
        let mut seen = self.primary.subscribe();
        let found = tokio::time::timeout(limit, seen.wait_for(|index| *index != NONE)).await;
        found.ok()?.ok()?;
        self.primary()
    }

    pub fn set_primary(&self, node: &Node) {
        self.primary.send_if_modified(|index| std::mem::replace(index, node.index) != node.index);
    }

    pub fn unset_primary(&self, node: &Node) {
        self.primary.send_if_modified(|index| {
            let was = *index == node.index;
            if was {
                *index = NONE;
            }
            was
        });
    }

    /// The next replica that may serve reads, in turn.
    pub fn replica(&self) -> Option<&Arc<Node>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..self.list.len())
            .filter_map(|step| self.list.get(start.wrapping_add(step) % self.list.len()))
            .find(|node| node.serves_reads.load(Ordering::Relaxed))
    }

    pub async fn close(&self) {
        for node in &self.list {
            node.read.close().await;
            node.write.close().await;
        }
    }
}

impl Node {
    fn new(
        service: &'static str,
        index: usize,
        url: &str,
        config: &DatabaseConfig,
        queues: &Queues,
    ) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Error::Setting(format!("database.nodes[{index}] is not a Postgres URL")))?
            .ssl_mode(PgSslMode::Prefer)
            .application_name(service)
            // Failures are logged where they are handled; each statement at debug level is not worth its cost.
            .disable_statement_logging();
        let label = format!("{}:{}", options.get_host(), options.get_port());
        let patience = Duration::from_millis(config.connect_timeout_ms);
        // Every statement of ours is prepared once and has one good plan: index lookups by key. A custom plan for
        // each array length would cost planning time and could prefer a sequential scan for a large batch.
        let read = options.clone().options([
            ("default_transaction_read_only", "on"),
            ("plan_cache_mode", "force_generic_plan"),
            ("statement_timeout", "30000"),
        ]);
        let write = options.clone().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("idle_in_transaction_session_timeout", "60000"),
            ("jit", "off"),
        ]);
        let pool = |size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(patience)
                // A ping costs a round trip for each use; a broken connection shows itself in the statement.
                .test_before_acquire(false)
                .max_lifetime(None)
                .idle_timeout(None)
        };
        Ok(Self {
            index,
            read: pool(config.read_pool_size).connect_lazy_with(read),
            read_queue: queues.pool(config.read_pool_size),
            write: pool(config.write_pool_size)
                .after_connect(|connection, _| {
                    Box::pin(super::write::require_durability(connection))
                })
                .connect_lazy_with(write),
            read_meter: PoolMeter::new(&label, "read", config.read_pool_size),
            write_meter: PoolMeter::new(&label, "write", config.write_pool_size),
            meter: NodeMeter::new(&label),
            label,
            options,
            serves_reads: AtomicBool::new(false),
            lsn: AtomicU64::new(0),
            timeline: AtomicU32::new(0),
            beat_us: AtomicI64::new(0),
        })
    }

    /// A read-only session, and how long it was waited for is told to traffic control.
    pub async fn acquire_read(&self) -> Result<PoolConnection<Postgres>, Error> {
        let asked = Instant::now();
        let connection = self.read.acquire().await;
        let waited = asked.elapsed();
        self.read_queue.waited(waited);
        self.read_meter.acquired(waited, connection.is_ok());
        Ok(connection?)
    }

    /// A session that may write, if the node is the primary.
    pub async fn acquire_write(&self) -> Result<PoolConnection<Postgres>, Error> {
        let asked = Instant::now();
        let connection = self.write.acquire().await;
        self.write_meter.acquired(asked.elapsed(), connection.is_ok());
        Ok(connection?)
    }

    /// Remembers a position that the node has reached; never goes back within a timeline.
    pub fn reached(&self, lsn: u64) {
        self.lsn.fetch_max(lsn, Ordering::AcqRel);
    }
}
