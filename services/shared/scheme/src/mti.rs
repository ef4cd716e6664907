//! Message types.
//!
//! Invariant: an [`Mti`] is four digits. Whether the bank speaks such a type, `table.rs` says.

use std::fmt;

/// How many digits a type has.
pub(crate) const LENGTH: usize = 4;

/// A message's type: version, class, function and origin, a digit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mti([u8; LENGTH]);

impl Mti {
    /// May this be done? Cleared later.
    pub const AUTHORIZATION: Self = Self(*b"0100");
    /// The answer to it.
    pub const AUTHORIZATION_ANSWER: Self = Self(*b"0110");
    /// It was done, and is to be cleared later.
    pub const AUTHORIZATION_ADVICE: Self = Self(*b"0120");
    /// The answer to it.
    pub const AUTHORIZATION_ADVICE_ANSWER: Self = Self(*b"0130");
    /// Do this now.
    pub const FINANCIAL: Self = Self(*b"0200");
    /// The answer to it.
    pub const FINANCIAL_ANSWER: Self = Self(*b"0210");
    /// It was done: completes an authorization.
    pub const FINANCIAL_ADVICE: Self = Self(*b"0220");
    /// The answer to it.
    pub const FINANCIAL_ADVICE_ANSWER: Self = Self(*b"0230");
    /// Take that back.
    pub const REVERSAL: Self = Self(*b"0400");
    /// The answer to it.
    pub const REVERSAL_ANSWER: Self = Self(*b"0410");
    /// That was taken back.
    pub const REVERSAL_ADVICE: Self = Self(*b"0420");
    /// The answer to it.
    pub const REVERSAL_ADVICE_ANSWER: Self = Self(*b"0430");
    /// Sign-on, sign-off, echo: data element 70 says which.
    pub const NETWORK_MANAGEMENT: Self = Self(*b"0800");
    /// The answer to it.
    pub const NETWORK_MANAGEMENT_ANSWER: Self = Self(*b"0810");

    /// Reads four digits.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let digits: [u8; LENGTH] = bytes.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// Its four digits.
    pub fn as_str(&self) -> &str {
        // They are digits, so the default is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether it is sent again (last digit odd), such as 0101 and 0401.
    pub const fn is_repeat(self) -> bool {
        matches!(self.0[3], b'1' | b'3' | b'5')
    }

    /// The type as it was sent first: 0100 of 0101.
    #[must_use]
    pub const fn original(self) -> Self {
        let [version, class, function, origin] = self.0;
        let first = if self.is_repeat() { origin.saturating_sub(1) } else { origin };
        Self([version, class, function, first])
    }

    /// The type as it is sent again: 0101 of 0100.
    #[must_use]
    pub const fn repeat(self) -> Self {
        let [version, class, function, origin] = self.0;
        let again = match origin {
            b'0' | b'2' | b'4' => origin.saturating_add(1),
            _ => origin,
        };
        Self([version, class, function, again])
    }

    /// Whether it answers another one.
    pub const fn is_answer(self) -> bool {
        matches!(self.0[2], b'1' | b'3' | b'5')
    }

    /// The type of its answer: 0110 of 0100 and of 0101, 0430 of 0420. `None` where it is an answer itself.
    pub const fn answer(self) -> Option<Self> {
        let [version, class, function, origin] = self.original().0;
        match function {
            b'0' | b'2' | b'4' => Some(Self([version, class, function.saturating_add(1), origin])),
            _ => None,
        }
    }
}

/// `0100`.
impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
