//! The secrets of one bank: generated once, kept in one file, written into the services' configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use testkit::environment::write_private;
use testkit::postgres::{Secrets, random_password};

use crate::options::SERVICES;

/// Passwords of all database roles, and the keys that protect customer data.
///
/// Losing the file means losing the customers' protected fields, and the way into the databases.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// Postgres superuser `postgres`.
    pub admin_password: String,
    /// Role `replicator`.
    pub replication_password: String,
    /// Names the key below.
    pub key_encryption_key_id: String,
    /// 256-bit key that wraps the keys of protected fields, in hexadecimal.
    pub key_encryption_key_hex: String,
    /// Earlier such keys by id, while data keys may still be wrapped by them. Written here by whoever rotates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired_key_encryption_keys: BTreeMap<String, String>,
    /// 256-bit key of the hash by which protected fields are found, in hexadecimal.
    pub search_key_hex: String,
    /// Owner, app and auditor roles.
    pub databases: Secrets,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// The keys of the bank in `dir`.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("config/keys.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// The keys of the bank in `dir`, generated if it has none yet.
    pub(crate) fn load_or_generate(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("config/keys.toml");
        if path.exists() {
            return Self::load(dir);
        }
        let keys = Self {
            admin_password: random_password(),
            replication_password: random_password(),
            key_encryption_key_id: "k1".to_owned(),
            key_encryption_key_hex: random_key(),
            retired_key_encryption_keys: BTreeMap::new(),
            search_key_hex: random_key(),
            databases: Secrets::generate(&SERVICES),
        };
        write_private(&path, &toml::to_string(&keys)?)?;
        // The name must survive a power cut as surely as the data that it unlocks.
        std::fs::File::open(dir.join("config"))?.sync_all()?;
        Ok(keys)
    }
}

fn random_key() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
