//! The sections that services share: every setting with its meaning, unit, default and consequence.

use std::net::SocketAddr;

use serde::Deserialize;

use super::{Problems, Validate};
use crate::protection::Secret;

/// `[server]`: where a service listens, and how it ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address of the gRPC listener.
    pub listen: SocketAddr,
    /// Address of the operations port (HTTPS: /livez, /readyz, /metrics, and the gRPC operations service).
    pub operations_listen: SocketAddr,
    /// No TLS, callers name themselves, anybody may call anything; default false. Only to measure what protection
    /// costs, and only on loopback addresses.
    #[serde(default)]
    pub unprotected: bool,
    /// Connections open at once on each of the two listeners; default 1,024. One too many is closed at once.
    #[serde(default = "a_thousand")]
    pub connections_max: usize,
    /// How long a connection is used before its caller is told to open another one, seconds; default 600. Within this
    /// time everybody on the network uses a renewed certificate.
    #[serde(default = "ten_minutes")]
    pub connection_age_max_s: u64,
    /// How long calls under way may go on after SIGTERM, milliseconds; default 5,000. What is not finished by then is
    /// cut off, and its callers must find out.
    #[serde(default = "five_seconds")]
    pub drain_ms: u64,
    /// The deadline of a call that brings none, milliseconds; default 10,000. No call gets more than six times this.
    #[serde(default = "ten_seconds")]
    pub default_deadline_ms: u64,
}

fn five_seconds() -> u64 {
    5_000
}

fn ten_seconds() -> u64 {
    10_000
}

fn a_thousand() -> usize {
    1_024
}

fn ten_minutes() -> u64 {
    600
}

impl Validate for ServerConfig {
    fn problems(&self, problems: &mut Problems) {
        let local = "must be a loopback address while server.unprotected is true";
        let may_listen = |address: SocketAddr| !self.unprotected || address.ip().is_loopback();
        problems.require(may_listen(self.listen), "server.listen", local);
        problems.require(may_listen(self.operations_listen), "server.operations_listen", local);
        let some = (1..=100_000).contains(&self.connections_max);
        problems.require(some, "server.connections_max", "must be 1 to 100000");
        let some = (1..=86_400).contains(&self.connection_age_max_s);
        problems.require(some, "server.connection_age_max_s", "must be 1 to 86400");
        let some = (1..=600_000).contains(&self.default_deadline_ms);
        problems.require(some, "server.default_deadline_ms", "must be 1 to 600000");
        problems.require(self.drain_ms <= 600_000, "server.drain_ms", "must be 0 to 600000");
    }
}

/// `[database]`: the Postgres nodes of a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// URLs of all nodes with the role of the running service, in any order; who is primary is found out.
    pub nodes: Vec<Secret<String>>,
    /// Connections for writes to the primary; default 6. A lane, a relay and each job hold one while they work.
    #[serde(default = "six")]
    pub write_pool_size: u32,
    /// Connections for reads to each node; default 8.
    #[serde(default = "eight")]
    pub read_pool_size: u32,
    /// How long to wait for a connection, handshake included, milliseconds; default 2,000.
    #[serde(default = "two_seconds")]
    pub connect_timeout_ms: u64,
    /// How long a read waits for a replica to reach its token before the primary serves it, milliseconds; default 50.
    #[serde(default = "fifty")]
    pub token_wait_ms: u64,
    /// A replica further behind than this serves no reads, milliseconds; default 2,000. The bound of staleness of reads
    /// that ask for none.
    #[serde(default = "two_seconds")]
    pub lag_max_ms: u64,
    /// How often the primary's heartbeat is written, milliseconds; default 500. Lag cannot be seen finer than this.
    #[serde(default = "half_a_second")]
    pub heartbeat_ms: u64,
}

fn six() -> u32 {
    6
}

fn eight() -> u32 {
    8
}

fn fifty() -> u64 {
    50
}

fn half_a_second() -> u64 {
    500
}

fn two_seconds() -> u64 {
    2_000
}

impl Validate for DatabaseConfig {
    fn problems(&self, problems: &mut Problems) {
        problems.require(!self.nodes.is_empty(), "database.nodes", "at least one node is needed");
        for node in &self.nodes {
            let postgres = node.expose().starts_with("postgres://");
            problems.require(postgres, "database.nodes", "each must begin with postgres://");
        }
        let range = 1..=200;
        let what = "must be 1 to 200";
        problems.require(range.contains(&self.write_pool_size), "database.write_pool_size", what);
        problems.require(range.contains(&self.read_pool_size), "database.read_pool_size", what);
        let more = self.lag_max_ms > self.heartbeat_ms;
        problems.require(more, "database.lag_max_ms", "must be more than database.heartbeat_ms");
        let some = self.heartbeat_ms > 0;
        problems.require(some, "database.heartbeat_ms", "must be at least 1");
        let some = self.connect_timeout_ms > 0;
        problems.require(some, "database.connect_timeout_ms", "must be at least 1");
    }
}

/// `[telemetry]`: logs, traces and metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged, as tracing's filter directives; default `info`.
    pub log: String,
    /// `json` (default) or `text`, to standard error.
    pub log_format: String,
    /// Where traces go, OTLP over gRPC, such as `http://127.0.0.1:4317`; empty (default) exports none.
    pub otlp_endpoint: String,
    /// Which part of the calls without a sampled parent is traced, 0 to 1; default 0.01.
    pub sample_ratio: f64,
    /// Whether anything is counted; default true. Without it `/metrics` is empty: only to measure what counting costs.
    pub metrics: bool,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".into(),
            log_format: "json".into(),
            otlp_endpoint: String::new(),
            sample_ratio: 0.01,
            metrics: true,
        }
    }
}

impl Validate for TelemetryConfig {
    fn problems(&self, problems: &mut Problems) {
        let ratio = (0.0..=1.0).contains(&self.sample_ratio);
        problems.require(ratio, "telemetry.sample_ratio", "must be 0 to 1");
        let format = matches!(self.log_format.as_str(), "json" | "text");
        problems.require(format, "telemetry.log_format", "must be json or text");
        let filter = self.log.parse::<tracing_subscriber::EnvFilter>().is_ok();
        problems.require(filter, "telemetry.log", "must be filter directives such as info");
        let url = self.otlp_endpoint.is_empty() || self.otlp_endpoint.starts_with("http");
        problems.require(url, "telemetry.otlp_endpoint", "must be an http URL, or empty");
    }
}

/// `[lanes]`: how writes are grouped.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneConfig {
    /// How many batches may be under way at once, each on a connection of its own; default 2. More keeps more cores
    /// busy; batches that touch the same account wait for each other.
    pub lanes: usize,
    /// The most commands in a batch; default 1,000. A larger batch costs less per command and makes each wait longer.
    pub batch_max: usize,
    /// How many commands may wait in each lane; default 20,000. Beyond it callers are refused at once.
    pub queue_max: usize,
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self { lanes: 2, batch_max: 1_000, queue_max: 20_000 }
    }
}

impl Validate for LaneConfig {
    fn problems(&self, problems: &mut Problems) {
        problems.require((1..=64).contains(&self.lanes), "lanes.lanes", "must be 1 to 64");
        let batch = (1..=10_000).contains(&self.batch_max);
        problems.require(batch, "lanes.batch_max", "must be 1 to 10000");
        let queue = (1..=1_000_000).contains(&self.queue_max);
        problems.require(queue, "lanes.queue_max", "must be 1 to 1000000");
    }
}

/// `[relay]`: how the outbox is delivered.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// How often to look when nothing woke the relay, milliseconds; default 50.
    pub poll_ms: u64,
    /// How long rows gather after a delivery that took all there was, milliseconds; default 50. A delivery costs its
    /// receiver a transaction, however small it is; so this trades the age of the outbox for load.
    pub gather_ms: u64,
    /// The most outbox rows in one delivery; default 64.
    pub batches_max: u32,
    /// The most payload in one delivery, bytes; default 2,000,000; a single larger row still goes.
    pub bytes_max: u32,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self { poll_ms: 50, gather_ms: 50, batches_max: 64, bytes_max: 2_000_000 }
    }
}

impl Validate for RelayConfig {
    fn problems(&self, problems: &mut Problems) {
        problems.require(self.poll_ms > 0, "relay.poll_ms", "must be at least 1");
        let gather = self.gather_ms <= 1_000;
        problems.require(gather, "relay.gather_ms", "must be 0 to 1000");
        let batches = (1..=1_000).contains(&self.batches_max);
        problems.require(batches, "relay.batches_max", "must be 1 to 1000");
        // Receivers take messages of at most 4 MiB.
        let bytes = (1..=3_000_000).contains(&self.bytes_max);
        problems.require(bytes, "relay.bytes_max", "must be 1 to 3000000");
    }
}

/// The address of a service that is called, such as `https://127.0.0.1:5001`; `http://` only where this process runs
/// unprotected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientConfig {
    /// Scheme, host and port.
    pub url: String,
}

impl TryFrom<String> for ClientConfig {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        let host = url.strip_prefix("https://").or(url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            return Err("must be https://HOST:PORT".into());
        }
        Ok(Self { url })
    }
}
