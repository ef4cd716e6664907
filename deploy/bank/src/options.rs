//! What can be asked of `bank up`.

use std::path::PathBuf;

use chrono::NaiveDate;
use testkit::postgres::Settings;

use crate::overrides::Override;

/// The services of the bank, in the order in which they are listed.
pub const SERVICES: [&str; 5] = ["customer", "deposit", "loan", "card", "accounting"];

/// How to bring a bank up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything of the bank lives here.
    pub dir: PathBuf,
    /// Where the service binaries are; beside the running executable when not given.
    pub bin_dir: Option<PathBuf>,
    /// Streaming replicas. Not given: as the directory has them, one in a new directory.
    pub replicas: Option<usize>,
    /// First business date of a new bank. Not given: today.
    pub first_business_date: Option<NaiveDate>,
    /// Fraction of the traces that are recorded, 0.0 to 1.0. Not given: the services' default.
    pub trace_ratio: Option<f64>,
    /// Where spans are sent by OTLP over gRPC. Not given: nowhere.
    pub otlp: Option<String>,
    /// First of consecutive ports. Not given: the ports of the last run that are still free, others chosen.
    pub base_port: Option<u16>,
    /// Refuse to start with less free space in `dir` than this.
    pub min_free_mb: u64,
    /// Whether whatever dies is started again. Tests of crashes turn it off to decide themselves.
    pub restart: bool,
    /// No TLS, no certificates: callers name themselves. Only to measure what protection costs.
    pub unprotected: bool,
    /// Settings of services on top of what the bank decides and the services' own defaults.
    pub overrides: Vec<Override>,
    /// Sizes and durability of Postgres.
    pub postgres: Settings,
}

impl Options {
    /// A bank in `dir` as the command brings it up without options.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            bin_dir: None,
            replicas: None,
            first_business_date: None,
            trace_ratio: None,
            otlp: None,
            base_port: None,
            min_free_mb: 2_048,
            restart: true,
            unprotected: false,
            overrides: Vec::new(),
            postgres: Settings::bank(),
        }
    }
}
