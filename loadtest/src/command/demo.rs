//! `loadtest demo`: the main job in three minutes. A minute at the peak of a 4,000,000-transaction day with as many
//! queries on top, then flat out, then the audit of all of it, and a verdict in one line.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::process::ExitCode;

use serde::Serialize;
use testkit::invariants::Report as Audit;

use super::run_scenario::print;
use super::{
    audit_runs, require_writable, run_once, scenario, verdict, with_bank, write, write_json,
};
use crate::cli;
use crate::lab::Lab;
use crate::progress::say;
use crate::report::html::Page;
use crate::report::{RunReport, tenths, text};
use crate::run::{Pace, Plan};
use crate::seed::Wanted;
use crate::stop::Stop;

/// The target of the bank: money-moving, durable, in one day.
const DAY: f64 = 4_000_000.0;
/// The usual estimate for the peak of such a day: 80% of it in 20% of twelve hours.
const PEAK_PER_SECOND: f64 = 370.0;
const IN_FLIGHT_MAX: u32 = 20_000;

/// Everything that the demo has shown.
#[derive(Debug, Serialize)]
struct Demo {
    passed: bool,
    verdict: String,
    /// How long a 4,000,000-transaction day would take flat out; absent where nothing was posted.
    day_minutes: Option<f64>,
    /// Flat out against the peak hour of that day.
    peak_headroom: f64,
    steady: RunReport,
    /// Absent where Ctrl-C came before it.
    flat_out: Option<RunReport>,
    verify: Audit,
}

pub(super) async fn execute(options: &cli::Demo, stop: &Stop) -> anyhow::Result<ExitCode> {
    let scenario = scenario(&options.scenario)?;
    require_writable(&[Some(&options.html), options.json.as_deref()])?;
    let (seconds, max_seconds, wanted) = if options.quick {
        (10, 5, Wanted { customers: Some(10_000), accounts: Some(20_000) })
    } else {
        (options.seconds, options.max_seconds, Wanted::from(&options.size))
    };
    let steady = Plan {
        scenario: scenario.clone(),
        pace: Pace::Rate { per_second: options.rate, poisson: false },
        seconds,
        queries: options.rate,
        in_flight_max: IN_FLIGHT_MAX,
    };
    let flat_out = Plan {
        scenario,
        pace: Pace::Max { in_flight: options.in_flight },
        seconds: max_seconds,
        queries: 0,
        in_flight_max: IN_FLIGHT_MAX,
    };
    with_bank(&options.bank, wanted, stop, async |lab: &Lab, accounts: &[i64]| {
        let demo = run(lab, accounts, [steady, flat_out], stop).await?;
        print(&text::run(&demo.steady));
        if let Some(flat_out) = &demo.flat_out {
            print(&text::run(flat_out));
        }
        print(&text::audit(&demo.verify));
        print(&format!("{}\n", demo.verdict));
        if let Some(path) = &options.json {
            write_json(path, &demo)?;
        }
        write(&options.html, &page(&demo))?;
        let path = std::path::absolute(&options.html)?;
        print(&format!("report: {}\n", path.display()));
        Ok(verdict(demo.passed, stop))
    })
    .await
}

async fn run(lab: &Lab, accounts: &[i64], plans: [Plan; 2], stop: &Stop) -> anyhow::Result<Demo> {
    let [steady, flat_out] = plans;
    say("part one: the peak of the day");
    let (steady_run, steady) = run_once(&lab.target, accounts, steady, stop).await?;
    let mut runs = vec![&steady_run];
    let second = if stop.is_requested() {
        None
    } else {
        say("part two: flat out");
        Some(run_once(&lab.target, accounts, flat_out, stop).await?)
    };
    runs.extend(second.as_ref().map(|(run, _)| run));
    let verify = audit_runs(lab, accounts, &runs).await?;
    let flat_out = second.map(|(_, report)| report);
    Ok(judge(steady, flat_out, verify))
}

fn judge(steady: RunReport, flat_out: Option<RunReport>, verify: Audit) -> Demo {
    let tps = flat_out.as_ref().map_or(0.0, |report| report.tps);
    let headroom = tenths(tps / PEAK_PER_SECOND);
    let day_minutes = (tps > 0.0).then(|| tenths(DAY / tps / 60.0));
    let runs_passed = steady.passed() && flat_out.as_ref().is_none_or(RunReport::passed);
    let passed = verify.passed && runs_passed;
    let speed = day_minutes.map_or_else(
        || "nothing was measured flat out".to_owned(),
        |minutes| {
            format!(
                "a 4,000,000-transaction day at this speed takes {minutes} minutes; peak-hour headroom {headroom}×"
            )
        },
    );
    let books = if passed { "every cent accounted for" } else { "THE AUDIT FAILED" };
    let verdict = format!("{speed}; {books}");
    Demo { passed, verdict, day_minutes, peak_headroom: headroom, steady, flat_out, verify }
}

fn page(demo: &Demo) -> String {
    let mut runs = vec![("At the peak of the day", &demo.steady)];
    runs.extend(demo.flat_out.as_ref().map(|report| ("Flat out", report)));
    let title = "Thincore under load";
    Page { title, verdict: &demo.verdict, runs: &runs, audit: Some(&demo.verify) }.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn clean() -> RunReport {
        RunReport { verify: None, ..report() }
    }

    #[test]
    fn the_verdict_says_how_long_the_day_takes_and_how_much_headroom_there_is() {
        let fast = RunReport { tps: 7_400.0, ..clean() };

        let demo = judge(clean(), Some(fast), Audit::of(Vec::new()));

        assert!(demo.passed);
        assert_eq!(
            demo.verdict,
            "a 4,000,000-transaction day at this speed takes 9 minutes; peak-hour headroom 20×; every cent \
             accounted for"
        );
    }

    #[test]
    fn a_failed_audit_is_the_verdict_whatever_the_speed() {
        let failed = report().verify.unwrap();

        let demo = judge(clean(), Some(clean()), failed);

        assert!(!demo.passed);
        assert!(demo.verdict.ends_with("THE AUDIT FAILED"), "{}", demo.verdict);
    }

    #[test]
    fn a_stale_read_fails_the_demo() {
        let mut stale = clean();
        stale.queries.stale = 1;

        assert!(!judge(stale, Some(clean()), Audit::of(Vec::new())).passed);
    }
}
