//! Response codes: data element 39 of an answer.
//!
//! Invariant: a [`ResponseCode`] is in the table below, which has all that this bank answers and no others.

use std::fmt;

/// What was decided, in two digits. `00` is approved, anything else is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseCode(&'static str);

/// Not a response code of this bank. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a response code of this bank")]
pub struct UnknownResponseCode;

macro_rules! codes {
    ($($name:ident $code:literal $words:literal)*) => {
        impl ResponseCode {
            $(
                #[doc = $words]
                pub const $name: Self = Self($code);
            )*
            /// Every code, with its words, in order.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $words)),*];
        }
    };
}

codes! {
    APPROVED "00" "approved"
    DO_NOT_HONOUR "05" "do not honour"
    INVALID_TRANSACTION "12" "invalid transaction"
    INVALID_CARD_NUMBER "14" "invalid card number"
    NO_SUCH_ORIGINAL "25" "unable to locate the original"
    FORMAT_ERROR "30" "format error"
    LOST_CARD "41" "lost card"
    STOLEN_CARD "43" "stolen card"
    INSUFFICIENT_FUNDS "51" "insufficient funds"
    EXPIRED_CARD "54" "expired card"
    WRONG_PIN "55" "incorrect PIN"
    NOT_PERMITTED_TO_CARDHOLDER "57" "transaction not permitted to the cardholder"
    NOT_PERMITTED_TO_TERMINAL "58" "transaction not permitted to the terminal"
    AMOUNT_LIMIT "61" "exceeds the amount limit"
    RESTRICTED_CARD "62" "restricted card"
    COUNT_LIMIT "65" "exceeds the count limit"
    PIN_TRIES_EXCEEDED "75" "PIN tries exceeded"
    ISSUER_UNAVAILABLE "91" "issuer not available"
    DUPLICATE "94" "duplicate transmission"
    SYSTEM_MALFUNCTION "96" "system malfunction"
}

impl ResponseCode {
    /// Reads one of the codes.
    pub fn parse(text: &str) -> Result<Self, UnknownResponseCode> {
        let found = Self::ALL.iter().find(|(code, _)| code.0 == text);
        found.map(|(code, _)| *code).ok_or(UnknownResponseCode)
    }

    /// Its two digits.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// What it means, for people.
    pub fn words(self) -> &'static str {
        // Every code that exists is in the table, so the default is never taken.
        Self::ALL
            .iter()
            .find(|(code, _)| *code == self)
            .map(|(_, words)| *words)
            .unwrap_or_default()
    }

    /// Whether it is `00`.
    pub fn is_approved(self) -> bool {
        self == Self::APPROVED
    }
}

/// `51`.
impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `51 insufficient funds`.
impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.words())
    }
}
