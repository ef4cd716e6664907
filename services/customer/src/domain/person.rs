//! What identifies a person or company. These values exist in clear only in memory, between the wire and the
//! sealed column.
//!
//! Invariants: a value of these types has the form that the contract asks for; none of them can be printed, as
//! `Debug` shows only the type and there is no `Display`.

use std::fmt;

/// Why a value is not acceptable: completes the sentence "the field ...". Never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

/// Longest name, in characters.
const NAME_LENGTH_MAX: usize = 200;
/// Longest free-text reason, in characters.
const REASON_LENGTH_MAX: usize = 200;
/// Length of a document number, in characters.
const DOCUMENT_NUMBER_LENGTH: std::ops::RangeInclusive<usize> = 4..=40;
/// Fewest characters of a document number that count when two are compared.
const DOCUMENT_NUMBER_SIGNIFICANT_MIN: usize = 4;
/// Count of digits of a phone number.
const PHONE_LENGTH: std::ops::RangeInclusive<usize> = 5..=20;
/// How much of a document number a masked answer shows at most.
const SHOWN_LENGTH_MAX: usize = 4;
/// Stands for what is hidden; its length says nothing about the length of the hidden part.
const MASK: &str = "****";

/// What kind of document proves who a customer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A national identity card.
    IdentityCard,
    /// A passport.
    Passport,
    /// A company's registration certificate.
    BusinessLicence,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::IdentityCard, Self::Passport, Self::BusinessLicence];

    /// The name under which it is stored. Also part of the document digest, so it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdentityCard => "IDENTITY_CARD",
            Self::Passport => "PASSPORT",
            Self::BusinessLicence => "BUSINESS_LICENCE",
        }
    }
}

/// A full name, 1 to 200 characters, not blank, without control characters.
#[derive(Clone, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// Checks a name. It is kept as given.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() || text.chars().count() > NAME_LENGTH_MAX {
            return Err(Invalid("must have 1 to 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// All of it: to seal it, or for a caller whose role may see it.
    pub fn clear(&self) -> &str {
        &self.0
    }

    /// The first letter and a mask.
    pub fn masked(&self) -> String {
        self.0.chars().take(1).chain(MASK.chars()).collect()
    }
}

/// The number of an identity document: 4 to 40 ASCII letters, digits or hyphens, at least 4 of them no hyphens.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentNumber(String);

impl DocumentNumber {
    /// Checks a number. It is kept as given.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain || !DOCUMENT_NUMBER_LENGTH.contains(&text.len()) {
            return Err(Invalid("must have 4 to 40 letters, digits or hyphens"));
        }
        let number = Self(text.to_owned());
        if number.normalized().len() < DOCUMENT_NUMBER_SIGNIFICANT_MIN {
            return Err(Invalid("must have at least 4 letters or digits"));
        }
        Ok(number)
    }

    /// All of it, to seal it.
    pub fn clear(&self) -> &str {
        &self.0
    }

    /// What counts when two numbers are compared: upper case, no hyphens.
    pub fn normalized(&self) -> String {
        self.0.chars().filter(|c| *c != '-').map(|c| c.to_ascii_uppercase()).collect()
    }

    /// A mask and the last four characters; of a number shorter than eight the last half, or the mask would
    /// hide nothing.
    pub fn masked(&self) -> String {
        let shown = SHOWN_LENGTH_MAX.min(self.0.len() / 2);
        let hidden = self.0.len().saturating_sub(shown);
        MASK.chars().chain(self.0.chars().skip(hidden)).collect()
    }
}

/// A phone number: 5 to 20 digits with an optional leading plus.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// A mask and the last four digits; there are five at least.
    pub fn masked(&self) -> String {
        let hidden = self.0.len().saturating_sub(4);
        MASK.chars().chain(self.0.chars().skip(hidden)).collect()
    }

    /// Checks a number. It is kept as given.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if !PHONE_LENGTH.contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid("must have 5 to 20 digits with an optional leading plus"));
        }
        Ok(Self(text.to_owned()))
    }

    /// All of it, to seal it.
    pub fn clear(&self) -> &str {
        &self.0
    }
}

/// Why somebody moved a customer: free text, up to 200 characters, possibly none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reason(String);

impl Reason {
    /// Checks a reason that may be left out.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > REASON_LENGTH_MAX {
            return Err(Invalid("must have at most 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Checks a reason that must be given.
    pub fn parse_required(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() {
            return Err(Invalid("must have 1 to 200 characters"));
        }
        Self::parse(text)
    }

    /// The text; empty where none was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the bank seals about a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalData {
    /// Full name.
    pub name: FullName,
    /// Number of the identity document.
    pub document_number: DocumentNumber,
    /// Phone number, where one was given.
    pub phone: Option<PhoneNumber>,
}

impl fmt::Debug for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FullName")
    }
}

impl fmt::Debug for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentNumber")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber")
    }
}
