//! `loadtest compare cards`: card authorizations flat out against transfers flat out, in turns on one bank.
//!
//! What an authorization costs more: it is two durable decisions in two services, a hold in deposit and the authorization in
//! card, one after the other; a transfer is one.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use testkit::invariants::Report as Audit;

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
const NAMES: [&str; 2] = ["transfer", "cards"];

/// The comparison.
#[derive(Debug, Serialize)]
struct Comparison {
    passed: bool,
    /// Authorizations per second over transfers per second.
    ratio: f64,
    transfer_tps: f64,
    cards_tps: f64,
    transfer_turns: Vec<RunReport>,
    cards_turns: Vec<RunReport>,
    verify: Option<Audit>,
}

pub(super) async fn execute(options: &cli::CompareCards, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.json.as_deref()])?;
    let plan = |name| -> anyhow::Result<Plan> {
        Ok(Plan {
            scenario: scenario(name)?,
            pace: Pace::Max { in_flight: options.in_flight },
            seconds: options.seconds,
            queries: 0,
            in_flight_max: options.in_flight,
        })
    };
    let plans = [plan(NAMES[0])?, plan(NAMES[1])?];
    let wanted = Wanted::from(&options.size);
    with_bank(&options.bank, wanted, stop, async |lab: &Lab, accounts: &[i64]| {
        let sides = turns(lab, accounts, &plans, stop).await?;
        let finished: Vec<&Finished> = sides.iter().flatten().map(|(run, _)| run).collect();
        let verify = if options.no_verify {
            None
        } else {
            Some(audit_runs(lab, accounts, &finished).await?)
        };
        let reports = sides.map(|side| side.into_iter().map(|(_, report)| report).collect());
        let comparison = Comparison::of(reports, verify);
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
    plans: &[Plan; 2],
    stop: &Stop,
) -> anyhow::Result<[Vec<(Finished, RunReport)>; 2]> {
    let mut sides = [Vec::new(), Vec::new()];
    for turn in 1..=TURNS {
        for ((side, plan), name) in sides.iter_mut().zip(plans).zip(NAMES) {
            say(&format!("turn {turn} of {TURNS}: {name} for {} s", plan.seconds));
            side.push(run_once(&lab.target, accounts, plan.clone(), stop).await?);
            if stop.is_requested() {
                return Err(Interrupted.into());
            }
        }
    }
    Ok(sides)
}

impl Comparison {
    fn of([transfers, cards]: [Vec<RunReport>; 2], verify: Option<Audit>) -> Self {
        let (transfer_tps, cards_tps) = (mean(&transfers), mean(&cards));
        let ratio = if transfer_tps > 0.0 { cards_tps / transfer_tps } else { 0.0 };
        let runs_passed = transfers.iter().chain(&cards).all(RunReport::passed);
        Self {
            passed: runs_passed && verify.as_ref().is_none_or(|audit| audit.passed),
            ratio: (ratio * 100.0).round() / 100.0,
            transfer_tps: tenths(transfer_tps),
            cards_tps: tenths(cards_tps),
            transfer_turns: transfers,
            cards_turns: cards,
            verify,
        }
    }
}

fn mean(turns: &[RunReport]) -> f64 {
    let (sum, count) =
        turns.iter().fold((0.0, 0.0), |(sum, count), turn| (sum + turn.tps, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn describe(comparison: &Comparison) -> String {
    let turns = |side: &[RunReport]| {
        side.iter().map(|turn| format!("{:.0}", turn.tps)).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    if let Some(audit) = &comparison.verify {
        text.push_str(&text::audit(audit));
    }
    writeln!(
        text,
        "transfers:           {:.0} per second (turns: {})\n\
         card authorizations: {:.0} per second (turns: {})\n\
         ratio {:.2}",
        comparison.transfer_tps,
        turns(&comparison.transfer_turns),
        comparison.cards_tps,
        turns(&comparison.cards_turns),
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
        let turns =
            |tps: [f64; 2]| tps.map(|tps| RunReport { tps, verify: None, ..report() }).to_vec();
        let sides = || [turns([9_000.0, 11_000.0]), turns([5_000.0, 7_000.0])];

        let good = Comparison::of(sides(), None);

        assert!((good.ratio - 0.6).abs() < 1e-9, "{}", good.ratio);
        assert!(good.passed);
        assert!(describe(&good).contains("ratio 0.60"), "{}", describe(&good));
        let failed = Audit { passed: false, checks: Vec::new() };
        assert!(!Comparison::of(sides(), Some(failed)).passed);
    }
}
