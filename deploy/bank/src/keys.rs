//! The secrets of one bank: generated once, kept in one file, written into the services' configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use testkit::environment::write_private;
use testkit::postgres::{Secrets, random_password};

use crate::options::SERVICES;

/// The zone keys of the scheme, as data element 53 of ISO 8583 numbers them, from 0: for PIN blocks of format 0 and of
/// format 4.
pub const SCHEME_PIN_KEYS: [&str; 2] = ["scheme-3des", "scheme-aes"];

/// Passwords of all database roles, the keys that protect customer data, and those of cards.
///
/// Losing the file means losing the customers' protected fields, every card, and the way into the databases.
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
    /// The keys of cards.
    #[serde(default = "CardKeys::generate")]
    pub card: CardKeys,
}

/// The keys of cards: those of what lies in the database, those that PIN and CVV2 are computed with, and those that the
/// bank shares with the scheme and with its channels.
#[derive(Clone, Serialize, Deserialize)]
pub struct CardKeys {
    /// Names the key below.
    pub key_encryption_key_id: String,
    /// 256-bit key that wraps the keys of sealed card numbers and PIN verification values, in hexadecimal.
    pub key_encryption_key_hex: String,
    /// Earlier such keys by id. Written here by whoever rotates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired_key_encryption_keys: BTreeMap<String, String>,
    /// 256-bit key of the digests by which card numbers are found, in hexadecimal.
    pub search_key_hex: String,
    /// Triple DES key of PIN verification values, in hexadecimal.
    pub pin_verification_key_hex: String,
    /// Triple DES key of CVV2, in hexadecimal.
    pub card_verification_key_hex: String,
    /// By name: the keys under which PINs travel.
    pub zone_pin_keys: BTreeMap<String, ZonePinKey>,
}

/// A key under which PINs travel.
#[derive(Clone, Serialize, Deserialize)]
pub struct ZonePinKey {
    /// `3des` for blocks of format 0, `aes` for those of format 4.
    pub algorithm: String,
    /// The key, in hexadecimal.
    pub hex: String,
}

impl CardKeys {
    fn generate() -> Self {
        let zone = |name: &str, algorithm: &str, hex| {
            (name.to_owned(), ZonePinKey { algorithm: algorithm.to_owned(), hex })
        };
        Self {
            key_encryption_key_id: "k1".to_owned(),
            key_encryption_key_hex: random_key(),
            retired_key_encryption_keys: BTreeMap::new(),
            search_key_hex: random_key(),
            pin_verification_key_hex: random_short_key(),
            card_verification_key_hex: random_short_key(),
            zone_pin_keys: BTreeMap::from([
                zone("scheme-3des", "3des", random_short_key()),
                zone("scheme-aes", "aes", random_key()),
                zone("channel-3des", "3des", random_short_key()),
                zone("channel-aes", "aes", random_key()),
            ]),
        }
    }
}

impl std::fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardKeys(..)")
    }
}

impl std::fmt::Debug for ZonePinKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZonePinKey(..)")
    }
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
            keys.add_missing_services();
            // Also keys that a directory of an earlier version did not have: they are generated when it is read.
            keys.save(&path)?;
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
            card: CardKeys::generate(),
        };
        keys.save(&path)?;
        Ok(keys)
    }

    /// A directory that is older than a service of today gets that service's passwords.
    fn add_missing_services(&mut self) {
        let known = |name: &&str| self.databases.services.iter().any(|one| one.service == *name);
        let missing: Vec<&str> = SERVICES.into_iter().filter(|name| !known(name)).collect();
        self.databases.services.extend(Secrets::generate(&missing).services);
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
    hex(&rand::random::<[u8; 32]>())
}

/// As long as two keys of DES.
fn random_short_key() -> String {
    hex(&rand::random::<[u8; 16]>())
}

fn hex(bytes: &[u8]) -> String {
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

    #[test]
    fn a_directory_from_before_cards_gets_their_keys_once() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("config")).unwrap();
        let path = place.path().join("config/keys.toml");
        let mut before =
            toml::Table::try_from(Keys::load_or_generate(place.path()).unwrap()).unwrap();
        before.remove("card").unwrap();
        write_private(&path, &toml::to_string(&before).unwrap()).unwrap();

        let first = Keys::load_or_generate(place.path()).unwrap().card;
        let again = Keys::load_or_generate(place.path()).unwrap().card;

        assert_eq!(first.search_key_hex, again.search_key_hex);
        let key = |keys: &CardKeys| keys.zone_pin_keys["scheme-aes"].hex.clone();
        assert_eq!(key(&first), key(&again));
        assert_eq!(first.pin_verification_key_hex.len(), 32);
    }
}
