//! Card numbers (primary account numbers, ISO/IEC 7812): 12 to 19 digits, the last a check digit.
//!
//! Invariant: a [`Pan`] has 12 to 19 digits. Its check digit may be wrong: a number that was keyed wrong is a number that
//! is declined, and the decline has to be recorded. It prints as `****` and its last four digits, and is wiped from memory
//! when dropped. Absent on purpose: the issuer in it, which is a table of the card service.

use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

const SHORTEST: usize = 12;
const LONGEST: usize = 19;

/// A card number.
#[derive(Clone, PartialEq, Eq)]
pub struct Pan(Zeroizing<String>);

/// The text is not 12 to 19 digits. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card number has 12 to 19 digits")]
pub struct InvalidPan;

impl Pan {
    /// Reads 12 to 19 ASCII digits, whatever the last.
    pub fn parse(text: &str) -> Result<Self, InvalidPan> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len());
        if fits && all_digits(text) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidPan)
        }
    }

    /// The number that begins with these digits, 11 to 18, and ends with the check digit that they ask for.
    pub fn with_check_digit(digits: &str) -> Result<Self, InvalidPan> {
        let last = luhn_digit(digits).ok_or(InvalidPan)?;
        // No more than it has room for: a text that grows leaves its digits where it was.
        let mut number = Zeroizing::new(String::with_capacity(digits.len().saturating_add(1)));
        number.push_str(digits);
        number.push(last);
        Self::parse(&number)
    }

    /// Whether the last digit is the one that the others ask for.
    pub fn is_valid(&self) -> bool {
        let (digits, last) = self.parts();
        luhn_digit(digits).is_some_and(|digit| last.starts_with(digit))
    }

    /// The digits, for whoever must have them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four digits, which may be shown.
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// The twelve digits before the check digit, from the left; the number has at least eleven, and zeros in front.
    pub(crate) fn twelve_before_check(&self) -> impl Iterator<Item = u8> {
        let digits = self.parts().0.as_bytes();
        let skipped = digits.len().saturating_sub(12);
        let missing = 12_usize.saturating_sub(digits.len());
        std::iter::repeat_n(0, missing).chain(digits.iter().skip(skipped).map(|byte| value(*byte)))
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_at_checked(self.0.len().saturating_sub(1)).unwrap_or_default()
    }
}

impl Hash for Pan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

/// `****1234`.
impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "****{}", self.last_four())
    }
}

/// As it is displayed: a log is no place for a number.
impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The check digit that these digits ask for, by the Luhn formula (ISO/IEC 7812-1, annex B). `None` where something is no
/// digit, or nothing is there.
pub fn luhn_digit(digits: &str) -> Option<char> {
    if digits.is_empty() || !all_digits(digits) {
        return None;
    }
    // Every second digit counts double, from the right, where the check digit will stand; of two digits their sum.
    let sum = digits.bytes().rev().map(value).enumerate().fold(0_u8, |sum, (place, digit)| {
        let counted = match (place.is_multiple_of(2), digit) {
            (true, 0..=4) => digit.saturating_mul(2),
            (true, _) => digit.saturating_mul(2).saturating_sub(9),
            (false, _) => digit,
        };
        sum.saturating_add(counted) % 10
    });
    char::from_digit(u32::from(10_u8.saturating_sub(sum) % 10), 10)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a digit is worth; the callers have checked that it is one.
fn value(digit: u8) -> u8 {
    digit.saturating_sub(b'0')
}
