//! PIN blocks of ISO 9564-1: format 0 for Triple DES (eight bytes, PIN xor PAN) and format 4 for AES (sixteen bytes, PIN
//! with random fill, bound to the PAN by a second encryption).
//!
//! The clear blocks are here apart from the encryption, because a hardware module encrypts without giving away its key.
//! Invariant: a [`ClearPin`] has 4 to 12 digits; it never prints and is wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

use crate::{AesKey, Pan, TripleDesKey};

const SHORTEST: usize = 4;
const LONGEST: usize = 12;

/// A PIN, in the clear: 4 to 12 digits.
#[derive(Clone, PartialEq, Eq)]
pub struct ClearPin(Zeroizing<String>);

/// An encrypted PIN block.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinBlock {
    /// Format 0, under a Triple DES key.
    Format0([u8; 8]),
    /// Format 4, under an AES key.
    Format4([u8; 16]),
}

/// Why something is no PIN, or no PIN block of this card under this key. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not 4 to 12 digits.
    #[error("a PIN has 4 to 12 digits")]
    NotAPin,
    /// Not laid out as its format says: of another key, another card, or another format.
    #[error("not a PIN block of this format, card and key")]
    NotABlock,
    /// Format 0 has 8 bytes, format 4 has 16.
    #[error("a PIN block of format 0 has 8 bytes, of format 4 it has 16")]
    Length,
}

impl ClearPin {
    /// Reads 4 to 12 digits.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len());
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if fits && digits {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(PinError::NotAPin)
        }
    }

    /// The digits, for whoever must have them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first eight bytes of a clear block: format, length, digits, fill.
    fn nibbles(&self, format: u8, fill: u8) -> [u8; 16] {
        let length = u8::try_from(self.0.len()).unwrap_or_default();
        let mut nibbles = [fill; 16];
        let digits = self.0.bytes().map(|digit| digit.saturating_sub(b'0'));
        for (nibble, value) in nibbles.iter_mut().zip([format, length].into_iter().chain(digits)) {
            *nibble = value;
        }
        nibbles
    }

    fn from_nibbles(nibbles: &[u8; 16], format: u8, fill: u8) -> Result<Self, PinError> {
        let [first, length, rest @ ..] = nibbles;
        let split = rest.split_at_checked(usize::from(*length)).ok_or(PinError::NotABlock)?;
        let (digits, filled) = split;
        let laid_out = *first == format
            && digits.iter().all(|digit| *digit <= 9)
            && filled.iter().all(|nibble| *nibble == fill);
        if !laid_out {
            return Err(PinError::NotABlock);
        }
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        text.extend(
            digits.iter().take(LONGEST).map(|digit| char::from(digit.saturating_add(b'0'))),
        );
        if text.len() != digits.len() {
            return Err(PinError::NotABlock);
        }
        Self::parse(&text).map_err(|_| PinError::NotABlock)
    }
}

impl fmt::Debug for ClearPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearPin(****)")
    }
}

impl PinBlock {
    /// An encrypted block of format 0.
    pub fn format0(bytes: &[u8]) -> Result<Self, PinError> {
        bytes.try_into().map(Self::Format0).map_err(|_| PinError::Length)
    }

    /// An encrypted block of format 4.
    pub fn format4(bytes: &[u8]) -> Result<Self, PinError> {
        bytes.try_into().map(Self::Format4).map_err(|_| PinError::Length)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Format0(bytes) => bytes,
            Self::Format4(bytes) => bytes,
        }
    }
}

/// Its format; encrypted or not, it is nobody's business.
impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format0(_) => "PinBlock::Format0(****)",
            Self::Format4(_) => "PinBlock::Format4(****)",
        })
    }
}

/// The clear block of format 0: the PIN, xor the twelve digits of the card number before its check digit.
pub fn encode_format0(pin: &ClearPin, pan: &Pan) -> [u8; 8] {
    xor(packed(&pin.nibbles(0x0, 0xF)), account_part(pan))
}

/// The PIN in a clear block of format 0. A block of another card rarely passes, a PIN that was changed in a digit does.
pub fn decode_format0(block: &[u8; 8], pan: &Pan) -> Result<ClearPin, PinError> {
    let nibbles = Zeroizing::new(unpacked(xor(*block, account_part(pan))));
    ClearPin::from_nibbles(&nibbles, 0x0, 0xF)
}

/// Encrypts a PIN in format 0.
pub fn encipher_format0(key: &TripleDesKey, pin: &ClearPin, pan: &Pan) -> [u8; 8] {
    key.encrypt_block(encode_format0(pin, pan))
}

/// Decrypts a PIN in format 0.
pub fn decipher_format0(
    key: &TripleDesKey,
    block: &[u8; 8],
    pan: &Pan,
) -> Result<ClearPin, PinError> {
    decode_format0(&Zeroizing::new(key.decrypt_block(*block)), pan)
}

/// The clear PIN block of format 4: the PIN, filled up, and eight bytes of random, other ones each time.
pub fn encode_format4(pin: &ClearPin, random: [u8; 8]) -> [u8; 16] {
    joined(packed(&pin.nibbles(0x4, 0xA)), random)
}

/// The PIN in a clear PIN block of format 4.
pub fn decode_format4(block: &[u8; 16]) -> Result<ClearPin, PinError> {
    let (pin, _) = split(*block);
    let nibbles = Zeroizing::new(unpacked(pin));
    ClearPin::from_nibbles(&nibbles, 0x4, 0xA)
}

/// The block of the card number that format 4 mixes in between its two encryptions.
pub fn pan_block_format4(pan: &Pan) -> [u8; 16] {
    let digits = pan.expose().bytes().map(|digit| digit.saturating_sub(b'0'));
    // How many digits more than twelve; a number has at least twelve.
    let length = u8::try_from(pan.expose().len().saturating_sub(12)).unwrap_or_default();
    let mut nibbles = [0; 32];
    for (nibble, value) in nibbles.iter_mut().zip(std::iter::once(length).chain(digits)) {
        *nibble = value;
    }
    let (left, right) = split(nibbles);
    joined(packed(&left), packed(&right))
}

/// Encrypts a PIN in format 4; the random bytes must be other ones each time.
pub fn encipher_format4(key: &AesKey, pin: &ClearPin, pan: &Pan, random: [u8; 8]) -> [u8; 16] {
    let inner = key.encrypt_block(encode_format4(pin, random));
    key.encrypt_block(xor(inner, pan_block_format4(pan)))
}

/// Decrypts a PIN in format 4.
pub fn decipher_format4(key: &AesKey, block: &[u8; 16], pan: &Pan) -> Result<ClearPin, PinError> {
    let inner = xor(key.decrypt_block(*block), pan_block_format4(pan));
    decode_format4(&Zeroizing::new(key.decrypt_block(inner)))
}

/// Four zeros and the twelve digits before the check digit.
fn account_part(pan: &Pan) -> [u8; 8] {
    let mut nibbles = [0; 16];
    for (nibble, digit) in nibbles.iter_mut().skip(4).zip(pan.twelve_before_check()) {
        *nibble = digit;
    }
    packed(&nibbles)
}

fn packed(nibbles: &[u8; 16]) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (byte, pair) in bytes.iter_mut().zip(nibbles.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte: u8, nibble| (byte << 4) | (nibble & 0x0F));
    }
    bytes
}

fn unpacked(bytes: [u8; 8]) -> [u8; 16] {
    let mut nibbles = [0; 16];
    for (pair, byte) in nibbles.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[byte >> 4, byte & 0x0F]);
    }
    nibbles
}

fn xor<const N: usize>(mut left: [u8; N], right: [u8; N]) -> [u8; N] {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    left
}

fn joined<const N: usize, const M: usize>(left: [u8; N], right: [u8; N]) -> [u8; M] {
    let mut whole = [0; M];
    whole.iter_mut().zip(left.into_iter().chain(right)).for_each(|(to, from)| *to = from);
    whole
}

fn split<const N: usize, const M: usize>(whole: [u8; N]) -> ([u8; M], [u8; M]) {
    let (mut left, mut right) = ([0; M], [0; M]);
    let both = left.iter_mut().chain(right.iter_mut());
    both.zip(whole).for_each(|(to, from)| *to = from);
    (left, right)
}
