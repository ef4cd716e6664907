//! Every setting of the accounting service: what it means, its default, what follows from it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use platform::config::{
    AuditConfig, ClientConfig, DatabaseConfig, LaneConfig, Problems, ServerConfig, TelemetryConfig,
    TlsConfig, TrafficConfig, Validate,
};
use serde::Deserialize;

use crate::domain::{Rulebook, SourceText, load};

/// The settings of the accounting service. The sections of the platform explain themselves there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens and how it drains.
    pub server: ServerConfig,
    /// Its certificate, and whom it believes. Needed unless `server.unprotected`.
    pub tls: Option<TlsConfig>,
    /// Where the heads of its audit log go.
    #[serde(default)]
    pub audit: AuditConfig,
    /// Its Postgres nodes.
    pub database: DatabaseConfig,
    /// Logs, traces, metrics.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// How deliveries are grouped; a command is a whole outbox batch. One lane by default: every delivery adds to the
    /// same few balances, so a second one would mostly wait for the first.
    #[serde(default = "one_lane")]
    pub lanes: LaneConfig,
    /// How much it lets in.
    #[serde(default)]
    pub traffic: TrafficConfig,
    /// The services it calls.
    pub clients: Clients,
    /// The books.
    pub books: Books,
}

fn one_lane() -> LaneConfig {
    LaneConfig { lanes: 1, ..LaneConfig::default() }
}

/// The services that accounting calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Asked for its totals by the tie-out.
    pub deposit: ClientConfig,
    /// Likewise.
    pub loan: ClientConfig,
    /// Likewise.
    pub card: ClientConfig,
}

/// What the books begin with and who writes into them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// The chart of accounts, such as `services/accounting/books/chart.toml`. Read at start; the service does not start
    /// unless chart and rules fit together.
    pub chart_file: PathBuf,
    /// The accounting rules, such as `services/accounting/books/rules.toml`. Read at start.
    pub rules_file: PathBuf,
    /// The bank's first business date, `YYYY-MM-DD`. Only used while the database has none; from then on only a
    /// cut-over moves it.
    pub first_business_date: NaiveDate,
    /// The services that report events; default `["deposit", "loan", "card"]`. A business date closes once each has confirmed
    /// it, so a service that is listed and never confirms keeps every date open.
    #[serde(default = "all_sources")]
    pub sources: Vec<String>,
}

fn all_sources() -> Vec<String> {
    ["deposit", "loan", "card"].map(str::to_owned).to_vec()
}

impl Books {
    /// Reads the chart and the rules.
    ///
    /// # Errors
    /// A file cannot be read, or chart and rules have problems: all of them, each with its file and line.
    pub fn read(&self) -> anyhow::Result<Rulebook> {
        let text = |path: &Path| {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"));
            text.map(|text| (name, text))
        };
        let (chart, rules) = (text(&self.chart_file)?, text(&self.rules_file)?);
        load(
            SourceText { name: &chart.0, text: &chart.1 },
            SourceText { name: &rules.0, text: &rules.1 },
        )
        .context("the books cannot be opened")
    }
}

impl Validate for Config {
    fn problems(&self, problems: &mut Problems) {
        self.server.problems(problems);
        self.audit.problems(problems);
        problems.require_tls(&self.server, self.tls.as_ref());
        self.database.problems(problems);
        self.telemetry.problems(problems);
        self.lanes.problems(problems);
        self.traffic.problems(problems);
        let sources = &self.books.sources;
        let named = !sources.is_empty() && sources.iter().all(|source| is_name(source));
        problems.require(named, "books.sources", "must name at least one service, in lower case");
    }
}

fn is_name(source: &str) -> bool {
    !source.is_empty() && source.bytes().all(|byte| byte.is_ascii_lowercase())
}
