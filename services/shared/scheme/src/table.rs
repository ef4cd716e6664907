//! The data elements that are spoken here: ISO 8583:1987, characters in ASCII, bitmaps in binary, one row each. A dialect
//! that needs another one changes a row, and docs/reference/iso8583.md with it: a test compares them.
//!
//! Invariant: rows in order of number, none twice.

use crate::Mti;

/// One data element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its number, 2 to 128.
    pub number: u8,
    /// What it is called.
    pub name: &'static str,
    /// What it is made of.
    pub kind: Kind,
    /// How long it is.
    pub length: Length,
    /// Whether it never prints.
    pub secret: bool,
}

/// What an element is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `n`: digits; where the length is fixed, zeros in front.
    Digits,
    /// `an`: letters and digits; where the length is fixed, spaces behind.
    Alphanumeric,
    /// `ans`: anything of ASCII that prints; where the length is fixed, spaces behind.
    Printable,
    /// `z`: track 2, digits with a separator.
    Track,
    /// `b`: bytes.
    Bytes,
}

/// How long an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always so long.
    Fixed(usize),
    /// Two digits say how long, at most this.
    Two(usize),
    /// Three digits say how long, at most this.
    Three(usize),
}

use Kind::{Alphanumeric, Bytes, Digits, Printable, Track};
use Length::{Fixed, Three, Two};

const fn open(number: u8, name: &'static str, kind: Kind, length: Length) -> Element {
    Element { number, name, kind, length, secret: false }
}

const fn secret(number: u8, name: &'static str, kind: Kind, length: Length) -> Element {
    Element { number, name, kind, length, secret: true }
}

/// Every data element, in order.
pub const ELEMENTS: &[Element] = &[
    secret(2, "card number (PAN)", Digits, Two(19)),
    open(3, "processing code", Digits, Fixed(6)),
    open(4, "amount, minor units", Digits, Fixed(12)),
    open(7, "transmission time, UTC, MMDDhhmmss", Digits, Fixed(10)),
    open(11, "system trace audit number", Digits, Fixed(6)),
    open(12, "local time, hhmmss", Digits, Fixed(6)),
    open(13, "local date, MMDD", Digits, Fixed(4)),
    secret(14, "expiry, YYMM", Digits, Fixed(4)),
    open(18, "merchant category, ISO 18245", Digits, Fixed(4)),
    open(19, "acquirer's country, ISO 3166 numeric", Digits, Fixed(3)),
    open(22, "point of service entry mode", Digits, Fixed(3)),
    open(25, "point of service condition", Digits, Fixed(2)),
    open(32, "acquirer", Digits, Two(11)),
    open(33, "forwarder", Digits, Two(11)),
    secret(35, "track 2", Track, Two(37)),
    open(37, "retrieval reference number", Alphanumeric, Fixed(12)),
    open(38, "approval code", Alphanumeric, Fixed(6)),
    open(39, "response code", Alphanumeric, Fixed(2)),
    open(41, "terminal", Printable, Fixed(8)),
    open(42, "merchant", Printable, Fixed(15)),
    open(43, "merchant's name and place", Printable, Fixed(40)),
    secret(48, "private data: tag, length, value", Printable, Three(999)),
    open(49, "currency, ISO 4217 numeric", Digits, Fixed(3)),
    secret(52, "PIN block, format 0", Bytes, Fixed(8)),
    open(53, "PIN block format and key index", Digits, Fixed(16)),
    secret(54, "additional amounts", Printable, Three(120)),
    open(63, "issuer's reference", Printable, Three(999)),
    open(70, "network management code", Digits, Fixed(3)),
    open(90, "original data", Digits, Fixed(42)),
    secret(125, "PIN block, format 4", Bytes, Fixed(16)),
];

/// What an answer repeats of its request, where it is there.
pub const ECHOED: &[u8] = &[2, 3, 4, 7, 11, 12, 13, 18, 19, 22, 25, 32, 33, 37, 41, 42, 49, 70, 90];

const ASKING: &[u8] = &[2, 3, 4, 7, 11, 18, 19, 22, 25, 32, 37, 41, 49];
const FOLLOWING: &[u8] = &[3, 4, 7, 11, 32, 37, 41, 49, 90];
const MANAGING: &[u8] = &[7, 11, 70];
const ANSWERING: &[u8] = &[7, 11, 39];

/// What a message of each type must carry. A repetition (last digit 1) must carry what its original must.
pub const REQUIRED: &[(Mti, &[u8])] = &[
    (Mti::AUTHORIZATION, ASKING),
    (Mti::AUTHORIZATION_ANSWER, ANSWERING),
    (Mti::AUTHORIZATION_ADVICE, FOLLOWING),
    (Mti::AUTHORIZATION_ADVICE_ANSWER, ANSWERING),
    (Mti::FINANCIAL, ASKING),
    (Mti::FINANCIAL_ANSWER, ANSWERING),
    (Mti::FINANCIAL_ADVICE, FOLLOWING),
    (Mti::FINANCIAL_ADVICE_ANSWER, ANSWERING),
    (Mti::REVERSAL, FOLLOWING),
    (Mti::REVERSAL_ANSWER, ANSWERING),
    (Mti::REVERSAL_ADVICE, FOLLOWING),
    (Mti::REVERSAL_ADVICE_ANSWER, ANSWERING),
    (Mti::NETWORK_MANAGEMENT, MANAGING),
    (Mti::NETWORK_MANAGEMENT_ANSWER, ANSWERING),
];

/// The row of a data element. `None` where it is not spoken here.
pub fn element(number: u8) -> Option<&'static Element> {
    let at = ELEMENTS.binary_search_by_key(&number, |element| element.number).ok()?;
    ELEMENTS.get(at)
}

impl Kind {
    /// As ISO 8583 writes it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Digits => "n",
            Self::Alphanumeric => "an",
            Self::Printable => "ans",
            Self::Track => "z",
            Self::Bytes => "b",
        }
    }

    /// Whether the element may contain this.
    pub const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric() || byte == b' ',
            Self::Printable => byte.is_ascii_graphic() || byte == b' ',
            Self::Track => byte.is_ascii_digit() || byte == b'=' || byte == b'D',
            Self::Bytes => true,
        }
    }
}

impl Length {
    /// How long at most.
    pub const fn longest(self) -> usize {
        match self {
            Self::Fixed(length) | Self::Two(length) | Self::Three(length) => length,
        }
    }

    /// How many digits before the element say how long it is.
    pub const fn prefix(self) -> usize {
        match self {
            Self::Fixed(_) => 0,
            Self::Two(_) => 2,
            Self::Three(_) => 3,
        }
    }
}
