//! `loadtest compare protection`: what mutual TLS, authorization, limits, traces and metrics cost together.
//!
//! Two banks, one with everything and one with nothing, are flat out in turns, so that whatever drifts on the machine
//! meets both. The one that waits its turn is idle but for its heartbeats.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use testkit::invariants::Report as Audit;

use super::run_scenario::print;
use super::{audit_runs, require_writable, run_once, scenario, verdict, write_json};
use crate::cli;
use crate::lab::Lab;
use crate::progress::say;
use crate::report::{RunReport, tenths, text};
use crate::run::{Finished, Pace, Plan};
use crate::seed::{self, Wanted};
use crate::stop::{Interrupted, Stop};

const TURNS: usize = 3;

/// The comparison.
#[derive(Debug, Serialize)]
struct Comparison {
    passed: bool,
    /// Requests per second with everything over those with nothing.
    ratio: f64,
    protected: Side,
    bare: Side,
}

/// One of the two banks.
#[derive(Debug, Serialize)]
struct Side {
    tps: f64,
    turns: Vec<RunReport>,
    verify: Audit,
}

pub(super) async fn execute(options: &cli::Protection, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.json.as_deref()])?;
    let plan = Plan {
        scenario: scenario(&options.scenario)?,
        pace: Pace::Max { in_flight: options.in_flight },
        seconds: options.seconds,
        queries: 0,
        in_flight_max: options.in_flight,
    };
    let wanted = Wanted::from(&options.size);
    say("starting two banks of our own: one protected, one bare");
    let protected = unless_stopped(stop, Lab::open(None, true)).await?;
    let bare = match unless_stopped(stop, Lab::bare()).await {
        Ok(bare) => bare,
        Err(error) => {
            protected.close().await?;
            return Err(error);
        }
    };
    let compared = Box::pin(compare([&protected, &bare], wanted, &plan, stop)).await;
    let closed = (protected.close().await, bare.close().await);
    let comparison = compared?;
    closed.0?;
    closed.1?;
    print(&describe(&comparison));
    if let Some(path) = &options.json {
        write_json(path, &comparison)?;
    }
    Ok(verdict(comparison.passed, stop))
}

async fn compare(
    labs: [&Lab; 2],
    wanted: Wanted,
    plan: &Plan,
    stop: &Stop,
) -> anyhow::Result<Comparison> {
    let mut sides = Vec::new();
    for lab in labs {
        let accounts = seed::ensure(&lab.target, wanted, stop).await?;
        sides.push((lab, accounts, Vec::<(Finished, RunReport)>::new()));
    }
    for turn in 1..=TURNS {
        for ((lab, accounts, runs), name) in sides.iter_mut().zip(["protected", "bare"]) {
            say(&format!("turn {turn} of {TURNS}: {name} for {} s", plan.seconds));
            runs.push(run_once(&lab.target, accounts, plan.clone(), stop).await?);
            if stop.is_requested() {
                return Err(Interrupted.into());
            }
        }
    }
    let mut audited = Vec::new();
    for (lab, accounts, runs) in sides {
        let finished: Vec<&Finished> = runs.iter().map(|(finished, _)| finished).collect();
        let verify = audit_runs(lab, &accounts, &finished).await?;
        let turns: Vec<RunReport> = runs.into_iter().map(|(_, report)| report).collect();
        let tps = tenths(mean(&turns));
        audited.push(Side { tps, turns, verify });
    }
    let (Some(bare), Some(protected)) = (audited.pop(), audited.pop()) else {
        anyhow::bail!("there are not two sides");
    };
    Ok(Comparison::of(protected, bare))
}

impl Comparison {
    fn of(protected: Side, bare: Side) -> Self {
        let ratio = if bare.tps > 0.0 { protected.tps / bare.tps } else { 0.0 };
        let well = |side: &Side| side.verify.passed && side.turns.iter().all(RunReport::passed);
        let passed = well(&protected) && well(&bare);
        Self { passed, ratio: (ratio * 100.0).round() / 100.0, protected, bare }
    }
}

fn mean(turns: &[RunReport]) -> f64 {
    let (sum, count) =
        turns.iter().fold((0.0, 0.0), |(sum, count), turn| (sum + turn.tps, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

async fn unless_stopped<T>(
    stop: &Stop,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        () = stop.requested() => Err(Interrupted.into()),
    }
}

fn describe(comparison: &Comparison) -> String {
    let turns = |side: &Side| {
        side.turns.iter().map(|turn| format!("{:.0}", turn.tps)).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    for side in [&comparison.protected, &comparison.bare] {
        text.push_str(&text::audit(&side.verify));
    }
    writeln!(
        text,
        "with TLS, roles, limits, traces, metrics: {:.0} per second (turns: {})\n\
         with none of them:                        {:.0} per second (turns: {})\n\
         ratio {:.2}",
        comparison.protected.tps,
        turns(&comparison.protected),
        comparison.bare.tps,
        turns(&comparison.bare),
        comparison.ratio,
    )
    .ok();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_ratio_is_that_of_the_means_and_a_failed_audit_fails_it() {
        let side = |tps: f64, passed| {
            let turns = vec![RunReport { tps, verify: None, ..report() }];
            Side { tps, turns, verify: Audit { passed, checks: Vec::new() } }
        };

        let good = Comparison::of(side(9_000.0, true), side(12_000.0, true));
        assert!((good.ratio - 0.75).abs() < 1e-9, "{}", good.ratio);
        assert!(good.passed);
        assert!(describe(&good).contains("ratio 0.75"));
        assert!(!Comparison::of(side(9_000.0, true), side(12_000.0, false)).passed);
    }
}
