//! One file a command; here is what they share: a bank, accounts on it, and the care for what is left behind.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use kernel::{Clock as _, SystemClock};
use serde::Serialize;
use testkit::invariants::Report as Audit;

use crate::audit::audit;
use crate::cli::{self, Cli, Command, CompareWith, Special};
use crate::lab::Lab;
use crate::progress::say;
use crate::report::RunReport;
use crate::run::{self, Finished, Plan};
use crate::scenario::Scenario;
use crate::seed::{self, Wanted};
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

mod clearing;
mod compare;
mod compare_cards;
mod demo;
mod end_of_day;
mod pgbench;
mod protection;
mod run_scenario;
mod scheme;
mod surge;

const INTERRUPTED: u8 = 130;

/// Does what was asked, and answers the exit code.
pub async fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let stop = Stop::new();
    stop.on_signals()?;
    match cli.command {
        Command::Run(options) => match options.special {
            Some(Special::Surge(options)) => surge::execute(&options, &stop).await,
            Some(Special::EndOfDay(options)) => end_of_day::execute(&options, &stop).await,
            None => run_scenario::execute(&options, &stop).await,
        },
        Command::Seed(options) => {
            let wanted = Wanted::from(&options.size);
            let bank = cli::Bank { dir: Some(options.bank), no_tracing: false };
            with_bank(&bank, wanted, &stop, async |_, _| Ok(ExitCode::SUCCESS)).await
        }
        Command::Compare(options) => match options.with {
            CompareWith::Pgbench(options) => compare::execute(&options, &stop).await,
            CompareWith::Protection(options) => protection::execute(&options, &stop).await,
            CompareWith::Cards(options) => compare_cards::execute(&options, &stop).await,
        },
        Command::Scheme(options) => scheme::execute(&options, &stop).await,
        Command::ClearingFile(options) => clearing::make(&options, &stop).await,
        Command::SubmitClearing(options) => clearing::submit(&options, &stop).await,
        Command::Demo(options) => demo::execute(&options, &stop).await,
    }
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Interrupted>() {
        return INTERRUPTED;
    }
    if let Some(error) = error.downcast_ref::<bank::Error>() {
        return error.exit_code();
    }
    if error.is::<testkit::environment::Problem>() { 3 } else { 1 }
}

impl From<&cli::Size> for Wanted {
    fn from(size: &cli::Size) -> Self {
        Self { customers: size.customers, accounts: size.accounts }
    }
}

/// Runs `work` on a bank with seeded accounts, and takes a temporary bank down again whatever happens.
async fn with_bank<T>(
    bank: &cli::Bank,
    wanted: Wanted,
    stop: &Stop,
    work: impl AsyncFnOnce(&Lab, &[i64]) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let dir = bank.dir.as_deref();
    if dir.is_none() {
        say("starting a bank of our own");
    }
    let lab = tokio::select! {
        lab = Lab::open(dir, !bank.no_tracing) => lab?,
        () = stop.requested() => return Err(Interrupted.into()),
    };
    let result = async {
        let accounts = seed::ensure(&lab.target, wanted, stop).await?;
        work(&lab, &accounts).await
    }
    .await;
    let closed = lab.close().await;
    let result = result?;
    closed.map(|()| result)
}

/// One run and its report, not audited yet.
async fn run_once(
    target: &Target,
    accounts: &[i64],
    plan: Plan,
    stop: &Stop,
) -> anyhow::Result<(Finished, RunReport)> {
    let started_at = SystemClock.now().format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let finished = run::run(target, accounts, plan, stop).await?;
    let report = RunReport::of(&finished, target, accounts.len(), started_at);
    Ok((finished, report))
}

/// Audits the books against the records of some runs. Records that agree are removed; those that do not are kept as
/// evidence, outside a bank that is about to go.
async fn audit_runs(lab: &Lab, accounts: &[i64], runs: &[&Finished]) -> anyhow::Result<Audit> {
    say("auditing the books");
    let records: Vec<_> = runs.iter().map(|run| (run.record.as_path(), run.ids)).collect();
    let report = audit(&lab.target, accounts, &records).await?;
    for (record, _) in records {
        if report.passed {
            std::fs::remove_file(record).ok();
        } else {
            keep(lab, record)?;
        }
    }
    Ok(report)
}

fn keep(lab: &Lab, record: &Path) -> anyhow::Result<()> {
    let mut place = record.to_owned();
    if lab.is_temporary() {
        place = PathBuf::from(record.file_name().context("a record without a name")?);
        std::fs::copy(record, &place)
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    say(&format!("the client's record is kept in {}", place.display()));
    Ok(())
}

/// The scenario of this name or file; a mistake in it is wrong usage.
fn scenario(name_or_path: &str) -> anyhow::Result<Arc<Scenario>> {
    let loaded = Scenario::load(name_or_path);
    let loaded = loaded.map_err(|error| bank::Error::Usage(one_line(&error)))?;
    Ok(Arc::new(loaded))
}

/// An error with its causes, whatever they look like, as one line.
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    write(path, &(serde_json::to_string_pretty(value)? + "\n"))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A file that cannot be written is found out before the run and not after it.
fn require_writable(paths: &[Option<&Path>]) -> anyhow::Result<()> {
    for path in paths.iter().flatten() {
        let is_new = !path.exists();
        let mut options = std::fs::OpenOptions::new();
        let opened = options.create(true).append(true).open(path);
        opened.map_err(|error| {
            bank::Error::Usage(format!("cannot write {}: {error}", path.display()))
        })?;
        if is_new {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// 0, 1, or 130 where Ctrl-C ended something that was well otherwise.
fn verdict(passed: bool, stop: &Stop) -> ExitCode {
    if !passed {
        return ExitCode::FAILURE;
    }
    if stop.is_requested() { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        assert_eq!(exit_code(&Interrupted.into()), 130);
        assert_eq!(exit_code(&bank::Error::NotRunning(String::new()).into()), 5);
        assert_eq!(exit_code(&testkit::environment::problem("no disk")), 3);
        assert_eq!(exit_code(&anyhow::anyhow!("anything else")), 1);
    }

    #[test]
    fn an_unknown_scenario_is_wrong_usage() {
        assert_eq!(exit_code(&scenario("nothing").unwrap_err()), 2);
    }

    #[test]
    fn an_error_is_shown_on_one_line() {
        let error = anyhow::anyhow!("first\n  second").context("while testing");

        assert_eq!(one_line(&error), "while testing: first second");
    }
}
