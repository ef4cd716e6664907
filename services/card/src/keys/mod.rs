//! The keys that PINs and CVV2s are computed with, behind a trait: in software, or in an HSM.
//!
//! What leaves this module: whether a PIN is right, what it is checked by, a CVV2 for its holder, and key check values.
//! No key and no PIN does.

mod config;
mod moving;
mod pkcs11;
mod pvv;
mod software;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use platform::protection::Secret;
use scheme::{Pan, PinBlock};

use crate::domain::Expiry;

pub use config::{BadKey, KeysConfig};
pub use moving::move_keys;
pub use pkcs11::Pkcs11Keys;
pub use software::SoftwareKeys;

/// A PIN on its way: encrypted under a zone key that both sides hold.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedPin {
    /// The block.
    pub block: PinBlock,
    /// The name of the zone key.
    pub key_name: String,
}

impl fmt::Debug for EncryptedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedPin({})", self.key_name)
    }
}

/// What a PIN is checked by: the PIN verification value of its first four digits, and a keyed digest of all of them.
pub type Verification = Secret<Vec<u8>>;

/// Why a key was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is no zone key of that name, or it is for another format.
    #[error("no zone key of that name is for this format")]
    UnknownKey,
    /// What is decrypted is no PIN of this card.
    #[error("the PIN block cannot be read")]
    Block,
    /// All digits are the same, or they follow each other.
    #[error("the PIN is too simple")]
    TooSimple,
    /// The keys do not answer.
    #[error("the keys cannot be used")]
    Unavailable,
}

/// The name of a key, its algorithm and its check value: what two parties compare to know that they hold the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckValue {
    /// As the settings name it.
    pub name: String,
    /// Such as `3DES`.
    pub algorithm: &'static str,
    /// Hexadecimal digits.
    pub value: String,
}

/// What is done with keys. Every call takes microseconds and waits for nobody in software. An HSM answers over its bus or
/// network: then calls wait, and the other tasks of their thread go on in another one.
pub trait CardKeys: Send + Sync + fmt::Debug {
    /// What a new PIN is to be checked by.
    ///
    /// # Errors
    /// The block cannot be read, or the PIN is too simple.
    fn new_verification(&self, pin: &EncryptedPin, pan: &Pan) -> Result<Verification, KeysError>;

    /// Whether a PIN is the one that is checked by this.
    ///
    /// # Errors
    /// The block cannot be read.
    fn verify(&self, pin: &EncryptedPin, pan: &Pan, by: &Verification) -> Result<bool, KeysError>;

    /// The card verification value 2: three digits.
    ///
    /// # Errors
    /// The keys do not answer.
    fn cvv2(&self, pan: &Pan, expiry: Expiry) -> Result<Secret<String>, KeysError>;

    /// The check values of all keys, in order of name.
    ///
    /// # Errors
    /// The keys do not answer.
    fn check_values(&self) -> Result<Vec<CheckValue>, KeysError>;
}
