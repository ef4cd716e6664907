//! The ids of things: one type for each kind, so that a hold cannot be asked for by a posting's id.
//!
//! Each is a UUID. Ids that we make are of version 7 (RFC 9562): they begin with the time in milliseconds,
//! so new rows go to the end of an index instead of all over it. Nothing reads that time back out of an id;
//! a row has its own column for when it was made.
//!
//! The registry is alphabetical and only grows. Absent on purpose: `Default` (there is no such thing as the
//! usual id), `From<Uuid>` and conversions between kinds (each must be visible and deliberate), and account
//! numbers and request ids, which have rules and files of their own.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

/// The text is not a UUID in its usual form: 36 characters, hexadecimal with four hyphens.
///
/// It does not repeat the text, which comes from outside and may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: a hyphenated UUID is needed")]
pub struct InvalidId {
    /// The name of the type that was asked for, such as `HoldId`.
    pub kind: &'static str,
}

macro_rules! ids {
    ($($(#[doc = $meaning:literal])+ $Name:ident,)+) => {
        $(
            $(#[doc = $meaning])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $Name(Uuid);

            impl $Name {
                /// Makes an id from explicit inputs: the time in whole milliseconds, and ten random bytes,
                /// of which 74 bits are used. The same inputs make the same id.
                ///
                /// The format holds 1970 to 10889; other times are taken as the nearest of these.
                pub fn new(at: DateTime<Utc>, random: [u8; 10]) -> Self {
                    Self(uuid_v7(at, random))
                }

                /// Takes over an id of this kind that was kept as a plain UUID, of any version.
                pub const fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                /// The id as a plain UUID, as the database keeps it.
                pub const fn as_uuid(self) -> Uuid {
                    self.0
                }

                /// Reads 36 hyphenated characters, hexadecimal in either case; no other form of UUID.
                pub fn parse(text: &str) -> Result<Self, InvalidId> {
                    parse_hyphenated(text).map(Self).ok_or(InvalidId { kind: stringify!($Name) })
                }
            }

            /// The lower-case hyphenated form, as on the wire.
            impl fmt::Display for $Name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.as_hyphenated().fmt(f)
                }
            }
        )+

        #[cfg(test)]
        const KINDS: &[&str] = &[$(stringify!($Name)),+];
    };
}

ids! {
    /// Identifies a card to everybody but the scheme; it says nothing of the number on it.
    CardId,
    /// One person or company that the bank keeps accounts for.
    CustomerId,
    /// One reservation of money on one deposit account.
    HoldId,
    /// Identifies a loan, from its application to its end.
    LoanId,
    /// One decided and posted request; equal to the id of that request.
    PostingId,
}

/// The largest time that fits the 48 bits of a version 7 UUID, in the year 10889.
const MILLIS_MAX: u64 = 0xFFFF_FFFF_FFFF;

/// A version 7 UUID from explicit inputs. A time that the format cannot hold is taken as the nearest that
/// it can, because an id is no place to refuse a date.
fn uuid_v7(at: DateTime<Utc>, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default().min(MILLIS_MAX);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Reads the hyphenated form only. `Uuid::try_parse` alone also takes braces, URNs and plain hexadecimal,
/// which would give one id several spellings.
pub(crate) fn parse_hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "019508f0-4a3b-7c5d-8e6f-0123456789ab";

    proptest! {
        #[test]
        fn every_id_survives_being_printed_and_parsed(bits: u128) {
            let id = HoldId::from_uuid(Uuid::from_u128(bits));

            prop_assert_eq!(HoldId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(HoldId::parse(&id.to_string().to_uppercase()), Ok(id));
        }

        #[test]
        fn a_later_millisecond_makes_a_larger_id(
            millis in 0_i64..253_402_300_799_000, earlier: [u8; 10], later: [u8; 10],
        ) {
            let at = DateTime::from_timestamp_millis(millis).unwrap();
            let next = at.checked_add_signed(TimeDelta::milliseconds(1)).unwrap();

            prop_assert!(PostingId::new(at, earlier) < PostingId::new(next, later));
        }
    }

    #[test]
    fn the_registry_is_alphabetical() {
        assert!(KINDS.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn a_new_id_is_version_7_and_depends_on_its_inputs_only() {
        // 1,700,000,000,000 is 0x018bcfe56800.
        let at = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let id = PostingId::new(at, [7; 10]);

        assert_eq!(id, PostingId::new(at, [7; 10]));
        assert_ne!(id, PostingId::new(at, [8; 10]));
        assert_eq!(id.to_string(), "018bcfe5-6800-7707-8707-070707070707");
    }

    #[test]
    fn times_outside_the_format_become_the_nearest_inside() {
        let first = CustomerId::new(DateTime::<Utc>::MIN_UTC, [0; 10]);
        let last = CustomerId::new(DateTime::<Utc>::MAX_UTC, [0; 10]);

        assert_eq!(first, CustomerId::new(DateTime::UNIX_EPOCH, [0; 10]));
        assert!(last.to_string().starts_with("ffffffff-ffff-7"), "{last}");
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused_by_the_name_of_the_kind() {
        let simple = TEXT.replace('-', "");
        let braced = format!("{{{TEXT}}}");
        let urn = format!("urn:uuid:{TEXT}");
        let moved_hyphen = "019508f04-a3b-7c5d-8e6f-0123456789ab";

        assert_eq!(HoldId::parse(TEXT).unwrap().to_string(), TEXT);
        for text in ["", simple.as_str(), &braced, &urn, moved_hyphen, &TEXT.replace('0', "g")] {
            assert_eq!(HoldId::parse(text), Err(InvalidId { kind: "HoldId" }), "{text}");
        }
        assert!(InvalidId { kind: "HoldId" }.to_string().contains("HoldId"));
    }
}
