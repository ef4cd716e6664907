//! Keys in this process's memory: what a laboratory has, and every bank's test system.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use cipher::{BlockCipherEncrypt as _, KeyInit as _};
use des::Des;
use platform::protection::Secret;
use scheme::{AesKey, ClearPin, KeyError, Pan, PinBlock, TripleDesKey, pin};

use super::{CardKeys, CheckValue, EncryptedPin, KeysError, Verification, pvv};
use crate::domain::Expiry;

/// A zone key, by what it is for.
pub(super) enum ZoneKey {
    /// Format 0.
    TripleDes(TripleDesKey),
    /// Format 4.
    Aes(AesKey),
}

/// Keys in memory.
pub struct SoftwareKeys {
    pub(super) zone: BTreeMap<String, ZoneKey>,
    pub(super) pin_verification: TripleDesKey,
    pub(super) card_verification: CardVerificationKey,
    pub(super) pin_digest: hmac::Key,
}

/// A double-length key, of which half is used by itself.
pub(super) struct CardVerificationKey {
    left: Des,
    whole: TripleDesKey,
}

impl CardVerificationKey {
    /// Reads 32 hexadecimal digits.
    pub(super) fn new(hex: &str) -> Result<Self, KeyError> {
        let left = hex.get(..16).filter(|_| hex.len() == 32).ok_or(KeyError::Length)?;
        let left = u64::from_str_radix(left, 16).map_err(|_| KeyError::NotHex)?;
        let whole = TripleDesKey::from_hex(hex)?;
        Ok(Self { left: Des::new(&left.to_be_bytes().into()), whole })
    }

    /// The first block goes through the left half, and the second, added to the result, through the whole key.
    pub(super) fn encrypt(&self, first: [u8; 8], second: [u8; 8]) -> [u8; 8] {
        let mut block = first.into();
        self.left.encrypt_block(&mut block);
        let mut added: [u8; 8] = block.into();
        for (byte, other) in added.iter_mut().zip(second) {
            *byte ^= other;
        }
        self.whole.encrypt_block(added)
    }
}

/// Of the digest of the whole PIN.
pub(super) const DIGEST_LENGTH: usize = 8;
/// Of online use (CVV2).
pub(super) const SERVICE_CODE: &str = "000";

impl SoftwareKeys {
    fn clear(&self, given: &EncryptedPin, pan: &Pan) -> Result<ClearPin, KeysError> {
        let key = self.zone.get(&given.key_name).ok_or(KeysError::UnknownKey)?;
        let clear = match (given.block, key) {
            (PinBlock::Format0(block), ZoneKey::TripleDes(key)) => {
                pin::decipher_format0(key, &block, pan)
            }
            (PinBlock::Format4(block), ZoneKey::Aes(key)) => {
                pin::decipher_format4(key, &block, pan)
            }
            _ => return Err(KeysError::UnknownKey),
        };
        clear.map_err(|_| KeysError::Block)
    }

    fn verification(&self, pin: &ClearPin, pan: &Pan) -> Result<Vec<u8>, KeysError> {
        let block = pvv::transformed_pin(pan, pin).ok_or(KeysError::Block)?;
        let encrypted = self.pin_verification.encrypt_block(block);
        let mut value = pvv::decimalised(encrypted, 4).into_bytes();
        // The value is of four digits only: a longer PIN is told from another one by this.
        let mut context = hmac::Context::with_key(&self.pin_digest);
        for part in [pan.expose(), "/", pin.expose()] {
            context.update(part.as_bytes());
        }
        value.extend(context.sign().as_ref().iter().take(DIGEST_LENGTH));
        Ok(value)
    }
}

impl CardKeys for SoftwareKeys {
    fn new_verification(&self, given: &EncryptedPin, pan: &Pan) -> Result<Verification, KeysError> {
        let pin = self.clear(given, pan)?;
        if pvv::is_simple(&pin) {
            return Err(KeysError::TooSimple);
        }
        self.verification(&pin, pan).map(Secret::new)
    }

    fn verify(
        &self,
        given: &EncryptedPin,
        pan: &Pan,
        by: &Verification,
    ) -> Result<bool, KeysError> {
        let pin = self.clear(given, pan)?;
        let found = self.verification(&pin, pan)?;
        Ok(constant_time::verify_slices_are_equal(&found, by.expose()).is_ok())
    }

    fn cvv2(&self, pan: &Pan, expiry: Expiry) -> Result<Secret<String>, KeysError> {
        let blocks = pvv::cvv_blocks(pan, &expiry.to_text(), SERVICE_CODE);
        let (first, second) = blocks.ok_or(KeysError::Block)?;
        let block = self.card_verification.encrypt(first, second);
        Ok(Secret::new(pvv::decimalised(block, 3)))
    }

    fn check_values(&self) -> Result<Vec<CheckValue>, KeysError> {
        let des = |name: &str, key: &TripleDesKey| CheckValue {
            name: name.to_owned(),
            algorithm: "3DES",
            value: key.key_check_value(),
        };
        let mut values = vec![
            des("card_verification_key", &self.card_verification.whole),
            des("pin_verification_key", &self.pin_verification),
        ];
        values.extend(self.zone.iter().map(|(name, key)| match key {
            ZoneKey::TripleDes(key) => des(&format!("zone_pin_keys.{name}"), key),
            ZoneKey::Aes(key) => CheckValue {
                name: format!("zone_pin_keys.{name}"),
                algorithm: "AES",
                value: key.key_check_value(),
            },
        }));
        Ok(values)
    }
}

impl fmt::Debug for SoftwareKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftwareKeys([secret])")
    }
}
