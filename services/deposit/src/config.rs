//! Every setting of the deposit service: what it means, its default, what follows from it.

use platform::config::{
    AuditConfig, ClientConfig, DatabaseConfig, LaneConfig, Problems, RelayConfig, ServerConfig,
    TelemetryConfig, TlsConfig, TrafficConfig, Validate,
};
use serde::Deserialize;

/// The settings of the deposit service. The sections of the platform explain themselves there.
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
    /// This bank.
    #[serde(default)]
    pub bank: Bank,
}

/// The services that deposit calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Asked whether an owner may open accounts.
    pub customer: ClientConfig,
    /// Receives the outbox, and gives the business date.
    pub accounting: ClientConfig,
}

/// What differs between the cells of a bank.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    /// First three digits of the account numbers opened here, 100 to 999; default 101. Two cells with the same code
    /// would give out the same numbers.
    pub cell_code: u16,
}

impl Default for Bank {
    fn default() -> Self {
        Self { cell_code: 101 }
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
        if !(100..=999).contains(&self.bank.cell_code) {
            problems.add("bank.cell_code", "must be 100 to 999");
        }
    }
}
