//! The id that a caller gives to a request, so that sending it twice has the effect of sending it once.
//!
//! The caller makes it, stores it, and only then sends; after a lost answer it sends the same id again. It is
//! a UUID of version 7 (RFC 9562), which carries the time it was made. So the bank can keep decided requests
//! in tables partitioned by time, look an id up in one of them, and refuse an id older than what is kept:
//! such an id might have been decided and forgotten.
//!
//! Invariant: a [`RequestId`] is of version 7 and of the variant of RFC 9562. Whether it is within the
//! [`RequestWindow`] depends on when one asks, so that is a check and not part of the type.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{NoContext, Timestamp, Uuid, Variant, Version};

use crate::Clock;
use crate::id::parse_hyphenated;

/// A caller's id of one request. Ordered by the millisecond in it, then by its random part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Uuid);

/// Why a request id is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestIdError {
    /// The text is not a hyphenated UUID of 36 characters.
    #[error("a request id is a hyphenated UUID")]
    Malformed,
    /// A UUID, but of another version than 7 or of another variant than that of RFC 9562.
    #[error("a request id is a UUID of version 7")]
    NotVersion7,
    /// Made before the window, so it may have been decided and forgotten.
    #[error("the request id was made at {made_at}, more than {} minutes ago", back.num_minutes())]
    TooOld {
        /// The time in the id.
        made_at: DateTime<Utc>,
        /// How far back ids are accepted.
        back: TimeDelta,
    },
    /// Made after the window: the caller's clock is wrong, or it saves ids for later.
    #[error("the request id was made at {made_at}, more than {} minutes ahead", ahead.num_minutes())]
    TooNew {
        /// The time in the id.
        made_at: DateTime<Utc>,
        /// How far ahead ids are accepted.
        ahead: TimeDelta,
    },
}

impl RequestId {
    /// Reads 36 hyphenated characters, hexadecimal in either case. Errors: `Malformed`, `NotVersion7`.
    pub fn parse(text: &str) -> Result<Self, RequestIdError> {
        Self::from_uuid(parse_hyphenated(text).ok_or(RequestIdError::Malformed)?)
    }

    /// Checks a UUID that was read from the database or another program. Error: `NotVersion7`.
    pub fn from_uuid(uuid: Uuid) -> Result<Self, RequestIdError> {
        match (uuid.get_version(), uuid.get_variant()) {
            (Some(Version::SortRand), Variant::RFC4122) => Ok(Self(uuid)),
            _ => Err(RequestIdError::NotVersion7),
        }
    }

    /// A new id from the time of the clock and fresh randomness of the operating system, for requests that
    /// we send. Ids of one millisecond are in no particular order. A time before 1970 is taken as 1970.
    pub fn generate(clock: &dyn Clock) -> Self {
        let now = clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
    }

    /// The id as a plain UUID, as the database keeps it.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// When the caller says it made the id, in whole milliseconds.
    pub fn made_at(self) -> DateTime<Utc> {
        let (time_and_version, _) = self.0.as_u64_pair();
        // 48 bits end in the year 10889 and chrono goes on, so the fallback is never taken.
        i64::try_from(time_and_version >> 16)
            .ok()
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The lower-case hyphenated form, as on the wire.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// How far the time in a request id may lie from now. Both ends belong to the window.
///
/// `back` must not exceed how long decided requests are kept, or a repeated request could have its effect
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestWindow {
    /// How far in the past: how long a caller may go on repeating a request.
    pub back: TimeDelta,
    /// How far in the future: how wrong a caller's clock may be.
    pub ahead: TimeDelta,
}

impl Default for RequestWindow {
    /// Seven days back, which outlasts a long holiday weekend, and one hour ahead.
    fn default() -> Self {
        Self { back: TimeDelta::days(7), ahead: TimeDelta::hours(1) }
    }
}

impl RequestWindow {
    /// Whether an id may be decided at `now`. Errors: `TooOld`, `TooNew`.
    ///
    /// An id that was decided before is answered from its record even when it has grown too old meanwhile:
    /// look the id up first where the record is at hand.
    pub fn check(&self, id: RequestId, now: DateTime<Utc>) -> Result<(), RequestIdError> {
        let made_at = id.made_at();
        if now.signed_duration_since(made_at) > self.back {
            return Err(RequestIdError::TooOld { made_at, back: self.back });
        }
        if made_at.signed_duration_since(now) > self.ahead {
            return Err(RequestIdError::TooNew { made_at, ahead: self.ahead });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Builder;

    use super::*;
    use crate::ManualClock;

    const NOW_MILLIS: i64 = 1_700_000_000_000;
    const BACK_MILLIS: i64 = 7 * 24 * 60 * 60 * 1_000;
    const AHEAD_MILLIS: i64 = 60 * 60 * 1_000;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    fn made_at(millis: i64) -> RequestId {
        RequestId::generate(&ManualClock::at(at(millis)))
    }

    fn checked(made_at_millis: i64) -> Result<(), RequestIdError> {
        RequestWindow::default().check(made_at(made_at_millis), at(NOW_MILLIS))
    }

    proptest! {
        #[test]
        fn an_id_carries_the_millisecond_it_was_made(millis in 0_i64..=0xFFFF_FFFF_FFFF) {
            prop_assert_eq!(made_at(millis).made_at(), at(millis));
        }

        #[test]
        fn an_id_survives_being_printed_and_parsed(millis in 0_i64..=0xFFFF_FFFF_FFFF) {
            let id = made_at(millis);

            prop_assert_eq!(RequestId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(RequestId::parse(&id.to_string().to_uppercase()), Ok(id));
            prop_assert_eq!(RequestId::from_uuid(id.as_uuid()), Ok(id));
        }

        #[test]
        fn the_window_is_from_back_to_ahead_and_nothing_else(
            made in NOW_MILLIS - 2 * BACK_MILLIS..NOW_MILLIS + 2 * BACK_MILLIS,
        ) {
            let inside = (NOW_MILLIS - BACK_MILLIS..=NOW_MILLIS + AHEAD_MILLIS).contains(&made);

            prop_assert_eq!(checked(made).is_ok(), inside);
        }

        #[test]
        fn other_versions_and_variants_are_refused(bits: u128) {
            let uuid = Uuid::from_u128(bits);
            let version_7 = (bits >> 76) & 0xF == 7 && (bits >> 62) & 0b11 == 0b10;

            prop_assert_eq!(RequestId::from_uuid(uuid).is_ok(), version_7);
        }
    }

    #[test]
    fn both_edges_of_the_window_belong_to_it() {
        let (back, ahead) = (TimeDelta::days(7), TimeDelta::hours(1));
        let too_old = NOW_MILLIS - BACK_MILLIS - 1;
        let too_new = NOW_MILLIS + AHEAD_MILLIS + 1;

        assert_eq!(checked(NOW_MILLIS - BACK_MILLIS), Ok(()));
        assert_eq!(checked(NOW_MILLIS + AHEAD_MILLIS), Ok(()));
        assert_eq!(checked(too_old), Err(RequestIdError::TooOld { made_at: at(too_old), back }));
        assert_eq!(checked(too_new), Err(RequestIdError::TooNew { made_at: at(too_new), ahead }));
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        // RFC 9562, appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
        let id = RequestId::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F").unwrap();

        assert_eq!(id.made_at().to_rfc3339(), "2022-02-22T19:22:22+00:00");
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn text_that_is_no_request_id_is_refused_for_the_right_reason() {
        let random = Builder::from_random_bytes([1; 16]).into_uuid().to_string();

        assert_eq!(RequestId::parse(""), Err(RequestIdError::Malformed));
        assert_eq!(
            RequestId::parse("017F22E279B07CC398C4DC0C0C07398F"),
            Err(RequestIdError::Malformed)
        );
        assert_eq!(RequestId::parse(&random), Err(RequestIdError::NotVersion7));
        assert_eq!(RequestId::parse(&Uuid::nil().to_string()), Err(RequestIdError::NotVersion7));
    }
}
