//! Request ids of one run: UUIDv7 that carry the run's tag, so that the audit can tell them from everybody else's.
//!
//! ```text
//! 48 bits milliseconds | version | 12 bits + 30 bits counter (around the variant) | 32 bits tag of the run
//! ```
//!
//! The counter makes them unique without a random number per request; the tag is random per run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use testkit::invariants::RunIds;
use uuid::Uuid;

/// Makes the request ids of one run.
#[derive(Debug)]
pub struct Ids {
    tag: [u8; 4],
    started_at: DateTime<Utc>,
    started: Instant,
    next: AtomicU64,
}

impl Ids {
    /// A run that starts now.
    pub fn new(started_at: DateTime<Utc>, tag: [u8; 4]) -> Self {
        Self { tag, started_at, started: Instant::now(), next: AtomicU64::new(0) }
    }

    /// The next id.
    pub fn next(&self) -> Uuid {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let millis = self.started_at.timestamp_millis().unsigned_abs().saturating_add(elapsed);
        self.compose(millis, count)
    }

    /// The tag as eight hexadecimal digits, for file names.
    pub fn tag_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.tag))
    }

    /// What an id of this run looks like, from the start until now.
    pub fn run(&self) -> RunIds {
        let elapsed = TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX);
        let end = self.started_at.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let start = self.started_at.timestamp_millis().unsigned_abs();
        let first = self.compose(start, 0);
        let last = self.compose(end.timestamp_millis().unsigned_abs().saturating_add(1), u64::MAX);
        RunIds { first, last, tag: self.tag }
    }

    /// What an id was made of: its millisecond, its place in the run, the run's tag.
    pub fn parts(id: Uuid) -> (u64, u64, [u8; 4]) {
        let bytes = id.into_bytes();
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let counter = (number(&bytes[6..8]) & 0x0fff) << 30
            | u64::from(bytes[8] & 0x3f) << 24
            | number(&bytes[9..12]);
        let [.., a, b, c, d] = bytes;
        (number(&bytes[..6]), counter, [a, b, c, d])
    }

    fn compose(&self, millis: u64, count: u64) -> Uuid {
        let [_, _, time @ ..] = millis.to_be_bytes();
        // The 42 bits of the counter, left to right: 12 beside the version, 6 beside the variant, 24 after it.
        let counter = count & 0x3ff_ffff_ffff;
        let [_, _, _, _, _, low_c, low_b, low_a] = counter.to_be_bytes();
        let beside_version = u16::try_from(counter >> 30).unwrap_or(0) & 0x0fff | 0x7000;
        let beside_variant = u8::try_from((counter >> 24) & 0x3f).unwrap_or(0) | 0x80;
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time);
        bytes[6..8].copy_from_slice(&beside_version.to_be_bytes());
        bytes[8] = beside_variant;
        bytes[9..12].copy_from_slice(&[low_c, low_b, low_a]);
        bytes[12..].copy_from_slice(&self.tag);
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Ids {
        Ids::new(DateTime::from_timestamp_millis(1_795_392_000_000).unwrap(), [1, 2, 3, 4])
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_that_knows_its_millisecond_and_its_run() {
        let id = ids().compose(1_795_392_000_123, 5);

        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_bytes()[..6], 1_795_392_000_123_u64.to_be_bytes()[2..]);
        assert_eq!(id.as_bytes()[12..], [1, 2, 3, 4]);
    }

    #[test]
    fn ids_of_one_millisecond_are_different_and_in_order() {
        let ids = ids();
        let counts =
            [0, 1, 255, 256, (1 << 24) - 1, 1 << 24, (1 << 30) - 1, 1 << 30, (1 << 42) - 1];
        let made: Vec<Uuid> = counts.iter().map(|count| ids.compose(7, *count)).collect();

        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
    }

    #[test]
    fn what_an_id_was_made_of_can_be_read_from_it() {
        for count in [0, 1, 255, 1 << 24, (1 << 30) + 5, (1 << 42) - 1] {
            let id = ids().compose(1_795_392_000_123, count);

            assert_eq!(Ids::parts(id), (1_795_392_000_123, count, [1, 2, 3, 4]));
        }
    }

    #[test]
    fn every_id_of_a_run_lies_between_its_ends() {
        let ids = ids();
        let made: Vec<Uuid> = (0..1_000).map(|_| ids.next()).collect();
        let run = ids.run();

        assert!(made.iter().all(|id| run.first <= *id && *id <= run.last));
        assert_eq!(run.tag, [1, 2, 3, 4]);
    }
}
