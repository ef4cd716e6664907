//! A customer as the books hold one.

use std::fmt;

use chrono::{DateTime, Utc};
use kernel::CustomerId;

use super::{CustomerStatus, DocumentKind, Reason};

/// Person or company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerKind {
    /// A natural person.
    Person,
    /// A company or other legal entity.
    Company,
}

impl CustomerKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Person, Self::Company];

    /// The name under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Company => "COMPANY",
        }
    }
}

/// Keyed digest of document kind and normalised number: equal for the same document, and says nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentHash(pub [u8; 32]);

impl fmt::Debug for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentHash")
    }
}

/// What identifies the person, sealed for this customer's row. Bytes that mean nothing without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPersonalData {
    /// Full name.
    pub name: Vec<u8>,
    /// Number of the identity document.
    pub document_number: Vec<u8>,
    /// Phone number, where one was given.
    pub phone: Option<Vec<u8>>,
}

impl fmt::Debug for SealedPersonalData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPersonalData")
    }
}

/// Where a customer is in the life cycle, and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The status.
    pub status: CustomerStatus,
    /// Why; empty where no reason was given.
    pub reason: Reason,
    /// Since when. Never before the previous change, whatever the clocks said.
    pub changed_at: DateTime<Utc>,
    /// Counts the changes, from 1.
    pub version: i64,
}

/// A person or company that the bank knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Given by the bank.
    pub id: CustomerId,
    /// Person or company.
    pub kind: CustomerKind,
    /// What kind of document it registered with.
    pub document_kind: DocumentKind,
    /// Which document, as a digest.
    pub document_hash: DocumentHash,
    /// Who it is, sealed.
    pub sealed: SealedPersonalData,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
    /// Where it stands; the only part that ever changes.
    pub standing: Standing,
}
