//! Every metric of the platform: what `/metrics` says of each. `docs/reference/metrics.md` says more.

use metrics::Unit;

/// What is shown under one name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    meaning: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A number that only grows.
pub const fn counter(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit, meaning }
}

/// A number that goes up and down.
pub const fn gauge(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, meaning }
}

/// How many values lie below each of some bounds. Its name ends in `_seconds` or `_size`, which give it its bounds.
pub const fn histogram(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, meaning }
}

/// Tells what these metrics are. Call it once, after telemetry was started.
pub fn describe(metrics: &[Metric]) {
    for Metric { name, kind, unit, meaning } in metrics.iter().copied() {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, meaning),
            Kind::Gauge => metrics::describe_gauge!(name, unit, meaning),
            Kind::Histogram => metrics::describe_histogram!(name, unit, meaning),
        }
    }
}

pub(super) const PLATFORM: &[Metric] = &[
    counter(
        "rpc_requests_total",
        Unit::Count,
        "Calls that ended, by method, code and kind of caller.",
    ),
    histogram(
        "rpc_duration_seconds",
        Unit::Seconds,
        "From a call's arrival to its answer, refusals included.",
    ),
    counter(
        "traffic_shed_total",
        Unit::Count,
        "Calls not let in, by the limit that was reached and the class.",
    ),
    gauge(
        "traffic_concurrency_limit",
        Unit::Count,
        "How many calls may be under way just now, by access.",
    ),
    gauge(
        "traffic_queue_seconds",
        Unit::Seconds,
        "How long work waits for its turn at the books, by access.",
    ),
    gauge("traffic_in_flight", Unit::Count, "Calls under way, by class and access."),
    gauge(
        "traffic_limits_version",
        Unit::Count,
        "The version of the limits that were changed while the service runs.",
    ),
    gauge(
        "breaker_state",
        Unit::Count,
        "Whether calls are made to a service: 0 all, 1 a few to see, 2 none.",
    ),
    counter(
        "breaker_rejected_total",
        Unit::Count,
        "Calls that were not made because their callee fails.",
    ),
    histogram("lane_batch_size", Unit::Count, "Commands in a batch."),
    histogram(
        "lane_queue_seconds",
        Unit::Seconds,
        "How long the oldest command of a batch had waited when it began.",
    ),
    histogram(
        "lane_batch_seconds",
        Unit::Seconds,
        "From a batch's begin to its answers, repetitions included.",
    ),
    histogram(
        "lane_late_seconds",
        Unit::Seconds,
        "How long after its caller's deadline a command was done.",
    ),
    counter(
        "lane_expired_total",
        Unit::Count,
        "Commands that nobody waited for any more, and that were not done.",
    ),
    counter("lane_retries_total", Unit::Count, "Attempts at a batch that were made again."),
    counter(
        "lane_unknown_commits_total",
        Unit::Count,
        "Commits whose answer was lost, such that it had to be found out.",
    ),
    gauge("db_pool_connections", Unit::Count, "Connections that are open, idle or in use."),
    gauge("db_pool_connections_max", Unit::Count, "Connections that may be open."),
    histogram(
        "db_pool_acquire_seconds",
        Unit::Seconds,
        "How long a connection of the pool was waited for.",
    ),
    counter(
        "db_pool_acquire_failures_total",
        Unit::Count,
        "Times that no connection was to be had in time.",
    ),
    counter("db_reads_total", Unit::Count, "Read sessions, by where they were served."),
    counter(
        "db_read_fallback_total",
        Unit::Count,
        "Reads that the primary served instead of a replica, and why.",
    ),
    gauge(
        "db_node_up",
        Unit::Count,
        "Whether the node answered the last look, ten times a second.",
    ),
    gauge("db_node_primary", Unit::Count, "Whether the service writes to this node."),
    gauge("db_node_timeline", Unit::Count, "The node's timeline; a failover begins a new one."),
    gauge("db_replica_serves_reads", Unit::Count, "Whether reads go to this replica."),
    gauge(
        "db_replica_lag_seconds",
        Unit::Seconds,
        "How far the replica is behind, by the primary's heartbeats.",
    ),
    gauge(
        "outbox_rows",
        Unit::Count,
        "Batches that wait to be delivered; counts no further than 100000.",
    ),
    gauge("outbox_oldest_seconds", Unit::Seconds, "Age of the oldest of them."),
    histogram("outbox_age_seconds", Unit::Seconds, "Age of batches when they are delivered."),
    counter("outbox_delivered_total", Unit::Count, "Batches that the receiver has in its books."),
    counter("outbox_failures_total", Unit::Count, "Deliveries that failed and will be made again."),
    gauge(
        "tls_certificate_expires_at_seconds",
        Unit::Seconds,
        "When the certificate of this process expires, Unix time.",
    ),
    counter(
        "tls_handshakes_total",
        Unit::Count,
        "Connections that somebody tried to open, and what became of them.",
    ),
    counter(
        "tls_reloads_total",
        Unit::Count,
        "Times that certificate files had changed, and what became of them.",
    ),
    gauge(
        "audit_head_exported_at_seconds",
        Unit::Seconds,
        "When the head of the audit log was last known outside, Unix time.",
    ),
    gauge(
        "audit_sequence",
        Unit::Count,
        "Events in the audit log when its head was last exported.",
    ),
    gauge(
        "approvals_pending",
        Unit::Count,
        "Proposals that wait for another person to decide, and can still be approved.",
    ),
    gauge("build_info", Unit::Count, "Always 1; its labels say which build runs."),
    gauge("process_start_time_seconds", Unit::Seconds, "When the process began, Unix time."),
    gauge("process_cpu_seconds_total", Unit::Seconds, "Processor time used, by user and system."),
    gauge("process_resident_memory_bytes", Unit::Bytes, "Memory that is not swapped out."),
    gauge("process_threads", Unit::Count, "Threads."),
    gauge("process_open_fds", Unit::Count, "Files and sockets that are open."),
    gauge("process_max_fds", Unit::Count, "Files and sockets that may be open."),
];
