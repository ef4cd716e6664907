//! `loadtest clearing-file` and `loadtest submit-clearing`: what a scheme sends at the end of its day.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use kernel::{Clock as _, SystemClock};
use testkit::environment::write_private;

use super::require_writable;
use super::run_scenario::print;
use crate::clearing::{ClearingFile, Operator, References, due, settlement};
use crate::cli;
use crate::progress::say;
use crate::stop::Stop;
use crate::target::Target;

/// Makes a clearing file of all that the bank has approved and nobody has cleared.
pub(super) async fn make(options: &cli::ClearingFile, stop: &Stop) -> anyhow::Result<ExitCode> {
    require_writable(&[options.out.as_deref(), options.settlement.as_deref()])?;
    let target = Target::find(&options.bank).await?;
    let due = due(&target, options.limit, stop).await?;
    if due.left_out > 0 {
        say(&format!("{} approvals of cards that are not active are left out", due.left_out));
    }
    let now = SystemClock.now();
    let date = options.date.unwrap_or_else(|| now.date_naive());
    let file_id = References::new(now).file_id();
    let file = ClearingFile { file_id, date, records: due.records };
    let text = file.lines()?.concat();
    match &options.out {
        Some(path) => write_private(path, &text)?,
        None => print(&text),
    }
    if let Some(path) = &options.settlement {
        write_private(path, &settlement(&file, date)?.write()?)?;
    }
    let sum: i64 = file.records.iter().map(|record| record.amount_minor).sum();
    say(&format!("{}: {} records, {sum} minor units", file.file_id, file.records.len()));
    Ok(ExitCode::SUCCESS)
}

/// Sends a clearing file, and waits until it is posted.
pub(super) async fn submit(options: &cli::SubmitClearing, stop: &Stop) -> anyhow::Result<ExitCode> {
    let target = Target::find(&options.bank).await?;
    let text = read(&options.file)?;
    let report = options.settlement.as_deref().map(read).transpose()?;
    let file = ClearingFile::parse(&text)
        .with_context(|| format!("{} is no clearing file", options.file.display()))?;
    let operator = Operator::of(&target).await?;
    // Sent as it is, not as it was understood.
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    operator.send(&file.file_id, &lines).await?;
    say(&format!("{} is sent: {} records", file.file_id, file.records.len()));
    let limit = Duration::from_secs(u64::from(options.wait));
    let sent = operator.finish(&file.file_id, limit, stop).await?;
    let of = sent.file;
    let seconds = sent.took.as_secs();
    print(&format!(
        "{}: {} records, {} posted, {} need a person, in {seconds} s\n",
        of.file_id, of.records, of.posted, of.exceptions
    ));
    if let Some(report) = report {
        let found = operator.settle(report).await?;
        print(&format!(
            "{}: {} agree, {} breaks, {} minor units to the scheme\n",
            found.report_id, found.agreed, found.breaks, found.net_minor
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
