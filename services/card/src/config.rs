//! Every setting of the card service: what it means, its default, what follows from it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use platform::config::{
    AuditConfig, ClientConfig, DatabaseConfig, LaneConfig, Problems, RelayConfig, ServerConfig,
    TelemetryConfig, TlsConfig, TrafficConfig, Validate,
};
use platform::protection::{DataKey, Error, Keyring, SearchKey, Secret};
use serde::Deserialize;

use crate::domain::Products;
use crate::keys;

/// The settings of the card service. The sections of the platform explain themselves there.
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
    /// How writes are grouped. By default in one lane: a decision is a small part of an authorization, and twice as many
    /// batches of half the size cost more than they gain.
    #[serde(default = "one_lane")]
    pub lanes: LaneConfig,
    /// How much it lets in.
    #[serde(default)]
    pub traffic: TrafficConfig,
    /// How its outbox is delivered.
    #[serde(default)]
    pub relay: RelayConfig,
    /// The services it calls.
    pub clients: Clients,
    /// What cards there are.
    pub books: Books,
    /// The keys of card numbers and PINs as they lie in the database.
    pub protection: Protection,
    /// The keys that are shared with the scheme and with channels, and those that PIN and CVV2 are computed with.
    pub keys: keys::KeysConfig,
    /// Where the scheme asks in ISO 8583.
    pub gateway: Gateway,
    /// How what was decided is carried out.
    #[serde(default)]
    pub work: Work,
}

fn one_lane() -> LaneConfig {
    LaneConfig { lanes: 1, ..LaneConfig::default() }
}

/// The services that card calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Asked whether somebody may have a card.
    pub customer: ClientConfig,
    /// Reserves, takes, gives back.
    pub deposit: ClientConfig,
    /// Receives the outbox, and gives the business date.
    pub accounting: ClientConfig,
}

/// What cards there are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// The products, their limits and the ranges of their numbers, such as `services/card/books/products.toml`. Read at
    /// start; the service does not start unless all of it is right.
    pub products_file: PathBuf,
}

impl Books {
    /// Reads the products.
    ///
    /// # Errors
    /// The file cannot be read, or has problems: all of them, each with its line.
    pub fn read(&self) -> anyhow::Result<Products> {
        use crate::domain::source::{SourceText, load};

        let name = self.products_file.display().to_string();
        let text = std::fs::read_to_string(&self.products_file);
        let text = text.with_context(|| format!("cannot read {name}"))?;
        load(SourceText { name: &name, text: &text }).context("the products cannot be read")
    }
}

/// The keys of card numbers and PINs as they lie in the database. No default: a key that everybody knows protects nothing.
/// Fields are sealed with data keys, which the service makes itself and keeps in its database, wrapped with the key here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Names the key that wraps data keys, 1 to 32 printable characters.
    pub key_encryption_key_id: String,
    /// That key: 64 hexadecimal digits. Lose it and everything that is sealed is lost.
    pub key_encryption_key_hex: Secret<String>,
    /// Earlier keys by id, which still open the data keys that they wrapped; default none.
    #[serde(default)]
    pub retired_key_encryption_keys: BTreeMap<String, Secret<String>>,
    /// The key of digests: 64 hexadecimal digits. By it numbers are found, authorizations get their ids and new numbers
    /// their order. Another key finds no card and no authorization, and gives out numbers that are taken.
    pub search_key_hex: Secret<String>,
}

impl Protection {
    /// The keys that wrap data keys.
    ///
    /// # Errors
    /// A key has not the right form, or two have one id.
    pub fn wrapping(&self) -> Result<Keyring, Error> {
        let writing = DataKey::parse(&self.key_encryption_key_id, &self.key_encryption_key_hex)?;
        let retired = self.retired_key_encryption_keys.iter();
        let retired = retired.map(|(id, hex)| DataKey::parse(id, hex)).collect::<Result<_, _>>()?;
        Keyring::try_new(writing, retired)
    }

    /// The key of digests.
    ///
    /// # Errors
    /// It has not the right form.
    pub fn search(&self) -> Result<SearchKey, Error> {
        SearchKey::parse(&self.search_key_hex)
    }
}

/// Where the scheme asks in ISO 8583.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// No TLS, and whoever connects is believed to be the scheme; default false. Only on a loopback address, for a
    /// scheme's own software that encrypts beside this service, and to measure what protection costs.
    #[serde(default)]
    pub plain: bool,
    /// The bank's country, three digits of ISO 3166; default 156. A terminal elsewhere is abroad.
    #[serde(default = "here")]
    pub country: String,
    /// The names of the zone keys that data element 53 numbers, from 0; default none. Each is in `keys.zone_pin_keys`. A
    /// PIN under another number is a format error.
    #[serde(default)]
    pub pin_keys: Vec<String>,
    /// Connections open at once; default 64. One too many is closed at once.
    #[serde(default = "sixty_four")]
    pub connections_max: usize,
    /// Messages under way on one connection; default 1,024. Beyond that it is not read from until one is answered.
    #[serde(default = "a_thousand")]
    pub in_flight_max: usize,
    /// How long an authorization may take, milliseconds; default 5,000. Past it the gateway reverses it and answers 91. It
    /// must be shorter than what the scheme waits, at half of it or less: the reversal may take as long again.
    #[serde(default = "five_seconds")]
    pub answer_within_ms: u64,
    /// How far the transmission time of a message may be from the clock here, seconds; default 900. It is in the
    /// authorization's id, so a message from another day is another authorization.
    #[serde(default = "a_quarter")]
    pub clock_skew_seconds: u32,
    /// How long nothing may come on a connection, seconds; default 300. A scheme sends an echo each minute or so.
    #[serde(default = "five_minutes")]
    pub idle_max_s: u64,
    /// How long a message may take from its first byte to its last, milliseconds; default 5,000.
    #[serde(default = "five_seconds")]
    pub frame_max_ms: u64,
    /// How long answers may wait for the other end to read, milliseconds; default 5,000. Past it the connection is closed.
    #[serde(default = "five_seconds")]
    pub write_max_ms: u64,
}

/// How what was decided is carried out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// How long an order to deposit may be pending before it is given again, milliseconds; default 3,000. Shorter asks for
    /// what the first call is just about to finish, which is harmless and wasted.
    pub resolve_after_ms: u64,
    /// Orders given to deposit at once; default 64. More clears a file faster, and takes from deposit what its customers
    /// need.
    pub orders_at_once: usize,
    /// How old a hold must be before it is looked for among the authorizations, seconds; default 1,200. What is older than
    /// seven eighths of it is not decided any more, so that no hold is given back whose authorization is being decided.
    pub sweep_after_s: u32,
    /// Records of a clearing file that are matched in one database transaction; default 500. More costs less for each, and
    /// makes whoever uses one of these cards wait longer.
    pub matched_at_once: u32,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            resolve_after_ms: 3_000,
            orders_at_once: 64,
            sweep_after_s: 1_200,
            matched_at_once: 500,
        }
    }
}

fn here() -> String {
    "156".to_owned()
}

fn sixty_four() -> usize {
    64
}

fn a_thousand() -> usize {
    1_024
}

fn five_seconds() -> u64 {
    5_000
}

fn a_quarter() -> u32 {
    900
}

fn five_minutes() -> u64 {
    300
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
        self.protection.problems(problems);
        self.keys.problems(problems);
        self.gateway.problems(problems);
        for name in &self.gateway.pin_keys {
            let what = format!("{name:?} is not in keys.zone_pin_keys");
            let known = self.keys.zone_pin_keys.contains_key(name);
            problems.require(known, "gateway.pin_keys", &what);
        }
        let what = "must be true where server.unprotected is: there is no certificate";
        problems.require(!self.server.unprotected || self.gateway.plain, "gateway.plain", what);
        self.work.problems(problems);
        let what =
            "must be at least 8/7 of gateway.clock_skew_seconds, more than it, and at most 86400";
        let (sweep, skew) = (self.work.sweep_after_s, self.gateway.clock_skew_seconds);
        let sweeps = sweep > skew && sweep.saturating_sub(sweep / 8) >= skew;
        problems.require(sweeps && self.work.sweep_after_s <= 86_400, "work.sweep_after_s", what);
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

impl Validate for Gateway {
    fn problems(&self, problems: &mut Problems) {
        let local = "must be a loopback address while gateway.plain is true";
        let may_listen = !self.plain || self.listen.ip().is_loopback();
        problems.require(may_listen, "gateway.listen", local);
        let digits = self.country.len() == 3 && self.country.bytes().all(|b| b.is_ascii_digit());
        problems.require(digits, "gateway.country", "must be three digits of ISO 3166");
        let some = self.pin_keys.len() <= 100;
        problems.require(some, "gateway.pin_keys", "must be at most 100");
        let some = (1..=10_000).contains(&self.connections_max);
        problems.require(some, "gateway.connections_max", "must be 1 to 10000");
        let some = (1..=100_000).contains(&self.in_flight_max);
        problems.require(some, "gateway.in_flight_max", "must be 1 to 100000");
        let some = (10..=60_000).contains(&self.answer_within_ms);
        problems.require(some, "gateway.answer_within_ms", "must be 10 to 60000");
        let some = (1..=43_200).contains(&self.clock_skew_seconds);
        problems.require(some, "gateway.clock_skew_seconds", "must be 1 to 43200");
        let some = (1..=86_400).contains(&self.idle_max_s);
        problems.require(some, "gateway.idle_max_s", "must be 1 to 86400");
        let some = (10..=600_000).contains(&self.frame_max_ms);
        problems.require(some, "gateway.frame_max_ms", "must be 10 to 600000");
        let some = (10..=600_000).contains(&self.write_max_ms);
        problems.require(some, "gateway.write_max_ms", "must be 10 to 600000");
    }
}

impl Validate for Work {
    fn problems(&self, problems: &mut Problems) {
        let some = (1..=1_000).contains(&self.orders_at_once);
        problems.require(some, "work.orders_at_once", "must be 1 to 1000");
        let some = (1..=10_000).contains(&self.matched_at_once);
        problems.require(some, "work.matched_at_once", "must be 1 to 10000");
    }
}
