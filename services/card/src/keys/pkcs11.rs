//! Keys in an HSM, by PKCS#11: no key ever is in this process's memory.
//!
//! PINs are. The standard has no command "is this the PIN that was under that key", as payment HSMs have in languages of their
//! own: a block is decrypted in the HSM, its digits come here, and what they are checked by is computed in the HSM again
//! (docs/decisions/0025). Everything is computed as with keys in software, to the same bytes.
//!
//! CVV2 needs DES with the left half of its key. Modules that have Triple DES only, such as SoftHSM on OpenSSL 3, do the
//! same with a key whose three parts are all that half: encrypting, decrypting and encrypting under one key is encrypting.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aws_lc_rs::constant_time;
use platform::protection::Secret;
use scheme::{ClearPin, Pan, PinBlock, pin};
use zeroize::Zeroizing;

use super::config::{BadKey, Pkcs11Config, ZoneAlgorithm, ZoneKeyConfig};
use super::software::{DIGEST_LENGTH, SERVICE_CODE};
use super::token::{Algorithm, Failure, Line, Token, Wanted};
use super::{CardKeys, CheckValue, EncryptedPin, KeysError, Verification, pvv};
use crate::domain::Expiry;

/// Of which PIN verification values are made.
pub(super) const PIN_VERIFICATION: &str = "pkcs11.pin_verification_key";
/// Of digests of whole PINs.
pub(super) const PIN_DIGEST: &str = "pkcs11.pin_digest_key";
/// Of which CVV2s are made.
pub(super) const CARD_VERIFICATION: &str = "pkcs11.card_verification_key";
/// Its left half.
pub(super) const CARD_VERIFICATION_LEFT: &str = "pkcs11.card_verification_key_left";

/// Keys in an HSM.
pub struct Pkcs11Keys {
    token: Token,
    zone: BTreeMap<String, ZoneAlgorithm>,
}

/// The key objects that the settings name.
pub(super) fn wanted(config: &Pkcs11Config, zone: &BTreeMap<String, ZoneKeyConfig>) -> Vec<Wanted> {
    use Algorithm::{Aes, Des, Hmac, TripleDes};

    let one = |setting: &str, label: &str, may_be| Wanted {
        setting: setting.to_owned(),
        label: label.to_owned(),
        may_be,
    };
    let mut wanted = vec![
        one(PIN_VERIFICATION, &config.pin_verification_key, &[TripleDes] as &[_]),
        one(PIN_DIGEST, &config.pin_digest_key, &[Hmac]),
        one(CARD_VERIFICATION, &config.card_verification_key, &[TripleDes]),
        one(CARD_VERIFICATION_LEFT, &config.card_verification_key_left, &[Des, TripleDes]),
    ];
    wanted.extend(zone.iter().map(|(name, key)| {
        let may_be: &[_] = match key.algorithm {
            ZoneAlgorithm::TripleDes => &[TripleDes],
            ZoneAlgorithm::Aes => &[Aes],
        };
        one(&zone_setting(name), key.label(name), may_be)
    }));
    wanted
}

fn zone_setting(name: &str) -> String {
    format!("zone_pin_keys.{name}")
}

impl Pkcs11Keys {
    /// Logs in, finds every key, and computes with each once.
    pub(super) fn open(
        config: &Pkcs11Config,
        zone: &BTreeMap<String, ZoneKeyConfig>,
    ) -> Result<Self, BadKey> {
        let token = Token::open(config, wanted(config, zone))?;
        let zone = zone.iter().map(|(name, key)| (name.clone(), key.algorithm)).collect();
        let keys = Self { token, zone };
        let computes = keys.check_values().and_then(|_| keys.token.with(|line| keys.try_all(line)));
        computes.map_err(|error| {
            let why = format!("a key does not do what it is for (the log says why): {error}");
            BadKey::new("pkcs11", why)
        })?;
        Ok(keys)
    }

    /// What check values do not show: the two keys that have none, and that zone keys decrypt.
    fn try_all(&self, line: &Line) -> Result<(), Failure> {
        line.hmac(PIN_DIGEST, &[0; 8])?;
        line.encrypt(CARD_VERIFICATION_LEFT, [0; 8])?;
        for (name, algorithm) in &self.zone {
            let setting = zone_setting(name);
            match algorithm {
                ZoneAlgorithm::TripleDes => drop(line.decrypt(&setting, [0; 8])?),
                ZoneAlgorithm::Aes => drop(line.decrypt(&setting, [0; 16])?),
            }
        }
        Ok(())
    }

    /// The digits: they are wiped when dropped.
    fn clear(line: &Line, given: &EncryptedPin, pan: &Pan) -> Result<ClearPin, Failure> {
        let setting = zone_setting(&given.key_name);
        let clear = match (given.block, line.algorithm(&setting)?) {
            (PinBlock::Format0(block), Algorithm::TripleDes) => {
                pin::decode_format0(&Zeroizing::new(line.decrypt(&setting, block)?), pan)
            }
            (PinBlock::Format4(block), Algorithm::Aes) => {
                let mut inner = line.decrypt(&setting, block)?;
                for (byte, other) in inner.iter_mut().zip(pin::pan_block_format4(pan)) {
                    *byte ^= other;
                }
                pin::decode_format4(&Zeroizing::new(line.decrypt(&setting, inner)?))
            }
            _ => return Err(Failure::Asked(KeysError::UnknownKey)),
        };
        clear.map_err(|_| Failure::Asked(KeysError::Block))
    }

    fn verification(line: &Line, pin: &ClearPin, pan: &Pan) -> Result<Vec<u8>, Failure> {
        let block = pvv::transformed_pin(pan, pin).ok_or(Failure::Asked(KeysError::Block))?;
        let mut value = pvv::decimalised(line.encrypt(PIN_VERIFICATION, block)?, 4).into_bytes();
        let mut whole = Zeroizing::new(Vec::with_capacity(40));
        for part in [pan.expose(), "/", pin.expose()] {
            whole.extend_from_slice(part.as_bytes());
        }
        value.extend(line.hmac(PIN_DIGEST, &whole)?.into_iter().take(DIGEST_LENGTH));
        Ok(value)
    }
}

impl CardKeys for Pkcs11Keys {
    fn new_verification(&self, given: &EncryptedPin, pan: &Pan) -> Result<Verification, KeysError> {
        self.token.with(|line| {
            let pin = Self::clear(line, given, pan)?;
            if pvv::is_simple(&pin) {
                return Err(Failure::Asked(KeysError::TooSimple));
            }
            Self::verification(line, &pin, pan).map(Secret::new)
        })
    }

    fn verify(
        &self,
        given: &EncryptedPin,
        pan: &Pan,
        by: &Verification,
    ) -> Result<bool, KeysError> {
        self.token.with(|line| {
            let pin = Self::clear(line, given, pan)?;
            let found = Self::verification(line, &pin, pan)?;
            Ok(constant_time::verify_slices_are_equal(&found, by.expose()).is_ok())
        })
    }

    fn cvv2(&self, pan: &Pan, expiry: Expiry) -> Result<Secret<String>, KeysError> {
        let blocks = pvv::cvv_blocks(pan, &expiry.to_text(), SERVICE_CODE);
        let (first, second) = blocks.ok_or(KeysError::Block)?;
        self.token.with(|line| {
            let mut block = line.encrypt(CARD_VERIFICATION_LEFT, first)?;
            for (byte, other) in block.iter_mut().zip(second) {
                *byte ^= other;
            }
            let block = line.encrypt(CARD_VERIFICATION, block)?;
            Ok(Secret::new(pvv::decimalised(block, 3)))
        })
    }

    fn check_values(&self) -> Result<Vec<CheckValue>, KeysError> {
        self.token.with(|line| {
            let des = |name: &str, setting: &str| {
                let zeros = line.encrypt(setting, [0; 8])?;
                Ok::<_, Failure>(CheckValue {
                    name: name.to_owned(),
                    algorithm: "3DES",
                    value: hex(zeros.get(..3)),
                })
            };
            let mut values = vec![
                des("card_verification_key", CARD_VERIFICATION)?,
                des("pin_verification_key", PIN_VERIFICATION)?,
            ];
            for (name, algorithm) in &self.zone {
                let setting = zone_setting(name);
                values.push(match algorithm {
                    ZoneAlgorithm::TripleDes => des(&setting, &setting)?,
                    ZoneAlgorithm::Aes => CheckValue {
                        value: hex(cmac_of_zeros(line, &setting)?.get(..5)),
                        algorithm: "AES",
                        name: setting,
                    },
                });
            }
            Ok(values)
        })
    }
}

/// CMAC (NIST SP 800-38B) of a block of zeros, of single blocks: not every module has CMAC.
fn cmac_of_zeros(line: &Line, setting: &str) -> Result<[u8; 16], Failure> {
    let zeros = u128::from_be_bytes(line.encrypt(setting, [0; 16])?);
    // The subkey: doubled in the field of 2^128 elements.
    let reduced = if zeros >> 127 == 1 { 0x87 } else { 0 };
    line.encrypt(setting, ((zeros << 1) ^ reduced).to_be_bytes())
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes.unwrap_or_default().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

impl fmt::Debug for Pkcs11Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pkcs11Keys([in the HSM])")
    }
}
