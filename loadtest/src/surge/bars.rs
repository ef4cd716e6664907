//! What must be true of a bank under ten times its load, and whether it is.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use serde::Serialize;
use testkit::invariants::Report as Audit;

use super::mix::Class;
use super::report::{ModeReport, StepReport, recovered_after};
use crate::report::ratio;

/// Less than this part of what it was is not recovered.
const AS_BEFORE: f64 = 0.95;
const RECOVERY_S: f64 = 10.0;

/// One figure and what it must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// What is measured.
    pub name: &'static str,
    /// What was; absent where it could not be told.
    pub figure: Option<f64>,
    /// In what.
    pub unit: &'static str,
    /// What the figure must be.
    pub must: &'static str,
    /// The bound.
    pub bound: f64,
    /// Whether it is.
    pub passed: bool,
}

impl Bar {
    /// A figure that must not be below a bound.
    pub fn at_least(
        name: &'static str,
        figure: Option<f64>,
        unit: &'static str,
        bound: f64,
    ) -> Self {
        let passed = figure.is_some_and(|figure| figure >= bound);
        Self { name, figure, unit, must: "at least", bound, passed }
    }

    /// A figure that must not be above a bound.
    pub fn at_most(
        name: &'static str,
        figure: Option<f64>,
        unit: &'static str,
        bound: f64,
    ) -> Self {
        let passed = figure.is_some_and(|figure| figure <= bound);
        Self { name, figure, unit, must: "at most", bound, passed }
    }
}

/// The bars, all of the mode in which everything controls. `calm` is the load, in percent, that the overload is compared
/// with.
pub fn bars(mode: &ModeReport, calm: u32, audit: Option<&Audit>) -> Vec<Bar> {
    let highest = mode.highest();
    let calm = mode.at(calm);
    let figure = |pick: fn(&StepReport) -> f64| highest.map(pick);
    let of_peak = figure(|step| step.goodput_per_s).map(|goodput| goodput / mode.peak_per_s());
    let slower = highest.zip(calm).map(|(highest, calm)| {
        highest.admitted_p99_ms / calm.admitted_p99_ms.max(f64::MIN_POSITIVE)
    });
    let recovery = mode.recovery.as_ref().zip(calm);
    let recovery = recovery.and_then(|(after, before)| seconds_to(after, before));
    let mut bars = vec![
        Bar::at_least("goodput at the highest load, of its peak", of_peak, "", 0.9),
        Bar::at_most("p99 of the admitted there, over p99 at 80%", slower, "", 2.0),
        Bar::at_least(
            "card authorizations answered in time there",
            figure(|step| step.success(Class::CardAuthorization)),
            "",
            0.999,
        ),
        Bar::at_least(
            "Jain's index of the well-behaved callers there",
            figure(|step| step.jain),
            "",
            0.95,
        ),
        Bar::at_most("back to 95% of its goodput after", recovery, "s", RECOVERY_S),
        Bar::at_most(
            "the latest decision after its deadline there",
            highest.map(|step| signed(step.books.latest_ms)),
            "ms",
            50.0,
        ),
    ];
    if let [before, .., after] = mode.slow.as_slice() {
        let name = "back to 95% after the database was slow";
        bars.push(Bar::at_most(name, seconds_to(after, before), "s", RECOVERY_S));
    }
    let broken = audit.map(|audit| {
        audit.checks.iter().filter(|check| !check.passed).fold(0.0, |sum, _| sum + 1.0)
    });
    bars.push(Bar::at_most("checks of the books that failed", broken, "", 0.0));
    bars
}

/// How long it took until as large a part of the calls was answered as before.
fn seconds_to(after: &StepReport, before: &StepReport) -> Option<f64> {
    let seconds = recovered_after(&after.timeline, AS_BEFORE * before.goodness());
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).map(f64::from)
}

/// How evenly something is shared, 0 to 1: 1 where all have the same, one part of n where one of n has everything.
pub fn jain(shares: &[u64]) -> f64 {
    let shares: Vec<f64> = shares.iter().map(|share| ratio(*share, 1)).collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    let count = shares.iter().map(|_| 1.0).sum::<f64>();
    if squares > 0.0 { sum * sum / (count * squares) } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
const fn signed(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::super::pinned::Control;
    use super::super::report::{step, timeline};
    use super::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    fn mode() -> ModeReport {
        let mut highest = step(1_000, 9_000.0, 850.0, 90.0);
        highest.jain = 0.99;
        highest.books.latest_ms = 12;
        let class = highest.classes.get_mut("card_authorization").unwrap();
        class.success = 0.9995;
        let recovery = StepReport {
            timeline: timeline(100, &[10, 95, 100, 99]),
            ..step(80, 720.0, 700.0, 50.0)
        };
        let (before, after) = (recovery.clone(), recovery.clone());
        ModeReport {
            control: Control::All,
            steps: vec![step(80, 720.0, 720.0, 50.0), step(100, 900.0, 900.0, 70.0), highest],
            recovery: Some(recovery),
            slow: vec![before.clone(), before, after],
        }
    }

    fn passed(mode: &ModeReport) -> Vec<bool> {
        let audit = Audit { passed: true, checks: Vec::new() };
        bars(mode, 80, Some(&audit)).iter().map(|bar| bar.passed).collect()
    }

    #[test]
    fn jains_index_is_one_where_all_have_the_same_and_a_third_where_one_of_three_has_all() {
        assert!(near(jain(&[5, 5, 5]), 1.0));
        assert!(near(jain(&[7, 0, 0]), 1.0 / 3.0));
        assert!(near(jain(&[1, 2, 3]), 36.0 / 42.0));
        assert!(near(jain(&[0, 0]), 0.0));
    }

    #[test]
    fn a_surge_that_meets_every_bar_passes() {
        assert_eq!(passed(&mode()), [true; 8]);
        let bars = bars(&mode(), 80, None);
        assert!(near(bars[0].figure.unwrap(), 850.0 / 900.0));
        assert!(near(bars[1].figure.unwrap(), 1.8));
        assert!(near(bars[4].figure.unwrap(), 1.0));
        assert!(!bars[7].passed, "books that nobody looked at prove nothing");
    }

    #[test]
    fn each_bar_can_be_missed() {
        type Change = fn(&mut ModeReport);
        let changes: [(usize, Change); 7] = [
            (0, |mode| mode.steps[2].goodput_per_s = 800.0),
            (1, |mode| mode.steps[2].admitted_p99_ms = 101.0),
            (2, |mode| {
                mode.steps[2].classes.get_mut("card_authorization").unwrap().success = 0.9989;
            }),
            (3, |mode| mode.steps[2].jain = 0.94),
            (4, |mode| {
                mode.recovery.as_mut().unwrap().timeline = timeline(100, &[0; 12]);
            }),
            (5, |mode| mode.steps[2].books.latest_ms = 51),
            (6, |mode| mode.slow[2].timeline = timeline(100, &[100, 0])),
        ];
        for (place, change) in changes {
            let mut mode = mode();
            change(&mut mode);

            let mut wanted = [true; 8];
            wanted[place] = false;
            assert_eq!(passed(&mode), wanted, "bar {place}");
        }
    }

    #[test]
    fn a_step_that_was_not_taken_meets_no_bar() {
        let nothing = ModeReport {
            control: Control::All,
            steps: Vec::new(),
            recovery: None,
            slow: Vec::new(),
        };

        assert!(bars(&nothing, 80, None).iter().all(|bar| !bar.passed));
    }
}
