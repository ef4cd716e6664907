//! What was counted and how long things took, per operation and per second.
//!
//! Latencies are counted from when a request should have been sent, not from when it was: a stall of the bank makes
//! every request that it delayed slow, not only the one that met it (coordinated omission).

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::order::Operation;

const OPERATIONS: usize = Operation::ALL.len();
/// An hour; what takes longer counts as an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// What one request or query came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Posted,
    /// Refused by the bank.
    Refused,
    /// Turned away for overload.
    Shed,
    /// Turned away as wrong.
    Failed,
    /// No answer that tells.
    Unknown,
    /// A query that was answered.
    Answered {
        /// By a replica.
        from_replica: bool,
        /// Older than it had to be.
        stale: bool,
    },
}

/// One request or query that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What it was.
    pub operation: Operation,
    /// What it came to.
    pub outcome: Outcome,
    /// From when it should have been sent to its end.
    pub latency: Duration,
    /// From when it should have been sent to when it was.
    pub lag: Duration,
    /// When it ended, since the start of the run.
    pub ended: Duration,
}

/// Counts of one kind of traffic: writes, or queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Ended, in whatever way.
    pub ended: u64,
    /// Posted, or a query answered.
    pub done: u64,
    /// Refused by the bank.
    pub refused: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Turned away as wrong.
    pub failed: u64,
    /// Without an answer that tells.
    pub unknown: u64,
    /// Queries answered by a replica.
    pub from_replica: u64,
    /// Queries answered with something older than asked for.
    pub stale: u64,
}

/// What happened in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Second {
    /// Since the start of the run.
    pub second: u64,
    /// Posted.
    pub posted: u64,
    /// Queries answered.
    pub answered: u64,
    /// Without an answer that tells.
    pub unknown: u64,
    /// Median latency of the writes that ended in it, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of the same.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// Collects samples. One thread counts, others look.
#[derive(Debug)]
pub struct Meter(Mutex<State>);

#[derive(Debug)]
struct State {
    latencies: Vec<Histogram<u64>>,
    lag: Histogram<u64>,
    writes: Counts,
    queries: Counts,
    current: Current,
    seconds: Vec<Second>,
}

#[derive(Debug)]
struct Current {
    second: Second,
    latencies: Histogram<u64>,
}

/// Percentiles of one operation, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half were faster.
    pub p50: f64,
    /// 90% were faster.
    pub p90: f64,
    /// 99% were faster.
    pub p99: f64,
    /// 99.9% were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// All that was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Latencies by operation, microseconds; empty ones included.
    pub latencies: Vec<Histogram<u64>>,
    /// How late requests were sent, microseconds.
    pub lag: Histogram<u64>,
    /// Of mutating requests.
    pub writes: Counts,
    /// Of queries.
    pub queries: Counts,
    /// Second by second.
    pub seconds: Vec<Second>,
}

impl Meter {
    /// Nothing counted yet.
    pub fn new() -> anyhow::Result<Self> {
        let mut latencies = Vec::with_capacity(OPERATIONS);
        for _ in 0..OPERATIONS {
            latencies.push(histogram()?);
        }
        let current = Current { second: Second::default(), latencies: histogram()? };
        Ok(Self(Mutex::new(State {
            latencies,
            lag: histogram()?,
            writes: Counts::default(),
            queries: Counts::default(),
            current,
            seconds: Vec::new(),
        })))
    }

    /// Counts one sample.
    pub fn count(&self, sample: &Sample) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        while sample.ended.as_secs() > state.current.second.second {
            state.seconds.push(state.current.close());
        }
        let latency = micros(sample.latency);
        if let Some(histogram) = state.latencies.get_mut(sample.operation.index()) {
            histogram.saturating_record(latency);
        }
        state.lag.saturating_record(micros(sample.lag));
        if sample.operation.is_query() {
            state.queries.add(sample.outcome);
        } else {
            state.writes.add(sample.outcome);
            state.current.latencies.saturating_record(latency);
        }
        match sample.outcome {
            Outcome::Posted => state.current.second.posted += 1,
            Outcome::Answered { .. } => state.current.second.answered += 1,
            Outcome::Unknown => state.current.second.unknown += 1,
            Outcome::Refused | Outcome::Shed | Outcome::Failed => {}
        }
    }

    /// The last full second, for the progress line, with the counts so far.
    pub fn latest(&self) -> (Option<Second>, Counts, Counts) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.seconds.last().copied(), state.writes, state.queries)
    }

    /// Everything, with the second that was not over yet.
    pub fn measured(&self) -> Measured {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let last = state.current.close();
        state.seconds.push(last);
        Measured {
            latencies: state.latencies.clone(),
            lag: state.lag.clone(),
            writes: state.writes,
            queries: state.queries,
            seconds: state.seconds.clone(),
        }
    }
}

impl Current {
    /// Ends the current second and begins the next.
    fn close(&mut self) -> Second {
        let mut second = self.second;
        second.p50_ms = millis(self.latencies.value_at_quantile(0.5));
        second.p99_ms = millis(self.latencies.value_at_quantile(0.99));
        second.max_ms = millis(self.latencies.max());
        self.latencies.reset();
        self.second = Second { second: second.second + 1, ..Second::default() };
        second
    }
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        self.ended += 1;
        match outcome {
            Outcome::Posted => self.done += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Shed => self.shed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::Answered { from_replica, stale } => {
                self.done += 1;
                self.from_replica += u64::from(from_replica);
                self.stale += u64::from(stale);
            }
        }
    }
}

impl Percentiles {
    /// Of a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: millis(histogram.max()),
        }
    }
}

/// Three significant digits, up to an hour.
pub fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST_US, 3)?)
}

/// Microseconds as milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "an hour of microseconds is far below 2^53")]
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(latency_ms: u64, ended_ms: u64, outcome: Outcome) -> Sample {
        Sample {
            operation: Operation::Transfer,
            outcome,
            latency: Duration::from_millis(latency_ms),
            lag: Duration::ZERO,
            ended: Duration::from_millis(ended_ms),
        }
    }

    #[track_caller]
    fn assert_near(actual: f64, expected: f64) {
        // Three significant digits.
        assert!((actual - expected).abs() <= expected / 900.0, "{actual} is not {expected}");
    }

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let meter = Meter::new().unwrap();
        for latency in 1..=1_000 {
            meter.count(&sample(latency, 10, Outcome::Posted));
        }

        let measured = meter.measured();
        let percentiles = Percentiles::of(&measured.latencies[Operation::Transfer.index()]);

        assert_eq!(percentiles.count, 1_000);
        assert_near(percentiles.p50, 500.0);
        assert_near(percentiles.p90, 900.0);
        assert_near(percentiles.p99, 990.0);
        assert_near(percentiles.p999, 999.0);
        assert_near(percentiles.max, 1_000.0);
    }

    #[test]
    fn an_operation_that_never_happened_has_a_count_of_zero() {
        let measured = Meter::new().unwrap().measured();

        assert_eq!(Percentiles::of(&measured.latencies[0]).count, 0);
    }

    #[test]
    fn what_takes_longer_than_an_hour_counts_as_an_hour() {
        let meter = Meter::new().unwrap();
        meter.count(&sample(7_200_000, 10, Outcome::Posted));

        let measured = meter.measured();
        assert_near(Percentiles::of(&measured.latencies[0]).max, 3_600_000.0);
    }

    #[test]
    fn seconds_are_kept_apart_and_empty_ones_are_there() {
        let meter = Meter::new().unwrap();
        meter.count(&sample(10, 900, Outcome::Posted));
        meter.count(&sample(20, 2_100, Outcome::Posted));
        meter.count(&sample(30, 2_200, Outcome::Unknown));

        let seconds = meter.measured().seconds;

        assert_eq!(seconds.len(), 3);
        assert_eq!((seconds[0].posted, seconds[1].posted, seconds[2].posted), (1, 0, 1));
        assert_eq!(seconds[2].unknown, 1);
        assert_near(seconds[0].max_ms, 10.0);
        assert_near(seconds[2].max_ms, 30.0);
    }

    #[test]
    fn queries_are_counted_apart_from_writes() {
        let meter = Meter::new().unwrap();
        meter.count(&sample(1, 1, Outcome::Refused));
        let answered = Outcome::Answered { from_replica: true, stale: false };
        let query = Sample { operation: Operation::GetBalance, ..sample(1, 1, answered) };
        meter.count(&query);

        let measured = meter.measured();

        assert_eq!((measured.writes.ended, measured.writes.refused), (1, 1));
        assert_eq!((measured.queries.ended, measured.queries.done), (1, 1));
        assert_eq!((measured.queries.from_replica, measured.queries.stale), (1, 0));
    }
}
