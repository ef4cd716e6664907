//! Finding a protected value again, and recognising a request, without keeping either in clear.

use std::fmt;

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};

use super::{Error, Secret, key_from_hex};

/// A keyed digest of a value, 32 bytes. It shows nothing of the value, and may be stored and indexed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// All of it, to store or to compare.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes as a number: enough to tell whether a repeated request is the same one.
    pub fn short(&self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not secret, but two log lines with the same digest would say that they are about the same person.
        f.write_str("[digest]")
    }
}

/// The key of all digests of one service. Replacing it means computing every stored digest again.
pub struct SearchKey(Key);

impl SearchKey {
    /// Reads a key from 64 hexadecimal digits.
    pub fn parse(hex: &Secret<String>) -> Result<Self, Error> {
        key_from_hex(hex).map(|bytes| Self(Key::new(HMAC_SHA256, &bytes)))
    }

    /// The digest of several parts in order, for one purpose. Each part goes in with its length, so that moving
    /// a character from one part to the next gives another digest; so does another purpose.
    pub fn digest(&self, purpose: &'static str, parts: &[&[u8]]) -> Digest {
        let mut context = Context::with_key(&self.0);
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            // A slice's length fits in 8 bytes on every machine there is.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }
}

impl fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SearchKey([secret])")
    }
}
