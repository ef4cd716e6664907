//! The time of day, as something that is handed in.
//!
//! Deciding code takes the time as an argument, so that the same inputs always give the same result and a
//! test can stand on any date. Only the edges hold a [`Clock`].
//!
//! Absent on purpose: the business date, which accounting owns and no clock knows; time zones; sleeping.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells what time it is. Services share one as `Arc<dyn Clock>`.
pub trait Clock: Send + Sync + Debug {
    /// The time now, in UTC. It may go backwards when the machine's clock is set; measure durations with
    /// `std::time::Instant`.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Whole microseconds: that is what Postgres keeps, so a time that is stored and read back is equal.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where everybody else gets the time from"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that stands still until it is told otherwise; for tests and simulations.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at a time.
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock by `by`, which may be negative. It stops at the ends of what chrono can hold.
    pub fn advance(&self, by: TimeDelta) {
        self.update(|now| {
            let end = if by < TimeDelta::zero() {
                DateTime::<Utc>::MIN_UTC
            } else {
                DateTime::<Utc>::MAX_UTC
            };
            now.checked_add_signed(by).unwrap_or(end)
        });
    }

    /// Sets the clock to a time, earlier or later.
    pub fn set(&self, to: DateTime<Utc>) {
        self.update(|_| to);
    }

    fn update(&self, change: impl FnOnce(DateTime<Utc>) -> DateTime<Utc>) {
        // A time is never half written, so a lock that a panicking thread left is safe to take over.
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = change(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);

        clock.advance(TimeDelta::minutes(90));
        assert_eq!(clock.now().to_rfc3339(), "1970-01-01T01:30:00+00:00");

        clock.advance(TimeDelta::minutes(-30));
        assert_eq!(clock.now().to_rfc3339(), "1970-01-01T01:00:00+00:00");

        clock.set(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);
    }

    #[test]
    fn a_manual_clock_stops_at_the_ends_of_time() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);

        clock.advance(TimeDelta::MAX);
        assert_eq!(clock.now(), DateTime::<Utc>::MAX_UTC);

        clock.set(DateTime::UNIX_EPOCH);
        clock.advance(TimeDelta::MIN);
        assert_eq!(clock.now(), DateTime::<Utc>::MIN_UTC);
    }

    #[test]
    fn the_system_clock_gives_whole_microseconds() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
