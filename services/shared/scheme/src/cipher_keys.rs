//! Keys of Triple DES and AES for what card schemes encrypt block by block, and the check values by which two parties see
//! that they hold the same one.
//!
//! Invariant: a key never prints and is wiped when dropped. Absent on purpose: modes of operation, and anything long;
//! whatever is not a PIN block or a verification value is protected by aws-lc-rs, in platform.

use std::fmt::{self, Write as _};

use aes::{Aes128, Aes192, Aes256};
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{TdesEde2, TdesEde3};
use zeroize::Zeroizing;

/// A Triple DES key of two or three parts (16 or 24 bytes); parity bits are not looked at.
#[derive(Clone)]
pub struct TripleDesKey(TripleDes);

#[derive(Clone)]
enum TripleDes {
    Two(Box<TdesEde2>),
    Three(Box<TdesEde3>),
}

/// An AES key of 128, 192 or 256 bits.
#[derive(Clone)]
pub struct AesKey(Aes);

#[derive(Clone)]
enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

/// Why something is no key. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not written in hexadecimal digits, two for each byte.
    #[error("a key is written in hexadecimal digits")]
    NotHex,
    /// Of a length that the algorithm does not have.
    #[error("a Triple DES key has 16 or 24 bytes, an AES key 16, 24 or 32")]
    Length,
    /// Parts of it are alike, so that it is no stronger than DES alone.
    #[error("the parts of a Triple DES key must differ")]
    Weak,
}

impl TripleDesKey {
    /// Takes 16 or 24 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let parts: Vec<Zeroizing<Vec<u8>>> = bytes.chunks(8).map(without_parity).collect();
        let alike = parts.windows(2).any(|pair| pair.first() == pair.last());
        let key = match bytes.len() {
            16 => TdesEde2::new_from_slice(bytes).map(|key| TripleDes::Two(Box::new(key))),
            24 => TdesEde3::new_from_slice(bytes).map(|key| TripleDes::Three(Box::new(key))),
            _ => return Err(KeyError::Length),
        };
        if alike { Err(KeyError::Weak) } else { key.map(Self).map_err(|_| KeyError::Length) }
    }

    /// Reads 32 or 48 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&bytes(text)?)
    }

    /// Encrypts one block.
    pub fn encrypt_block(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array::from(block);
        match &self.0 {
            TripleDes::Two(key) => key.encrypt_block(&mut block),
            TripleDes::Three(key) => key.encrypt_block(&mut block),
        }
        block.into()
    }

    /// Decrypts one block.
    pub fn decrypt_block(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array::from(block);
        match &self.0 {
            TripleDes::Two(key) => key.decrypt_block(&mut block),
            TripleDes::Three(key) => key.decrypt_block(&mut block),
        }
        block.into()
    }

    /// Six hexadecimal digits: the first three bytes of zeros, encrypted (ANSI X9.24-1, legacy).
    pub fn key_check_value(&self) -> String {
        hex(&self.encrypt_block([0; 8]), 3)
    }
}

impl AesKey {
    /// Takes 16, 24 or 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = match bytes.len() {
            16 => Aes128::new_from_slice(bytes).map(|key| Aes::Short(Box::new(key))),
            24 => Aes192::new_from_slice(bytes).map(|key| Aes::Middle(Box::new(key))),
            32 => Aes256::new_from_slice(bytes).map(|key| Aes::Long(Box::new(key))),
            _ => return Err(KeyError::Length),
        };
        key.map(Self).map_err(|_| KeyError::Length)
    }

    /// Reads 32, 48 or 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&bytes(text)?)
    }

    /// Encrypts one block.
    pub fn encrypt_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        match &self.0 {
            Aes::Short(key) => key.encrypt_block(&mut block),
            Aes::Middle(key) => key.encrypt_block(&mut block),
            Aes::Long(key) => key.encrypt_block(&mut block),
        }
        block.into()
    }

    /// Decrypts one block.
    pub fn decrypt_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        match &self.0 {
            Aes::Short(key) => key.decrypt_block(&mut block),
            Aes::Middle(key) => key.decrypt_block(&mut block),
            Aes::Long(key) => key.decrypt_block(&mut block),
        }
        block.into()
    }

    /// CMAC (NIST SP 800-38B) of a message that is one block.
    pub fn cmac_of_block(&self, block: [u8; 16]) -> [u8; 16] {
        let zeros = u128::from_be_bytes(self.encrypt_block([0; 16]));
        // The subkey: doubled in the field of 2^128 elements.
        let reduced = if zeros >> 127 == 1 { 0x87 } else { 0 };
        let subkey = (zeros << 1) ^ reduced;
        self.encrypt_block((u128::from_be_bytes(block) ^ subkey).to_be_bytes())
    }

    /// Ten hexadecimal digits: the first five bytes of the CMAC of a block of zeros (ANSI X9.24-1:2017).
    pub fn key_check_value(&self) -> String {
        hex(&self.cmac_of_block([0; 16]), 5)
    }
}

/// What it is, and nothing of it.
impl fmt::Debug for TripleDesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TripleDesKey(****)")
    }
}

/// What it is, and nothing of it.
impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(****)")
    }
}

/// The lowest bit of each byte is its parity and no part of the key.
fn without_parity(part: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(part.iter().map(|byte| byte & 0xFE).collect())
}

fn bytes(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(KeyError::NotHex);
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new).ok_or(KeyError::NotHex)
}

fn hex(bytes: &[u8], first: usize) -> String {
    bytes.iter().take(first).fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}
