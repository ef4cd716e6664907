//! What a run has shown, as one value: printed, written as JSON, drawn as HTML.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;
use testkit::invariants::Report as Audit;

use crate::meter::{Counts, Measured, Percentiles, Second, millis};
use crate::order::Operation;
use crate::run::{Finished, Pace};
use crate::target::Target;
use crate::watch::{Cpu, Memory};

pub mod html;
pub(crate) mod plot;
pub mod text;

/// One run, in the words of the JSON report.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The scenario's name.
    pub scenario: String,
    /// What it does, in one line.
    pub description: String,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// `open` for a rate, `closed` for as much as the bank takes.
    pub r#loop: &'static str,
    /// Requests per second that were due; absent in a closed loop.
    pub rate: Option<u32>,
    /// Requests in flight in a closed loop; absent in an open one.
    pub in_flight: Option<u32>,
    /// Accounts that the load was spread over.
    pub accounts: usize,
    /// For how long requests were sent.
    pub seconds: f64,
    /// Mutating requests that were sent.
    pub offered: u64,
    /// Posted and acknowledged.
    pub acked: u64,
    /// Refused by the bank: insufficient funds and the like.
    pub refused: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Turned away as wrong; should be 0.
    pub failed: u64,
    /// Without an answer that tells, at first.
    pub unknown: u64,
    /// Of those, resolved by sending the same request again.
    pub unknown_resolved: u64,
    /// Of those, never resolved; must be 0.
    pub unknown_left: u64,
    /// Posted per second, while requests were sent.
    pub tps: f64,
    /// By operation; from when a request was due.
    pub latency_ms: BTreeMap<&'static str, Percentiles>,
    /// How late requests were sent: the generator's own share of the latencies.
    pub generator_lag_ms_p99: f64,
    /// What ran beside.
    pub queries: Queries,
    /// Age of the oldest outbox row, over looks every 200 ms.
    pub outbox_age_ms_p99: f64,
    /// The oldest of all looks.
    pub outbox_age_ms_max: f64,
    /// From the last answer until accounting had everything; absent where it took over 60 s.
    pub drained_ms: Option<f64>,
    /// The highest that was seen.
    pub memory_mb: Memory,
    /// On average over the run.
    pub cpu_cores: Cpu,
    /// Standbys that a commit waits for.
    pub sync_replicas: i64,
    /// Whether traces were exported.
    pub tracing: bool,
    /// Whether calls were encrypted and authenticated on both sides.
    pub mtls: bool,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// How often the bank refused for which reason.
    pub refusals: BTreeMap<String, u64>,
    /// What came instead of answers, each kind with how often: the first few.
    pub troubles: Vec<String>,
    /// Second by second.
    pub timeline: Vec<Second>,
    /// The audit afterwards; absent where it was not asked for.
    pub verify: Option<Audit>,
    /// For the plots: latency by quantile, per operation.
    #[serde(skip)]
    pub distributions: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// The queries of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Queries {
    /// Answered.
    pub total: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Turned away as wrong, or without an answer.
    pub failed: u64,
    /// Of those answered, by a replica.
    pub replica_share: f64,
    /// Answered with something older than was asked for; must be 0.
    pub stale: u64,
}

impl RunReport {
    /// Puts a report together; the audit may be added later.
    pub fn of(run: &Finished, target: &Target, accounts: usize, started_at: String) -> Self {
        let Finished { plan, measured, watched, .. } = run;
        let Measured { writes, queries, .. } = measured;
        let (r#loop, rate, in_flight) = match plan.pace {
            Pace::Rate { per_second, .. } => ("open", Some(per_second), None),
            Pace::Max { in_flight } => ("closed", None, Some(in_flight)),
        };
        let seconds = run.sending.as_secs_f64();
        Self {
            scenario: plan.scenario.name.clone(),
            description: plan.scenario.description.clone(),
            started_at,
            r#loop,
            rate,
            in_flight,
            accounts,
            seconds: tenths(seconds),
            offered: run.offered,
            acked: writes.done,
            refused: writes.refused,
            shed: writes.shed,
            failed: writes.failed,
            unknown: writes.unknown,
            unknown_resolved: run.resolved,
            unknown_left: run.unresolved,
            tps: tenths(tps(&measured.seconds, seconds)),
            latency_ms: latencies(measured),
            generator_lag_ms_p99: millis(measured.lag.value_at_quantile(0.99)),
            queries: Queries::of(queries),
            outbox_age_ms_p99: millis(watched.outbox_age.value_at_quantile(0.99)),
            outbox_age_ms_max: millis(watched.outbox_age.max()),
            drained_ms: run.drained.map(|drained| tenths(drained.as_secs_f64() * 1_000.0)),
            memory_mb: watched.memory,
            cpu_cores: watched.cpu,
            sync_replicas: target.sync_replicas,
            tracing: target.tracing,
            mtls: target.mtls,
            interrupted: run.interrupted,
            refusals: run.refusals.clone(),
            troubles: run.troubles.clone(),
            timeline: measured.seconds.clone(),
            verify: None,
            distributions: distributions(measured),
        }
    }

    /// Whether nothing went wrong that must not: the audit, stale reads, requests that nobody could resolve.
    pub fn passed(&self) -> bool {
        let audited = self.verify.as_ref().is_none_or(|audit| audit.passed);
        audited && self.queries.stale == 0 && self.unknown_left == 0
    }
}

impl Queries {
    fn of(counts: &Counts) -> Self {
        let share = ratio(counts.from_replica, counts.done);
        Self {
            total: counts.done,
            shed: counts.shed,
            failed: counts.failed + counts.unknown,
            replica_share: (share * 1_000.0).round() / 1_000.0,
            stale: counts.stale,
        }
    }
}

/// Posted per second within the time of sending: what was answered after its end does not count.
fn tps(timeline: &[Second], seconds: f64) -> f64 {
    let full = seconds.floor().max(1.0);
    let within = timeline.iter().filter(|second| ratio(second.second, 1) < full);
    let posted: u64 = within.map(|second| second.posted).sum();
    ratio(posted, 1) / full
}

fn latencies(measured: &Measured) -> BTreeMap<&'static str, Percentiles> {
    let used = used(measured);
    used.map(|(operation, histogram)| (operation.name(), Percentiles::of(histogram))).collect()
}

fn distributions(measured: &Measured) -> Vec<(&'static str, Vec<(f64, f64)>)> {
    const QUANTILES: [f64; 14] =
        [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];
    let curve = |histogram: &Histogram<u64>| {
        QUANTILES.iter().map(|q| (*q, millis(histogram.value_at_quantile(*q)))).collect()
    };
    used(measured).map(|(operation, histogram)| (operation.name(), curve(histogram))).collect()
}

fn used(measured: &Measured) -> impl Iterator<Item = (Operation, &Histogram<u64>)> {
    let all = Operation::ALL.into_iter().zip(&measured.latencies);
    all.filter(|(_, histogram)| !histogram.is_empty())
}

/// `part / whole`; 0 where there is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// To one decimal.
pub fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
pub(crate) mod tests;
