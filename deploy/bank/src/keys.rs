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
            let mut keys = Self::load(dir)?;
            if keys.add_missing_services() {
                keys.save(&path)?;
            }
            return Ok(keys);
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
        keys.save(&path)?;
        Ok(keys)
    }

    /// A directory that is older than a service of today gets that service's passwords. Whether any was missing.
    fn add_missing_services(&mut self) -> bool {
        let known = |name: &&str| self.databases.services.iter().any(|one| one.service == *name);
        let missing: Vec<&str> = SERVICES.into_iter().filter(|name| !known(name)).collect();
        self.databases.services.extend(Secrets::generate(&missing).services);
        !missing.is_empty()
    }

    fn save(&self, path: &Path) -> anyhow::Result<()> {
        write_private(path, &toml::to_string(self)?)?;
        // The name must survive a power cut as surely as the data that it unlocks.
        if let Some(directory) = path.parent() {
            std::fs::File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

fn random_key() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_from_before_a_service_keeps_its_secrets_and_gets_those_of_the_service() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("config")).unwrap();
        let mut before = Keys::load_or_generate(place.path()).unwrap();
        before.databases.services.retain(|one| one.service != "loan");
        before.save(&place.path().join("config/keys.toml")).unwrap();

        let after = Keys::load_or_generate(place.path()).unwrap();

        assert_eq!(after.admin_password, before.admin_password);
        assert_eq!(after.search_key_hex, before.search_key_hex);
        let password = |keys: &Keys, name: &str| {
            let secrets = keys.databases.services.iter().find(|one| one.service == name);
            secrets.map(|secrets| secrets.app_password.clone())
        };
        assert_eq!(password(&after, "deposit"), password(&before, "deposit"));
        assert!(password(&after, "loan").is_some_and(|password| !password.is_empty()));
        let again = Keys::load_or_generate(place.path()).unwrap();
        assert_eq!(password(&again, "loan"), password(&after, "loan"));
    }
}
