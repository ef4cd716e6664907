//! What can be asked about cards.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;

use super::{Bank, Size};

/// Options of `scheme`.
#[derive(Debug, Args)]
pub struct Scheme {
    /// Which bank.
    #[command(flatten)]
    pub bank: Bank,
    /// Only this script, see --list; may be given several times.
    #[arg(long = "scenario", value_name = "NAME")]
    pub scripts: Vec<String>,
    /// Say which scripts there are, and do nothing.
    #[arg(long, conflicts_with_all = ["dir", "scripts", "json"])]
    pub list: bool,
    /// Write how each went as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Skip the audit.
    #[arg(long)]
    pub no_verify: bool,
}

/// Options of `compare cards`.
#[derive(Debug, Args)]
pub struct CompareCards {
    /// Which bank.
    #[command(flatten)]
    pub bank: Bank,
    /// How long each turn takes; there are two of each.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Requests that wait for an answer at any time.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Skip the audit.
    #[arg(long)]
    pub no_verify: bool,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// Options of `clearing-file`.
#[derive(Debug, Args)]
pub struct ClearingFile {
    /// Directory of a running bank (`bank up --dir D`).
    #[arg(long, value_name = "D")]
    pub bank: PathBuf,
    /// Where the file goes, readable by its owner alone: it has card numbers in it [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write the settlement report that settles all of it.
    #[arg(long, value_name = "FILE")]
    pub settlement: Option<PathBuf>,
    /// The scheme's clearing day [default: today, UTC].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<NaiveDate>,
    /// At most so many records.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=9_000_000))]
    pub limit: u32,
}

/// Options of `submit-clearing`.
#[derive(Debug, Args)]
pub struct SubmitClearing {
    /// Directory of a running bank (`bank up --dir D`).
    #[arg(long, value_name = "D")]
    pub bank: PathBuf,
    /// The clearing file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Afterwards send this settlement report.
    #[arg(long, value_name = "FILE")]
    pub settlement: Option<PathBuf>,
    /// How long the bank may take to post it.
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub wait: u32,
}
