//! Protecting what the bank knows about people: encryption per field, and search without clear text.
//!
//! A [`Keyring`] seals a field (AES-256-GCM) for one [`Place`], that is one column of one row: moved anywhere else
//! it refuses to open. A [`SearchKey`] turns a value into a keyed digest that finds it again; without the key
//! the digest cannot be reversed by trying every document number there is, which a plain hash could.
//!
//! A sealed field is: format version (1 byte), length of the key id (1), key id, nonce (12), ciphertext, tag (16).
//! Everything before the nonce is authenticated too. So a key is replaced without a stop: add the new one for
//! writing, keep the old one for reading, seal old rows again at leisure.
//!
//! Keys that seal fields lie in the database, wrapped ([`data_keys`]); the keys that wrap them come from configuration, or
//! from whatever writes it.
//!
//! Absent on purpose: any way to print a key, a clear value or the reason why a field did not open.

pub mod data_keys;
mod keyring;
mod search;
mod secret;

pub use keyring::{DataKey, Keyring, Place};
pub use search::{Digest, SearchKey};
pub use secret::Secret;

/// Length of every key, in bytes.
pub const KEY_LENGTH: usize = 32;

/// Why a key or a field was refused. It never says anything about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key is not 64 hexadecimal digits.
    #[error("a key must be 64 hexadecimal digits")]
    KeyFormat,
    /// A key id is empty, longer than 32 bytes or not printable ASCII.
    #[error("a key id must be 1 to 32 printable ASCII characters")]
    KeyId,
    /// Two keys of one ring have the same id.
    #[error("two keys have the same id")]
    KeyIdTwice,
    /// The field is sealed with a key that this ring does not hold.
    #[error("a field is sealed with a key that is not configured")]
    UnknownKey,
    /// The field is not in a format that this version reads.
    #[error("a field is not in a known format")]
    Format,
    /// The field was changed, or belongs to another row or column.
    #[error("a field does not belong where it was found, or was changed")]
    NotAuthentic,
    /// The cryptographic library failed; nothing was sealed.
    #[error("a field could not be sealed")]
    Seal,
}

/// A new key.
fn random_key() -> Result<Secret<Vec<u8>>, Error> {
    let mut key = vec![0; KEY_LENGTH];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::Seal)?;
    Ok(Secret::new(key))
}

/// A name for a key: random, as a name that tells when would tell nothing useful.
fn random_id() -> Result<uuid::Uuid, Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Seal)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Reads a key from 64 hexadecimal digits.
fn key_from_hex(hex: &Secret<String>) -> Result<[u8; KEY_LENGTH], Error> {
    let digits = hex.expose().as_bytes();
    let mut key = [0; KEY_LENGTH];
    if digits.len() != KEY_LENGTH * 2 {
        return Err(Error::KeyFormat);
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).map_err(|_| Error::KeyFormat)?;
        // `from_str_radix` takes a sign, which is not a digit.
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::KeyFormat);
        }
        *byte = u8::from_str_radix(text, 16).map_err(|_| Error::KeyFormat)?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
