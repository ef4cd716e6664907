//! The settings of the keys.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::hmac;
use platform::config::{Problems, Validate};
use platform::protection::Secret;
use scheme::{AesKey, KeyError, TripleDesKey};
use serde::Deserialize;

use super::CardKeys;
use super::pkcs11::Pkcs11Keys;
use super::software::{CardVerificationKey, SoftwareKeys, ZoneKey};

/// The keys that are shared with the scheme and with channels, and those that PIN and CVV2 are computed with. No defaults: a
/// key that everybody knows protects nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Where the keys are: `software`, in these settings and this process's memory; `pkcs11`, in an HSM.
    pub provider: Provider,
    /// The HSM. Only with `pkcs11`.
    pub pkcs11: Option<Pkcs11Config>,
    /// Keys under which PINs come, by name. A key is replaced by adding another name, and dropping the old one once nobody
    /// uses it.
    pub zone_pin_keys: BTreeMap<String, ZoneKeyConfig>,
    /// Of which PIN verification values are made, and from which the key of digests of whole PINs follows: 32 or 48
    /// hexadecimal digits (Triple DES). Another key makes every PIN wrong. Only with `software`.
    pub pin_verification_key_hex: Option<Secret<String>>,
    /// Of which CVV2s are made: 32 hexadecimal digits (double-length Triple DES). Another key makes every CVV2 wrong. Only
    /// with `software`.
    pub card_verification_key_hex: Option<Secret<String>>,
}

/// Where the keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// In the settings, and in memory.
    Software,
    /// In an HSM that speaks PKCS#11.
    Pkcs11,
}

/// An HSM, and the labels of keys on it (`CKA_LABEL`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11Config {
    /// The library of the HSM's maker, such as `/usr/lib/softhsm/libsofthsm2.so`.
    pub module: PathBuf,
    /// The token with the keys.
    pub token_label: String,
    /// What its user logs in with. Best from the environment: `THINCORE__KEYS__PKCS11__PIN`.
    pub pin: Secret<String>,
    /// Sessions with the token, at most; default 8. Each computes one thing at a time.
    #[serde(default = "eight")]
    pub sessions: usize,
    /// Of which PIN verification values are made: Triple DES; default `pin_verification_key`.
    #[serde(default = "pin_verification_key")]
    pub pin_verification_key: String,
    /// Of digests of whole PINs: a generic secret of 32 bytes; default `pin_digest_key`.
    #[serde(default = "pin_digest_key")]
    pub pin_digest_key: String,
    /// Of which CVV2s are made: Triple DES; default `card_verification_key`.
    #[serde(default = "card_verification_key")]
    pub card_verification_key: String,
    /// Its left half: DES, or Triple DES all of whose parts are that half; default `card_verification_key_left`.
    #[serde(default = "card_verification_key_left")]
    pub card_verification_key_left: String,
}

fn eight() -> usize {
    8
}

fn pin_verification_key() -> String {
    "pin_verification_key".to_owned()
}

fn pin_digest_key() -> String {
    "pin_digest_key".to_owned()
}

fn card_verification_key() -> String {
    "card_verification_key".to_owned()
}

fn card_verification_key_left() -> String {
    "card_verification_key_left".to_owned()
}

/// A key under which PINs come.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneKeyConfig {
    /// `3des` for blocks of ISO 9564 format 0, `aes` for format 4.
    pub algorithm: ZoneAlgorithm,
    /// The key: 32 or 48 hexadecimal digits of Triple DES; 32, 48 or 64 of AES. Only with `software`.
    pub hex: Option<Secret<String>>,
    /// Its label on the token; default its name. Only with `pkcs11`.
    pub label: Option<String>,
}

impl ZoneKeyConfig {
    /// The label on the token of a key of this name.
    pub(super) fn label<'a>(&'a self, name: &'a str) -> &'a str {
        self.label.as_deref().unwrap_or(name)
    }
}

/// What a zone key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ZoneAlgorithm {
    /// Triple DES, for format 0.
    #[serde(rename = "3des")]
    TripleDes,
    /// AES, for format 4.
    #[serde(rename = "aes")]
    Aes,
}

/// A setting whose key cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("keys.{name}: {why}")]
pub struct BadKey {
    name: String,
    why: String,
}

impl BadKey {
    pub(super) fn new(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), why }
    }
}

impl KeysConfig {
    /// The keys, ready for use. With `pkcs11` once in a process.
    ///
    /// # Errors
    /// One has not the right form; the HSM does not answer, or has not all keys.
    pub fn open(&self) -> Result<Arc<dyn CardKeys>, BadKey> {
        match (self.provider, &self.pkcs11) {
            (Provider::Software, _) => Ok(Arc::new(self.software()?)),
            (Provider::Pkcs11, Some(pkcs11)) => {
                Ok(Arc::new(Pkcs11Keys::open(pkcs11, &self.zone_pin_keys)?))
            }
            (Provider::Pkcs11, None) => Err(BadKey::new("pkcs11", WITH_PKCS11.to_owned())),
        }
    }

    fn software(&self) -> Result<SoftwareKeys, BadKey> {
        let bad = |name: &str| {
            let name = name.to_owned();
            move |error: KeyError| BadKey { name, why: error.to_string() }
        };
        let des = |name: &str, hex: &str| TripleDesKey::from_hex(hex).map_err(bad(name));
        let mut zone = BTreeMap::new();
        for (name, key) in &self.zone_pin_keys {
            let place = format!("zone_pin_keys.{name}");
            let hex = given(&format!("{place}.hex"), key.hex.as_ref())?;
            let key = match key.algorithm {
                ZoneAlgorithm::TripleDes => ZoneKey::TripleDes(des(&place, hex)?),
                ZoneAlgorithm::Aes => ZoneKey::Aes(AesKey::from_hex(hex).map_err(bad(&place))?),
            };
            zone.insert(name.clone(), key);
        }
        let name = "card_verification_key_hex";
        let whole = given(name, self.card_verification_key_hex.as_ref())?;
        let card_verification = CardVerificationKey::new(whole).map_err(bad(name))?;
        let name = "pin_verification_key_hex";
        let digits = given(name, self.pin_verification_key_hex.as_ref())?;
        let pin_verification = des(name, digits)?;
        let pin_digest = hmac::Key::new(hmac::HMAC_SHA256, &digest_key(digits));
        Ok(SoftwareKeys { zone, pin_verification, card_verification, pin_digest })
    }

    fn problems_of_pkcs11(&self, problems: &mut Problems) {
        let hex = [
            ("pin_verification_key_hex", &self.pin_verification_key_hex),
            ("card_verification_key_hex", &self.card_verification_key_hex),
        ];
        for (name, key) in hex {
            problems.require(key.is_none(), &format!("keys.{name}"), IN_THE_HSM);
        }
        for (name, key) in &self.zone_pin_keys {
            let place = format!("keys.zone_pin_keys.{name}");
            problems.require(key.hex.is_none(), &format!("{place}.hex"), IN_THE_HSM);
            let some = !key.label(name).is_empty();
            problems.require(some, &format!("{place}.label"), "must not be empty");
        }
        let Some(config) = &self.pkcs11 else {
            problems.add("keys.pkcs11", WITH_PKCS11);
            return;
        };
        let absolute = config.module.is_absolute();
        problems.require(absolute, "keys.pkcs11.module", "must be an absolute path");
        let some = (1..=256).contains(&config.sessions);
        problems.require(some, "keys.pkcs11.sessions", "must be 1 to 256");
        let texts = [
            ("token_label", &config.token_label),
            ("pin", config.pin.expose()),
            ("pin_verification_key", &config.pin_verification_key),
            ("pin_digest_key", &config.pin_digest_key),
            ("card_verification_key", &config.card_verification_key),
            ("card_verification_key_left", &config.card_verification_key_left),
        ];
        for (name, text) in texts {
            let place = format!("keys.pkcs11.{name}");
            problems.require(!text.is_empty(), &place, "must not be empty");
        }
    }
}

const WITH_PKCS11: &str = "must be given where keys.provider is pkcs11";
const WITH_SOFTWARE: &str = "must be given where keys.provider is software";
const IN_THE_HSM: &str = "must not be given where keys.provider is pkcs11: the key is in the HSM";
const NO_HSM: &str = "must not be given where keys.provider is software";

/// The digits of a key that is needed.
pub(super) fn given<'a>(name: &str, hex: Option<&'a Secret<String>>) -> Result<&'a str, BadKey> {
    let missing = || BadKey::new(name, WITH_SOFTWARE.to_owned());
    hex.map(|hex| hex.expose().as_str()).ok_or_else(missing)
}

/// The key of digests of whole PINs, which follows from the hexadecimal digits of the PIN verification key: 32 bytes.
pub(super) fn digest_key(pin_verification_key_hex: &str) -> [u8; 32] {
    let digits = pin_verification_key_hex.to_ascii_lowercase();
    let key = hmac::Key::new(hmac::HMAC_SHA256, digits.as_bytes());
    let mut bytes = [0; 32];
    let tag = hmac::sign(&key, b"digests of whole PINs");
    bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

impl Validate for KeysConfig {
    fn problems(&self, problems: &mut Problems) {
        if self.provider == Provider::Pkcs11 {
            self.problems_of_pkcs11(problems);
            return;
        }
        if let Err(BadKey { name, why }) = self.software() {
            problems.add(&format!("keys.{name}"), &why);
        }
        problems.require(self.pkcs11.is_none(), "keys.pkcs11", NO_HSM);
        for (name, key) in &self.zone_pin_keys {
            let place = format!("keys.zone_pin_keys.{name}.label");
            problems.require(key.label.is_none(), &place, NO_HSM);
        }
    }
}
