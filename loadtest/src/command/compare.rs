//! `loadtest compare pgbench`: the transfer scenario flat out against TPC-B, in turns on one cluster.
//!
//! What differs on purpose: pgbench sends SQL to the database, one durable commit per transaction and client; a
//! transfer goes through gRPC and a service, books double entry, tells accounting, and is committed with others.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use testkit::invariants::Report as Audit;

use super::pgbench::Pgbench;
use super::run_scenario::print;
use super::{audit_runs, require_writable, run_once, scenario, verdict, with_bank, write_json};
use crate::cli;
use crate::lab::Lab;
use crate::progress::say;
use crate::report::{RunReport, tenths, text};
use crate::run::{Finished, Pace, Plan};
use crate::seed::Wanted;
use crate::stop::{Interrupted, Stop};

/// Each side has as many turns, alternating, so that whatever drifts on the machine meets both.
const TURNS: usize = 2;

/// The comparison.
#[derive(Debug, Serialize)]
struct Comparison {
    passed: bool,
    /// Transfers per second over pgbench's transactions per second.
    ratio: f64,
    pgbench_tps: f64,
    transfer_tps: f64,
    /// Of each turn.
    pgbench_turns_tps: Vec<f64>,
    /// The transfers of each turn.
    transfer_turns: Vec<RunReport>,
    sync_replicas: i64,
    verify: Option<Audit>,
}

pub(super) async fn execute(options: &cli::Pgbench, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.json.as_deref()])?;
    let plan = Plan {
        scenario: scenario("transfer")?,
        pace: Pace::Max { in_flight: options.in_flight },
        seconds: options.seconds,
        queries: 0,
        in_flight_max: options.in_flight,
    };
    let wanted = Wanted::from(&options.size);
    with_bank(&options.bank, wanted, stop, async |lab: &Lab, accounts: &[i64]| {
        let pgbench = Pgbench::find(&lab.target.admin_url)?;
        let turns = turns(lab, accounts, &pgbench, &plan, stop).await;
        // Five million rows must not stay behind in somebody's bank, whatever happened.
        let dropped = pgbench.drop_database().await;
        let (pgbench_turns_tps, runs) = turns?;
        dropped?;
        let finished: Vec<&Finished> = runs.iter().map(|(finished, _)| finished).collect();
        let verify = if options.no_verify {
            None
        } else {
            Some(audit_runs(lab, accounts, &finished).await?)
        };
        let reports = runs.into_iter().map(|(_, report)| report).collect();
        let comparison = compare(pgbench_turns_tps, reports, verify, lab.target.sync_replicas);
        print(&describe(&comparison));
        if let Some(path) = &options.json {
            write_json(path, &comparison)?;
        }
        Ok(verdict(comparison.passed, stop))
    })
    .await
}

async fn turns(
    lab: &Lab,
    accounts: &[i64],
    pgbench: &Pgbench,
    plan: &Plan,
    stop: &Stop,
) -> anyhow::Result<(Vec<f64>, Vec<(Finished, RunReport)>)> {
    say("filling pgbench's tables");
    unless_stopped(stop, pgbench.initialize()).await?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for turn in 1..=TURNS {
        say(&format!("turn {turn} of {TURNS}: pgbench for {} s", plan.seconds));
        pgbench.checkpoint().await?;
        theirs.push(tenths(unless_stopped(stop, pgbench.measure(plan.seconds)).await?));
        say(&format!("turn {turn} of {TURNS}: transfers for {} s", plan.seconds));
        pgbench.checkpoint().await?;
        ours.push(run_once(&lab.target, accounts, plan.clone(), stop).await?);
        if stop.is_requested() {
            return Err(Interrupted.into());
        }
    }
    Ok((theirs, ours))
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

fn compare(
    pgbench_turns_tps: Vec<f64>,
    transfer_turns: Vec<RunReport>,
    verify: Option<Audit>,
    sync_replicas: i64,
) -> Comparison {
    let pgbench_tps = mean(pgbench_turns_tps.iter().copied());
    let transfer_tps = mean(transfer_turns.iter().map(|report| report.tps));
    let ratio = if pgbench_tps > 0.0 { transfer_tps / pgbench_tps } else { 0.0 };
    let passed = verify.as_ref().is_none_or(|audit| audit.passed)
        && transfer_turns.iter().all(RunReport::passed);
    Comparison {
        passed,
        ratio: (ratio * 100.0).round() / 100.0,
        pgbench_tps: tenths(pgbench_tps),
        transfer_tps: tenths(transfer_tps),
        pgbench_turns_tps,
        transfer_turns,
        sync_replicas,
        verify,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn describe(comparison: &Comparison) -> String {
    let turns = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|tps| format!("{tps:.0}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    for report in &comparison.transfer_turns {
        text.push_str(&text::run(report));
    }
    if let Some(audit) = &comparison.verify {
        text.push_str(&text::audit(audit));
    }
    writeln!(
        text,
        "pgbench TPC-B, scale 50, prepared, 16 clients: {:.0} per second (turns: {})\n\
         transfers through the bank:                    {:.0} per second (turns: {})\n\
         ratio {:.2}, with {} synchronous replicas for both",
        comparison.pgbench_tps,
        turns(&mut comparison.pgbench_turns_tps.iter().copied()),
        comparison.transfer_tps,
        turns(&mut comparison.transfer_turns.iter().map(|report| report.tps)),
        comparison.ratio,
        comparison.sync_replicas,
    )
    .ok();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_ratio_is_that_of_the_means() {
        let turn = |tps| RunReport { tps, verify: None, ..report() };

        let comparison =
            compare(vec![2_000.0, 4_000.0], vec![turn(10_000.0), turn(14_000.0)], None, 1);

        assert!((comparison.ratio - 4.0).abs() < 1e-9, "{}", comparison.ratio);
        let text = describe(&comparison);
        assert!(text.contains("3000 per second (turns: 2000, 4000)"), "{text}");
        assert!(text.contains("ratio 4.00, with 1 synchronous"), "{text}");
    }
}
