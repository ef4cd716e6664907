//! `loadtest run end-of-day`: how long the end of a day takes with many loans.

use std::process::ExitCode;

use super::run_scenario::print;
use super::{require_writable, verdict, write_json};
use crate::cli;
use crate::end_of_day::{Plan, run};
use crate::stop::Stop;

pub(super) async fn execute(options: &cli::EndOfDay, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.json.as_deref()])?;
    let plan = Plan { loans: options.loans, durable: true, bin_dir: None };
    let report = Box::pin(run(&plan, stop)).await?;
    print(&report.to_string());
    if let Some(path) = &options.json {
        write_json(path, &report)?;
    }
    Ok(verdict(report.passed, stop))
}
