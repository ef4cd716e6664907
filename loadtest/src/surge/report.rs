//! What a surge has shown, as one value: printed, written as JSON, drawn as HTML.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::collections::BTreeMap;

use serde::Serialize;
use testkit::invariants::Report as Audit;

use super::bars::{Bar, jain};
use super::books::Late;
use super::mix::{CALLERS, Capacity, Class, WELL_BEHAVED};
use super::pinned::Control;
use super::tally::{Counted, Counts, Second};
use crate::meter::millis;
use crate::report::{ratio, tenths};
use crate::watch::Cpu;

/// A whole surge.
#[derive(Debug, Clone, Serialize)]
pub struct SurgeReport {
    /// Whether every bar was met, and nothing is unresolved.
    pub passed: bool,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// When it began, UTC.
    pub started_at: String,
    /// What pinned the capacity, in words.
    pub pinned: String,
    /// What the pinned bank can do: measured flat out, without any control.
    pub capacity: Capacity,
    /// How long callers waited, milliseconds.
    pub deadline_ms: u32,
    /// How long each step took.
    pub step_seconds: u32,
    /// What must be true, and whether it is.
    pub bars: Vec<Bar>,
    /// What happened under each control.
    pub modes: Vec<ModeReport>,
    /// Writes without an outcome that were asked for again after the surge, and their outcome found out.
    pub resolved: u64,
    /// Those whose outcome was not found out; must be 0.
    pub unresolved: u64,
    /// What came instead of answers, each kind with how often: the first few.
    pub troubles: Vec<String>,
    /// The books afterwards; absent where there was nothing to audit.
    pub audit: Option<Audit>,
}

/// The steps under one control.
#[derive(Debug, Clone, Serialize)]
pub struct ModeReport {
    /// Which.
    pub control: Control,
    /// In the order in which they were taken.
    pub steps: Vec<StepReport>,
    /// After the last of them.
    pub recovery: Option<StepReport>,
    /// Before, while and after the database was slow.
    pub slow: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// Asked for, percent of the capacity.
    pub percent: u32,
    /// How long.
    pub seconds: f64,
    /// Calls that were due, per second.
    pub offered_per_s: f64,
    /// Answered within the deadline, per second.
    pub goodput_per_s: f64,
    /// Of all that were not turned away, those that expired included, milliseconds.
    pub admitted_p50_ms: f64,
    /// The same.
    pub admitted_p99_ms: f64,
    /// How quickly those were told who were turned away, milliseconds.
    pub rejected_p50_ms: f64,
    /// The same.
    pub rejected_p99_ms: f64,
    /// Turned away for overload.
    pub shed: u64,
    /// Without an answer when the deadline passed.
    pub expired: u64,
    /// Answered after the deadline.
    pub late: u64,
    /// Anything else; should be 0.
    pub failed: u64,
    /// By class.
    pub classes: BTreeMap<&'static str, PartReport>,
    /// By caller.
    pub callers: BTreeMap<&'static str, PartReport>,
    /// How evenly those who behave were served, 0 to 1.
    pub jain: f64,
    /// By the bank's own books: what was decided after the deadline.
    pub books: Late,
    /// By the service's metrics: commands given up in the queue because their deadline had passed.
    pub lane_expired: f64,
    /// By the service's metrics: commands done whose deadline had passed by then.
    pub lane_late: f64,
    /// How many calls that write might be under way at the end; absent where nothing limited them.
    pub write_limit: Option<f64>,
    /// How many calls that read.
    pub read_limit: Option<f64>,
    /// How late calls were sent: the generator's own share of the latencies.
    pub generator_lag_ms_p99: f64,
    /// Processors kept busy.
    pub cpu_cores: Cpu,
    /// Second by second, by when calls were due.
    pub timeline: Vec<SecondReport>,
}

/// One class, or one caller.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PartReport {
    /// Calls that were due.
    pub sent: u64,
    /// Answered within the deadline.
    pub good: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Without an answer when the deadline passed, or with one after it.
    pub expired: u64,
    /// Part of the calls that were answered within the deadline, 0 to 1.
    pub success: f64,
    /// Of those that were not turned away, milliseconds; only of classes.
    pub admitted_p99_ms: Option<f64>,
}

/// The calls that were due in one second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SecondReport {
    /// All.
    pub offered: u64,
    /// Answered within the deadline.
    pub good: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Without an answer when the deadline passed.
    pub expired: u64,
    /// Of those that were not turned away, milliseconds.
    pub admitted_p99_ms: f64,
}

/// What was seen from outside during a step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outside {
    /// By the books.
    pub books: Late,
    /// By the service's metrics.
    pub lane_expired: f64,
    /// By the same.
    pub lane_late: f64,
    /// By the same.
    pub write_limit: Option<f64>,
    /// By the same.
    pub read_limit: Option<f64>,
    /// By the kernel.
    pub cpu: Cpu,
}

impl StepReport {
    /// Of what was counted in so many seconds.
    pub fn of(percent: u32, seconds: f64, counted: &Counted, outside: &Outside) -> Self {
        let all = counted.all();
        let per_second = |count: u64| tenths(ratio(count, 1) / seconds.max(0.001));
        let mut admitted = counted.admitted[0].clone();
        for more in &counted.admitted[1..] {
            admitted.add(more).ok();
        }
        let at = |histogram: &hdrhistogram::Histogram<u64>, quantile| {
            millis(histogram.value_at_quantile(quantile))
        };
        let classes = Class::ALL.into_iter().map(|class| {
            let p99_ms = at(&counted.admitted[class as usize], 0.99);
            (class.name(), PartReport::of(&counted.of_class(class), Some(p99_ms)))
        });
        let callers = CALLERS.into_iter().enumerate();
        let callers =
            callers.map(|(index, name)| (name, PartReport::of(&counted.of_caller(index), None)));
        let behaved: Vec<u64> = (0..WELL_BEHAVED).map(|one| counted.of_caller(one).good).collect();
        Self {
            percent,
            seconds,
            offered_per_s: per_second(all.sent),
            goodput_per_s: per_second(all.good),
            admitted_p50_ms: at(&admitted, 0.5),
            admitted_p99_ms: at(&admitted, 0.99),
            rejected_p50_ms: at(&counted.rejected, 0.5),
            rejected_p99_ms: at(&counted.rejected, 0.99),
            shed: all.shed,
            expired: all.expired,
            late: all.late,
            failed: all.failed,
            classes: classes.collect(),
            callers: callers.collect(),
            jain: jain(&behaved),
            books: outside.books,
            lane_expired: outside.lane_expired,
            lane_late: outside.lane_late,
            write_limit: outside.write_limit,
            read_limit: outside.read_limit,
            generator_lag_ms_p99: at(&counted.lag, 0.99),
            cpu_cores: outside.cpu,
            timeline: counted.seconds.iter().map(SecondReport::of).collect(),
        }
    }

    /// What a class got, 0 to 1.
    pub fn success(&self, class: Class) -> f64 {
        self.classes.get(class.name()).map_or(0.0, |class| class.success)
    }

    /// What everybody got, 0 to 1.
    pub fn goodness(&self) -> f64 {
        if self.offered_per_s > 0.0 { self.goodput_per_s / self.offered_per_s } else { 0.0 }
    }
}

impl PartReport {
    fn of(counts: &Counts, admitted_p99_ms: Option<f64>) -> Self {
        Self {
            sent: counts.sent,
            good: counts.good,
            shed: counts.shed,
            expired: counts.expired + counts.late,
            // To one in a hundred thousand: 99.9% must not come from rounding.
            success: (ratio(counts.good, counts.sent) * 100_000.0).floor() / 100_000.0,
            admitted_p99_ms,
        }
    }
}

impl SecondReport {
    fn of(second: &Second) -> Self {
        let Counts { sent, good, shed, expired, .. } = second.counts;
        let admitted_p99_ms = millis(second.admitted.value_at_quantile(0.99));
        Self { offered: sent, good, shed, expired, admitted_p99_ms }
    }
}

impl ModeReport {
    /// The step at so many percent.
    pub fn at(&self, percent: u32) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.percent == percent)
    }

    /// The step at the highest load.
    pub fn highest(&self) -> Option<&StepReport> {
        self.steps.iter().max_by_key(|step| step.percent)
    }

    /// The most that was done per second at any step.
    pub fn peak_per_s(&self) -> f64 {
        self.steps.iter().map(|step| step.goodput_per_s).fold(0.0, f64::max)
    }
}

/// From which second on at least `part` of the calls of each second were answered in time; `None` where the last was not.
pub fn recovered_after(timeline: &[SecondReport], part: f64) -> Option<usize> {
    let bad = |second: &SecondReport| ratio(second.good, second.offered) < part;
    let first = timeline.iter().rposition(bad).map_or(0, |last_bad| last_bad + 1);
    (first < timeline.len()).then_some(first)
}

/// An empty step, for tests of what is made of it.
#[cfg(test)]
pub(super) fn step(
    percent: u32,
    offered_per_s: f64,
    goodput_per_s: f64,
    p99_ms: f64,
) -> StepReport {
    let counted = super::tally::Tally::new(std::time::Duration::from_secs(1)).unwrap().counted();
    let step = StepReport::of(percent, 1.0, &counted, &Outside::default());
    StepReport { offered_per_s, goodput_per_s, admitted_p99_ms: p99_ms, ..step }
}

/// Of so many calls each second, how many were answered in time.
#[cfg(test)]
pub(super) fn timeline(offered: u64, good: &[u64]) -> Vec<SecondReport> {
    let second = |good: &u64| {
        let shed = offered - good;
        SecondReport { offered, good: *good, shed, expired: 0, admitted_p99_ms: 10.0 }
    };
    good.iter().map(second).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::surge::mix::Flow;
    use crate::surge::tally::{Ended, Ending, Tally};

    #[test]
    fn it_has_recovered_when_no_bad_second_follows() {
        let after = |good: &[u64]| recovered_after(&timeline(100, good), 0.95);

        assert_eq!(after(&[100, 100]), Some(0));
        assert_eq!(after(&[10, 96, 94, 95, 100]), Some(3));
        assert_eq!(after(&[100, 94]), None);
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn a_step_is_put_together_from_what_was_counted() {
        let tally = Tally::new(Duration::from_secs(1)).unwrap();
        let endings = [(0, Ending::Answered), (1, Ending::Answered), (2, Ending::Shed)];
        for (caller, ending) in endings {
            let flow = Flow { class: Class::CardAuthorization, caller };
            let (lag, latency) = (Duration::ZERO, Duration::from_millis(20));
            tally.begin();
            tally.end(&Ended { flow, ending, due: Duration::ZERO, lag, latency });
        }

        let step = StepReport::of(100, 1.0, &tally.counted(), &Outside::default());

        assert!((step.offered_per_s - 3.0).abs() < 1e-9 && (step.goodput_per_s - 2.0).abs() < 1e-9);
        assert!((step.success(Class::CardAuthorization) - 0.66666).abs() < 1e-9);
        assert!((step.jain - 2.0 / 3.0).abs() < 1e-9, "{}", step.jain);
        assert_eq!((step.shed, step.callers["channel/surge-c"].shed), (1, 1));
    }
}
