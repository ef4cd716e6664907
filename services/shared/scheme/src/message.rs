//! A message of ISO 8583: its type, a bitmap of which data elements follow, and those in order of number.
//!
//! Bytes are read by `table.rs` and by nothing else. Reading is strict: an element that the table does not know, a length
//! or a character that it does not allow, and bytes after the last element are errors that name the element and never
//! repeat it. Invariants: `decode(encode(m)) == m` for whatever can be encoded; no byte sequence panics. Absent on
//! purpose: what the elements mean, see `words.rs` and `key.rs`.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::ResponseCode;
use crate::mti::{self, Mti};
use crate::table::{self, ECHOED, Element, Kind, Length, REQUIRED};

const BITMAP_LENGTH: usize = 8;
/// The bit of the primary bitmap that says that there is a secondary one.
const SECONDARY: u8 = 1;

/// A message. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    mti: Mti,
    fields: BTreeMap<u8, Zeroizing<Vec<u8>>>,
}

/// What is wrong with a data element; 0 is the message type, 1 the bitmaps and what follows the last element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data element {field}: {problem}")]
pub struct FieldError {
    /// Its number.
    pub field: u8,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What can be wrong with a data element. It does not repeat what was in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// The table has no such element.
    #[error("not spoken here")]
    Unknown,
    /// The message ends before it does.
    #[error("cut off")]
    CutOff,
    /// Longer or shorter than the table says, or its length is no number.
    #[error("of the wrong length")]
    Length,
    /// A character that it must not contain.
    #[error("has a character that does not belong there")]
    Character,
    /// There is something after the last element.
    #[error("followed by more than was announced")]
    TooMuch,
    /// It must be there and is not.
    #[error("missing")]
    Missing,
    /// It has the right form and no meaning.
    #[error("without meaning")]
    Meaning,
}

/// Bytes that are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct DecodeError {
    /// What is wrong first.
    pub error: FieldError,
    /// What was read before it, so that it can be answered with a format error. `None` where not even the type was.
    pub before: Option<Box<Message>>,
}

impl Message {
    /// A message of this type, still empty.
    pub const fn new(mti: Mti) -> Self {
        Self { mti, fields: BTreeMap::new() }
    }

    /// Its type.
    pub const fn mti(&self) -> Mti {
        self.mti
    }

    /// Makes it another type, such as the repetition of itself.
    pub const fn set_mti(&mut self, mti: Mti) {
        self.mti = mti;
    }

    /// A data element.
    pub fn get(&self, field: u8) -> Option<&[u8]> {
        self.fields.get(&field).map(|value| value.as_slice())
    }

    /// A data element that is text, as it is in the message: with the zeros and spaces that make it as long as it must be.
    pub fn text(&self, field: u8) -> Option<&str> {
        std::str::from_utf8(self.get(field)?).ok()
    }

    /// A data element that is text, without the spaces behind it.
    pub fn trimmed(&self, field: u8) -> Option<&str> {
        self.text(field).map(|text| text.trim_end_matches(' '))
    }

    /// A data element that must be there, as text.
    pub fn required(&self, field: u8) -> Result<&str, FieldError> {
        self.text(field).ok_or(FieldError { field, problem: FieldProblem::Missing })
    }

    /// Sets a data element; one of fixed length is made as long as it must be, by zeros before digits and spaces behind
    /// text. Whether the value may be there, [`Self::encode`] says.
    pub fn set(&mut self, field: u8, value: impl AsRef<[u8]>) -> &mut Self {
        let padded = padded(table::element(field), value.as_ref());
        self.fields.insert(field, Zeroizing::new(padded));
        self
    }

    /// Takes a data element out.
    pub fn remove(&mut self, field: u8) -> &mut Self {
        self.fields.remove(&field);
        self
    }

    /// The numbers of the elements that are there, in order.
    pub fn present(&self) -> impl Iterator<Item = u8> {
        self.fields.keys().copied()
    }

    /// The first element that a message of this type must carry and this one does not; 0 where the type is none of ours.
    pub fn missing(&self) -> Option<u8> {
        let original = self.mti.original();
        let Some((_, required)) = REQUIRED.iter().find(|(mti, _)| *mti == original) else {
            return Some(0);
        };
        required.iter().copied().find(|field| !self.fields.contains_key(field))
    }

    /// Its answer: what is repeated of it, and the response code. Of an answer, one of the same type.
    #[must_use]
    pub fn answer(&self, code: ResponseCode) -> Self {
        let mut answer = Self::new(self.mti.answer().unwrap_or(self.mti));
        for field in ECHOED {
            if let Some(value) = self.fields.get(field) {
                answer.fields.insert(*field, value.clone());
            }
        }
        answer.set(39, code.as_str());
        answer
    }

    /// Its bytes.
    pub fn encode(&self) -> Result<Vec<u8>, FieldError> {
        let mut bitmap = 0_u128;
        let mut body = Vec::with_capacity(256);
        for (&field, value) in &self.fields {
            let wrong = |problem| FieldError { field, problem };
            let element = table::element(field).ok_or(wrong(FieldProblem::Unknown))?;
            check(element, value).map_err(wrong)?;
            let digits = element.length.prefix();
            if digits > 0 {
                body.extend_from_slice(format!("{:0digits$}", value.len()).as_bytes());
            }
            body.extend_from_slice(value);
            bitmap |= bit(field);
        }
        let [primary, secondary] = halves(bitmap);
        let mut bytes = Vec::with_capacity(body.len().saturating_add(20));
        bytes.extend_from_slice(self.mti.as_str().as_bytes());
        if secondary == 0 {
            bytes.extend_from_slice(&primary.to_be_bytes());
        } else {
            let [primary, _] = halves(bitmap | bit(SECONDARY));
            bytes.extend_from_slice(&primary.to_be_bytes());
            bytes.extend_from_slice(&secondary.to_be_bytes());
        }
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Reads bytes, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let mti = take(&mut rest, mti::LENGTH)
            .ok_or(FieldProblem::CutOff)
            .and_then(|bytes| Mti::from_bytes(bytes).ok_or(FieldProblem::Character));
        let mti = match mti {
            Ok(mti) => mti,
            Err(problem) => {
                return Err(DecodeError { error: FieldError { field: 0, problem }, before: None });
            }
        };
        let mut message = Self::new(mti);
        match message.read(rest) {
            Ok(()) => Ok(message),
            Err(error) => Err(DecodeError { error, before: Some(Box::new(message)) }),
        }
    }

    /// Reads bitmaps and elements into it.
    fn read(&mut self, mut rest: &[u8]) -> Result<(), FieldError> {
        let wrong = |field, problem| FieldError { field, problem };
        let cut_off = wrong(SECONDARY, FieldProblem::CutOff);
        let mut bitmap = u128::from(take_bitmap(&mut rest).ok_or(cut_off)?) << 64;
        if bitmap & bit(SECONDARY) != 0 {
            bitmap |= u128::from(take_bitmap(&mut rest).ok_or(cut_off)?);
        }
        for field in (2..=128_u8).filter(|field| bitmap & bit(*field) != 0) {
            let element = table::element(field).ok_or(wrong(field, FieldProblem::Unknown))?;
            let length = match element.length {
                Length::Fixed(length) => length,
                Length::Two(_) | Length::Three(_) => {
                    let digits = take(&mut rest, element.length.prefix());
                    let digits = digits.ok_or(wrong(field, FieldProblem::CutOff))?;
                    number(digits).ok_or(wrong(field, FieldProblem::Length))?
                }
            };
            if length > element.length.longest() {
                return Err(wrong(field, FieldProblem::Length));
            }
            let value = take(&mut rest, length).ok_or(wrong(field, FieldProblem::CutOff))?;
            check(element, value).map_err(|problem| wrong(field, problem))?;
            self.fields.insert(field, Zeroizing::new(value.to_vec()));
        }
        if rest.is_empty() { Ok(()) } else { Err(wrong(SECONDARY, FieldProblem::TooMuch)) }
    }
}

/// The type, and each element by its number: text as text, bytes as hexadecimal digits, a secret by its length.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mti)?;
        for (field, value) in &self.fields {
            match (table::element(*field), std::str::from_utf8(value)) {
                (Some(Element { secret: false, .. }), Ok(text)) => write!(f, " {field}={text:?}")?,
                _ => write!(f, " {field}=({} bytes)", value.len())?,
            }
        }
        Ok(())
    }
}

/// Whether a value may stand in an element.
fn check(element: &Element, value: &[u8]) -> Result<(), FieldProblem> {
    let fits = match element.length {
        Length::Fixed(length) => value.len() == length,
        Length::Two(longest) | Length::Three(longest) => value.len() <= longest,
    };
    if !fits {
        Err(FieldProblem::Length)
    } else if value.iter().all(|byte| element.kind.takes(*byte)) {
        Ok(())
    } else {
        Err(FieldProblem::Character)
    }
}

fn padded(element: Option<&Element>, value: &[u8]) -> Vec<u8> {
    let Some(Element { kind, length: Length::Fixed(length), .. }) = element else {
        return value.to_vec();
    };
    let missing = length.saturating_sub(value.len());
    let mut padded = Vec::with_capacity(*length);
    if *kind == Kind::Digits {
        padded.resize(missing, b'0');
    }
    padded.extend_from_slice(value);
    if matches!(kind, Kind::Alphanumeric | Kind::Printable) {
        padded.resize(padded.len().saturating_add(missing), b' ');
    }
    padded
}

/// The bit of an element, 1 to 128, the first being the highest.
fn bit(field: u8) -> u128 {
    1_u128.checked_shl(128_u32.saturating_sub(u32::from(field))).unwrap_or_default()
}

/// The primary and the secondary bitmap.
fn halves(bitmap: u128) -> [u64; 2] {
    let low = bitmap & u128::from(u64::MAX);
    [u64::try_from(bitmap >> 64).unwrap_or_default(), u64::try_from(low).unwrap_or_default()]
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_bitmap(rest: &mut &[u8]) -> Option<u64> {
    take(rest, BITMAP_LENGTH)?.try_into().ok().map(u64::from_be_bytes)
}

/// A length that was written in digits.
fn number(digits: &[u8]) -> Option<usize> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
