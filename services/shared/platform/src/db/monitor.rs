//! Watches one node: which role it has, how far it is, whether it may serve reads.
//!
//! Lag is the distance between two heartbeats of the primary's clock, the latest the primary wrote and the latest
//! the replica holds: no clock is compared with another's, and an idle bank does not look late. A replica is taken
//! out at the second bad look and comes back after ten good ones, so that it does not flap.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::node::{Node, Nodes};

const LOOK: Duration = Duration::from_millis(100);
const LOOK_LIMIT: Duration = Duration::from_millis(1500);
const BAD_LOOKS_TO_LEAVE: u32 = 2;
const GOOD_LOOKS_TO_RETURN: u32 = 10;

const OBSERVE: &str = "SELECT pg_is_in_recovery() AS in_recovery, \
     (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END \
      - '0/0'::pg_lsn)::bigint AS lsn, \
     CASE WHEN pg_is_in_recovery() THEN COALESCE((SELECT timeline FROM heartbeat), 0) \
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::integer END AS timeline, \
     COALESCE((SELECT (extract(epoch FROM beat_at) * 1000000)::bigint FROM heartbeat), 0) AS beat_us";

const BEAT: &str = "INSERT INTO heartbeat (only_row, beat_at, timeline) VALUES (true, clock_timestamp(), $1) \
     ON CONFLICT (only_row) DO UPDATE SET beat_at = EXCLUDED.beat_at, timeline = EXCLUDED.timeline";

/// What one look at a node found.
struct Observation {
    in_recovery: bool,
    lsn: u64,
    timeline: u32,
    beat_us: i64,
}

/// Looks at the node until told to stop; reconnects as needed.
pub(super) async fn watch(nodes: Arc<Nodes>, node: Arc<Node>, stop: CancellationToken) {
    let mut connection = None;
    let mut standing = Standing::default();
    let mut beat_due = Instant::now();
    loop {
        let seen = tokio::time::timeout(LOOK_LIMIT, observe(&mut connection, &node)).await;
        let seen = seen.unwrap_or(None);
        if seen.is_none() {
            connection = None;
        }
        apply(&nodes, &node, &mut standing, seen.as_ref());
        show(&nodes, &node, seen.is_some());
        if let Some(seen) = &seen
            && !seen.in_recovery
            && Instant::now() >= beat_due
        {
            beat_due = Instant::now() + Duration::from_millis(nodes.config.heartbeat_ms);
            beat(&mut connection, seen.timeline).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn observe(connection: &mut Option<PgConnection>, node: &Node) -> Option<Observation> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect_with(&node.options).await.ok()?),
    };
    let row = sqlx::query(OBSERVE).fetch_one(connection).await.ok()?;
    Some(Observation {
        in_recovery: row.try_get("in_recovery").ok()?,
        lsn: u64::try_from(row.try_get::<i64, _>("lsn").ok()?).ok()?,
        timeline: u32::try_from(row.try_get::<i32, _>("timeline").ok()?).ok()?,
        beat_us: row.try_get("beat_us").ok()?,
    })
}

/// The heartbeat waits for the standby as every commit does: when it hangs, the look is abandoned with it.
async fn beat(connection: &mut Option<PgConnection>, timeline: u32) {
    let Some(open) = connection else { return };
    let timeline = i32::try_from(timeline).unwrap_or(i32::MAX);
    let written = sqlx::query(BEAT).bind(timeline).execute(open);
    if !matches!(tokio::time::timeout(LOOK_LIMIT, written).await, Ok(Ok(_))) {
        *connection = None;
    }
}

#[derive(Default)]
struct Standing {
    good: u32,
    bad: u32,
}

fn apply(nodes: &Nodes, node: &Node, standing: &mut Standing, seen: Option<&Observation>) {
    let Some(seen) = seen else {
        nodes.unset_primary(node);
        judge(nodes, node, standing, None);
        return;
    };
    let was = node.timeline.swap(seen.timeline, Ordering::AcqRel);
    if was == seen.timeline {
        node.reached(seen.lsn);
    } else {
        // A new timeline begins where the old one ended, which may be before where this node had been.
        node.lsn.store(seen.lsn, Ordering::Release);
    }
    node.beat_us.store(seen.beat_us, Ordering::Release);
    if seen.in_recovery {
        nodes.unset_primary(node);
        judge(nodes, node, standing, Some(lag_ms(nodes, seen)));
        return;
    }
    node.serves_reads.store(false, Ordering::Relaxed);
    *standing = Standing::default();
    if seen.timeline >= nodes.fence.fetch_max(seen.timeline, Ordering::AcqRel) {
        if nodes.primary().is_none() {
            tracing::info!(node = node.label, timeline = seen.timeline, "primary found");
        }
        nodes.set_primary(node);
    } else {
        nodes.unset_primary(node);
    }
}

fn lag_ms(nodes: &Nodes, seen: &Observation) -> u64 {
    let newest = nodes.each().map(|node| node.beat_us.load(Ordering::Acquire)).max().unwrap_or(0);
    u64::try_from(newest.saturating_sub(seen.beat_us) / 1000).unwrap_or(0)
}

fn show(nodes: &Nodes, node: &Node, up: bool) {
    let primary = nodes.primary().is_some_and(|primary| primary.index == node.index);
    node.meter.show(node, up, primary);
    node.read_meter.show(&node.read);
    node.write_meter.show(&node.write);
}

/// Takes a replica out, or back in.
fn judge(nodes: &Nodes, node: &Node, standing: &mut Standing, lag_ms: Option<u64>) {
    let good = lag_ms.is_some_and(|lag| lag <= nodes.config.lag_max_ms);
    if let Some(lag_ms) = lag_ms {
        node.meter.lags(lag_ms);
    }
    if good {
        standing.good = standing.good.saturating_add(1);
        standing.bad = 0;
    } else {
        standing.bad = standing.bad.saturating_add(1);
        standing.good = 0;
    }
    let serving = node.serves_reads.load(Ordering::Relaxed);
    if serving && standing.bad >= BAD_LOOKS_TO_LEAVE {
        node.serves_reads.store(false, Ordering::Relaxed);
        tracing::warn!(node = node.label, ?lag_ms, "replica taken out of reads");
    } else if !serving && standing.good >= GOOD_LOOKS_TO_RETURN {
        node.serves_reads.store(true, Ordering::Relaxed);
        tracing::info!(node = node.label, "replica serves reads");
    }
}
