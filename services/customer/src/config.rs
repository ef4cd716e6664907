//! Every setting of the customer service: what it means, its default, what follows from it.

use std::collections::BTreeMap;

use platform::config::{
    ClientConfig, DatabaseConfig, LaneConfig, Problems, ServerConfig, TelemetryConfig,
    TrafficConfig, Validate,
};
use platform::protection::{DataKey, Error, Keyring, SearchKey, Secret};
use serde::Deserialize;

use crate::store::Keys;

/// The settings of the customer service. The sections of the platform explain themselves there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens and how it drains.
    pub server: ServerConfig,
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
    /// Asked before a customer is closed.
    pub deposit: ClientConfig,
}

/// The keys of personal data. No default: a key that everybody knows protects nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Names the key that seals new fields, 1 to 32 printable characters; written into each of them.
    pub data_key_id: String,
    /// That key: 64 hexadecimal digits. Lose it and everything it sealed is lost.
    pub data_key_hex: Secret<String>,
    /// Earlier keys by id, which still open what they sealed; default none. Take one out only when no row names
    /// it any more.
    #[serde(default)]
    pub retired_data_keys: BTreeMap<String, Secret<String>>,
    /// The key of document digests: 64 hexadecimal digits. Another key finds no customer, and lets every document be
    /// registered a second time.
    pub search_key_hex: Secret<String>,
}

impl Protection {
    /// The keys, ready for use.
    pub fn keys(&self) -> Result<Keys, Error> {
        let writing = DataKey::parse(&self.data_key_id, &self.data_key_hex)?;
        let retired = self.retired_data_keys.iter().map(|(id, hex)| DataKey::parse(id, hex));
        let data = Keyring::try_new(writing, retired.collect::<Result<_, _>>()?)?;
        Ok(Keys::new(data, SearchKey::parse(&self.search_key_hex)?))
    }
}

impl Validate for Config {
    fn problems(&self, problems: &mut Problems) {
        self.server.problems(problems);
        self.database.problems(problems);
        self.telemetry.problems(problems);
        self.lanes.problems(problems);
        self.traffic.problems(problems);
        self.protection.problems(problems);
    }
}

impl Validate for Protection {
    fn problems(&self, problems: &mut Problems) {
        let written = [(&self.data_key_id, &self.data_key_hex)].into_iter();
        for (id, hex) in written.chain(&self.retired_data_keys) {
            if let Err(error) = DataKey::parse(id, hex) {
                problems.add("protection", &format!("data key {id:?}: {error}"));
            }
        }
        if let Err(error) = SearchKey::parse(&self.search_key_hex) {
            problems.add("protection.search_key_hex", &error.to_string());
        }
        if self.retired_data_keys.contains_key(&self.data_key_id) {
            problems.add("protection.retired_data_keys", "must not name the key in use");
        }
    }
}
