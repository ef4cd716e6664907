//! `loadtest run`: one scenario, audited and reported.

use std::process::ExitCode;

use super::{
    audit_runs, require_writable, run_once, scenario, verdict, with_bank, write, write_json,
};
use crate::cli;
use crate::lab::Lab;
use crate::progress::say;
use crate::report::html::Page;
use crate::report::text;
use crate::run::{Pace, Plan};
use crate::seed::Wanted;
use crate::stop::Stop;

const WORKERS: u32 = 512;
const IN_FLIGHT_MAX: u32 = 20_000;

pub(super) async fn execute(options: &cli::Run, stop: &Stop) -> anyhow::Result<ExitCode> {
    let plan = plan(options)?;
    require_writable(&[options.json.as_deref(), options.html.as_deref()])?;
    let wanted = Wanted::from(&options.size);
    with_bank(&options.bank, wanted, stop, async |lab: &Lab, accounts: &[i64]| {
        let (finished, mut report) = run_once(&lab.target, accounts, plan, stop).await?;
        if !options.no_verify {
            report.verify = Some(audit_runs(lab, accounts, &[&finished]).await?);
        }
        print(&text::run(&report));
        if let Some(path) = &options.json {
            write_json(path, &report)?;
        }
        if let Some(path) = &options.html {
            let runs = [("The run", &report)];
            let title = format!("Load test: {}", report.scenario);
            let page =
                Page { title: &title, verdict: "", runs: &runs, audit: report.verify.as_ref() };
            write(path, &page.render())?;
            say(&format!("report: {}", path.display()));
        }
        Ok(verdict(report.passed(), stop))
    })
    .await
}

fn plan(options: &cli::Run) -> anyhow::Result<Plan> {
    let pace = if options.max {
        Pace::Max { in_flight: options.in_flight.unwrap_or(WORKERS) }
    } else {
        Pace::Rate { per_second: options.rate, poisson: options.poisson }
    };
    Ok(Plan {
        scenario: scenario(options.scenario.as_deref().unwrap_or_default())?,
        pace,
        seconds: options.seconds,
        queries: options.queries,
        in_flight_max: options.in_flight.unwrap_or(IN_FLIGHT_MAX).max(1),
    })
}

/// The result, on standard output.
pub(super) fn print(text: &str) {
    use std::io::Write as _;

    // A reader that has gone away is no reason to fail.
    write!(std::io::stdout(), "{text}").ok();
}
