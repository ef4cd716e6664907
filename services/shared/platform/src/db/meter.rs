//! What is shown of nodes and their pools. The series are looked up once: sessions are taken thousands of times a second.

use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use sqlx::PgPool;

use super::node::Node;

/// The series of one pool.
pub(super) struct PoolMeter {
    acquire_seconds: Histogram,
    failures: Counter,
    idle: Gauge,
    in_use: Gauge,
}

impl PoolMeter {
    /// The `pool` (`read` or `write`) of a node, which has at most `max` connections.
    pub fn new(node: &str, pool: &'static str, max: u32) -> Self {
        let labels = [("node", node.to_owned()), ("pool", pool.to_owned())];
        metrics::gauge!("db_pool_connections_max", &labels).set(max);
        let connections = |state: &'static str| {
            metrics::gauge!(
                "db_pool_connections", "node" => node.to_owned(), "pool" => pool, "state" => state
            )
        };
        Self {
            acquire_seconds: metrics::histogram!("db_pool_acquire_seconds", &labels),
            failures: metrics::counter!("db_pool_acquire_failures_total", &labels),
            idle: connections("idle"),
            in_use: connections("in_use"),
        }
    }

    /// Somebody has waited so long for a connection, and got one or none.
    pub fn acquired(&self, waited: Duration, got_one: bool) {
        self.acquire_seconds.record(waited);
        if !got_one {
            self.failures.increment(1);
        }
    }

    /// Shows how many connections there are.
    pub fn show(&self, pool: &PgPool) {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        self.idle.set(idle);
        self.in_use.set(pool.size().saturating_sub(idle));
    }
}

/// The series of one node.
pub(super) struct NodeMeter {
    up: Gauge,
    primary: Gauge,
    serves_reads: Gauge,
    timeline: Gauge,
    lag_seconds: Gauge,
}

impl NodeMeter {
    pub fn new(node: &str) -> Self {
        let labels = [("node", node.to_owned())];
        Self {
            up: metrics::gauge!("db_node_up", &labels),
            primary: metrics::gauge!("db_node_primary", &labels),
            serves_reads: metrics::gauge!("db_replica_serves_reads", &labels),
            timeline: metrics::gauge!("db_node_timeline", &labels),
            lag_seconds: metrics::gauge!("db_replica_lag_seconds", &labels),
        }
    }

    /// Shows what a look at the node has found.
    pub fn show(&self, node: &Node, up: bool, primary: bool) {
        self.up.set(u8::from(up));
        self.primary.set(u8::from(primary));
        self.serves_reads.set(u8::from(node.serves_reads.load(Ordering::Relaxed)));
        self.timeline.set(node.timeline.load(Ordering::Relaxed));
        if primary {
            self.lag_seconds.set(0);
        }
    }

    /// Shows how far a replica is behind.
    pub fn lags(&self, lag_ms: u64) {
        self.lag_seconds.set(Duration::from_millis(lag_ms).as_secs_f64());
    }
}

/// Where reads were served, and why the primary had to. The series of one service.
pub(super) struct ReadMeter {
    replica: Counter,
    primary: Counter,
    behind_token: Counter,
    unreachable: Counter,
    no_replica: Counter,
}

/// Why the primary served a read that a replica could have served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    BehindToken,
    Unreachable,
    NoReplica,
}

impl ReadMeter {
    pub fn new() -> Self {
        let served = |by: &'static str| metrics::counter!("db_reads_total", "served_by" => by);
        let fell_back =
            |why: &'static str| metrics::counter!("db_read_fallback_total", "why" => why);
        Self {
            replica: served("replica"),
            primary: served("primary"),
            behind_token: fell_back("behind_token"),
            unreachable: fell_back("unreachable"),
            no_replica: fell_back("no_replica"),
        }
    }

    pub fn served(&self, from_replica: bool) {
        if from_replica { &self.replica } else { &self.primary }.increment(1);
    }

    pub fn fell_back(&self, why: Fallback) {
        match why {
            Fallback::BehindToken => &self.behind_token,
            Fallback::Unreachable => &self.unreachable,
            Fallback::NoReplica => &self.no_replica,
        }
        .increment(1);
    }
}
