//! `loadtest run surge`: overload of a bank of its own, and what must be true of it.

use std::process::ExitCode;

use super::run_scenario::print;
use super::{require_writable, verdict, write, write_json};
use crate::cli;
use crate::progress::say;
use crate::stop::Stop;
use crate::surge::pinned::Control;
use crate::surge::run::{Plan, run};
use crate::surge::scenario::Scenario;
use crate::surge::{html, text};

const ACCOUNTS: u32 = 20_000;
const QUICK_ACCOUNTS: u32 = 1_000;
const QUICK_STEP_SECONDS: u32 = 3;

pub(super) async fn execute(options: &cli::Surge, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.json.as_deref(), options.html.as_deref()])?;
    let report = Box::pin(run(&plan(options)?, stop)).await?;
    print(&text::surge(&report));
    if let Some(path) = &options.json {
        write_json(path, &report)?;
    }
    if let Some(path) = &options.html {
        write(path, &html::page(&report))?;
        say(&format!("report: {}", path.display()));
    }
    Ok(verdict(report.passed || report.interrupted, stop))
}

fn plan(options: &cli::Surge) -> anyhow::Result<Plan> {
    if options.quick {
        let mut plan = Plan::quick()?;
        plan.controls = vec![options.control.unwrap_or(Control::All)];
        return Ok(plan);
    }
    let all = [Control::None, Control::Buckets, Control::All];
    Ok(Plan {
        scenario: options.scenario.as_deref().map_or_else(Scenario::built_in, Scenario::load)?,
        controls: options.control.map_or_else(|| all.to_vec(), |control| vec![control]),
        step_seconds: options.step_seconds,
        accounts: ACCOUNTS,
        bin_dir: None,
    })
}

impl Plan {
    /// A minute, with everything that controls: shows that it works rather than how well.
    pub fn quick() -> anyhow::Result<Self> {
        Ok(Self {
            scenario: Scenario::quick()?,
            controls: vec![Control::All],
            step_seconds: QUICK_STEP_SECONDS,
            accounts: QUICK_ACCOUNTS,
            bin_dir: None,
        })
    }
}
