//! The arithmetic of the chain: what is hashed, and how. Pure, so that whoever verifies uses the same code.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};

/// Of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first record has as the hash of the one before.
    pub const NONE: Self = Self([0; 32]);

    /// A hash that was stored; `None` where it has another length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its 32 bytes.
    pub const fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// As hexadecimal digits.
impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Everything of a record but its own hash.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the columns of audit_log, which explains them")]
pub struct Record<'a> {
    pub sequence: i64,
    pub recorded_at: DateTime<Utc>,
    pub actor: &'a str,
    pub action: &'a str,
    pub subject: &'a str,
    pub details: &'a str,
    pub previous: Hash,
}

impl Record<'_> {
    /// SHA-256 over the hash before, the sequence, the time in microseconds, and each text with its length in front of
    /// it, so that no two records have the same bytes.
    pub fn hash(&self) -> Hash {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"thincore audit record 1");
        context.update(self.previous.as_slice());
        context.update(&self.sequence.to_be_bytes());
        context.update(&self.recorded_at.timestamp_micros().to_be_bytes());
        for text in [self.actor, self.action, self.subject, self.details] {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        Hash::from_slice(context.finish().as_ref()).unwrap_or(Hash::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record<'static> {
        Record {
            sequence: 7,
            recorded_at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            actor: "teller/1",
            action: "FREEZE_CUSTOMER",
            subject: "0198",
            details: "court order",
            previous: Hash::NONE,
        }
    }

    #[test]
    fn every_part_of_a_record_is_in_its_hash() {
        let hash = record().hash();
        let later = record().recorded_at + chrono::TimeDelta::microseconds(1);
        let changed = [
            Record { sequence: 8, ..record() },
            Record { recorded_at: later, ..record() },
            Record { actor: "teller/2", ..record() },
            Record { action: "FREEZE_ACCOUNT", ..record() },
            Record { subject: "0199", ..record() },
            Record { details: "court  order", ..record() },
            Record { previous: hash, ..record() },
            // The same letters with the border between two texts elsewhere.
            Record { subject: "0198c", details: "ourt order", ..record() },
        ];
        assert_eq!(record().hash(), hash);
        for changed in changed {
            assert_ne!(changed.hash(), hash, "{changed:?}");
        }
    }
}
