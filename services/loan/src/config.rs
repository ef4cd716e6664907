//! Every setting of the loan service: what it means, its default, what follows from it.

use std::path::PathBuf;

use anyhow::Context as _;
use platform::config::{
    AuditConfig, ClientConfig, DatabaseConfig, LaneConfig, Problems, RelayConfig, ServerConfig,
    TelemetryConfig, TlsConfig, TrafficConfig, Validate,
};
use serde::Deserialize;

use crate::domain::Products;
use crate::domain::source::{SourceText, load};

/// The settings of the loan service. The sections of the platform explain themselves there.
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
    /// How writes are grouped.
    #[serde(default)]
    pub lanes: LaneConfig,
    /// How much it lets in.
    #[serde(default)]
    pub traffic: TrafficConfig,
    /// How its outbox is delivered.
    #[serde(default)]
    pub relay: RelayConfig,
    /// The services it calls.
    pub clients: Clients,
    /// What it lends.
    pub books: Books,
    /// How money movements are driven, and the end of a day is worked off.
    #[serde(default)]
    pub work: Work,
}

/// The services that loan calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Asked whether an applicant may borrow.
    pub customer: ClientConfig,
    /// Pays out, and collects.
    pub deposit: ClientConfig,
    /// Receives the outbox, and gives the business date.
    pub accounting: ClientConfig,
}

/// What the loan service lends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// The products and the benchmarks of their rates, such as `services/loan/books/products.toml`. Read at start; the
    /// service does not start unless all of it is right.
    pub products_file: PathBuf,
}

impl Books {
    /// Reads the products.
    ///
    /// # Errors
    /// The file cannot be read, or has problems: all of them, each with its line.
    pub fn read(&self) -> anyhow::Result<Products> {
        let name = self.products_file.display().to_string();
        let text = std::fs::read_to_string(&self.products_file);
        let text = text.with_context(|| format!("cannot read {name}"))?;
        load(SourceText { name: &name, text: &text }).context("the products cannot be read")
    }
}

/// How money movements are driven, and the end of a day is worked off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// How long a movement may be on its way before the resolver asks deposit again, milliseconds; default 3,000. Shorter
    /// asks for what the caller's own call is just about to finish, which is harmless and wasted.
    pub resolve_after_ms: u64,
    /// Calls to deposit at once at the end of a day; default 32. More collects faster, and takes from deposit what its
    /// customers need.
    pub collections_at_once: usize,
    /// Loans calculated in one database transaction; default 2,000. More costs less for each, and makes whoever needs one
    /// of these loans wait longer.
    pub calculated_at_once: u32,
}

impl Default for Work {
    fn default() -> Self {
        Self { resolve_after_ms: 3_000, collections_at_once: 32, calculated_at_once: 2_000 }
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
        self.relay.problems(problems);
        if !(1..=1_000).contains(&self.work.collections_at_once) {
            problems.add("work.collections_at_once", "must be 1 to 1,000");
        }
        if !(1..=20_000).contains(&self.work.calculated_at_once) {
            problems.add("work.calculated_at_once", "must be 1 to 20,000");
        }
    }
}
