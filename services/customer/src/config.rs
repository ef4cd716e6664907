//! Every setting of the customer service: what it means, its default, what follows from it.

use std::collections::BTreeMap;

use platform::config::{
    AuditConfig, ClientConfig, DatabaseConfig, LaneConfig, Problems, ServerConfig, TelemetryConfig,
    TlsConfig, TrafficConfig, Validate,
};
use platform::protection::{DataKey, Error, Keyring, SearchKey, Secret};
use serde::Deserialize;

/// The settings of the customer service. The sections of the platform explain themselves there.
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
    /// The services it calls.
    pub clients: Clients,
    /// The keys of personal data.
    pub protection: Protection,
}

/// The services that customer calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Asked before a customer is closed: has it accounts?
    pub deposit: ClientConfig,
    /// Asked before a customer is closed: does it owe anything?
    pub loan: ClientConfig,
    /// Likewise, for payments by card.
    pub card: ClientConfig,
}

/// The keys of personal data. No default: a key that everybody knows protects nothing. Fields are sealed with data keys,
/// which the service makes itself and keeps in its database, wrapped with the key here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Names the key that wraps data keys, 1 to 32 printable characters.
    pub key_encryption_key_id: String,
    /// That key: 64 hexadecimal digits. Lose it and everything that is sealed is lost.
    pub key_encryption_key_hex: Secret<String>,
    /// Earlier keys by id, which still open the data keys that they wrapped; default none. After
    /// `customer rewrap-data-keys` none is needed any more.
    #[serde(default)]
    pub retired_key_encryption_keys: BTreeMap<String, Secret<String>>,
    /// The key of document digests: 64 hexadecimal digits. Another key finds no customer, and lets every document be
    /// registered a second time.
    pub search_key_hex: Secret<String>,
}

impl Protection {
    /// The keys that wrap data keys.
    pub fn wrapping(&self) -> Result<Keyring, Error> {
        let writing = DataKey::parse(&self.key_encryption_key_id, &self.key_encryption_key_hex)?;
        let retired = self.retired_key_encryption_keys.iter();
        let retired = retired.map(|(id, hex)| DataKey::parse(id, hex)).collect::<Result<_, _>>()?;
        Keyring::try_new(writing, retired)
    }

    /// The key of document digests.
    pub fn search(&self) -> Result<SearchKey, Error> {
        SearchKey::parse(&self.search_key_hex)
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
        self.protection.problems(problems);
    }
}

impl Validate for Protection {
    fn problems(&self, problems: &mut Problems) {
        let writing = [(&self.key_encryption_key_id, &self.key_encryption_key_hex)].into_iter();
        for (id, hex) in writing.chain(&self.retired_key_encryption_keys) {
            if let Err(error) = DataKey::parse(id, hex) {
                problems.add("protection", &format!("key-encryption key {id:?}: {error}"));
            }
        }
        if let Err(error) = SearchKey::parse(&self.search_key_hex) {
            problems.add("protection.search_key_hex", &error.to_string());
        }
        if self.retired_key_encryption_keys.contains_key(&self.key_encryption_key_id) {
            let key = "protection.retired_key_encryption_keys";
            problems.add(key, "must not name the key in use");
        }
    }
}
