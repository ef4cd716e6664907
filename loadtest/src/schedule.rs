//! Open loop: requests are due at times that were fixed before, whatever the bank does.
//!
//! A generator that waits for answers sends less while the bank stalls, and so hides the stall. Here the times are a
//! grid (or a Poisson process) laid down in advance; whoever is late is late against the grid, and is counted so.

use std::time::Duration;

use crate::choice::Chooser;

/// When requests are due, since the start of the run.
#[derive(Debug)]
pub struct Schedule {
    per_second: u32,
    sent: u64,
    /// Present for independent arrivals: the time of the last one.
    random: Option<(Chooser, Duration)>,
}

impl Schedule {
    /// `per_second` requests a second at equal distances.
    pub fn even(per_second: u32) -> Self {
        Self { per_second, sent: 0, random: None }
    }

    /// `per_second` requests a second on average, each independent of the others.
    pub fn poisson(per_second: u32, chooser: Chooser) -> Self {
        Self { per_second, sent: 0, random: Some((chooser, Duration::ZERO)) }
    }

    /// When the next request is due.
    pub fn next_due(&mut self) -> Duration {
        let count = self.sent;
        self.sent += 1;
        if let Some((chooser, last)) = &mut self.random {
            let mean = Duration::from_secs(1) / self.per_second.max(1);
            *last += mean.mul_f64(chooser.exponential());
            return *last;
        }
        // From the count and not from the last time, so that rounding does not add up.
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The time of a run, and waiting in it. A thread's sleep is exact to about 60 µs, a timer of the runtime to 1 ms.
pub trait Time {
    /// Since the start of the run.
    fn now(&self) -> Duration;
    /// Waits until a time of the run.
    fn wait_until(&self, due: Duration);
}

/// Sends what is due, until a request is due at `end` or later, or `stop` says so.
///
/// `send` gets the time at which the request should be sent, and must not wait for the answer.
pub fn pace(
    schedule: &mut Schedule,
    time: &impl Time,
    end: Duration,
    stop: impl Fn() -> bool,
    mut send: impl FnMut(Duration),
) {
    loop {
        let due = schedule.next_due();
        if due >= end || stop() {
            return;
        }
        if due > time.now() {
            time.wait_until(due);
        }
        send(due);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A clock that moves only when somebody waits, or stalls.
    #[derive(Default)]
    struct Fake(Cell<Duration>);

    impl Time for Fake {
        fn now(&self) -> Duration {
            self.0.get()
        }

        fn wait_until(&self, due: Duration) {
            self.0.set(due.max(self.0.get()));
        }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_is_kept_exactly_over_an_hour() {
        let mut schedule = Schedule::even(370);
        let due = (0..=370 * 3_600).map(|_| schedule.next_due()).last().unwrap();

        assert_eq!(due, Duration::from_hours(1));
    }

    #[test]
    fn a_stall_does_not_move_the_intended_times() {
        let time = Fake::default();
        let sent = RefCell::new(Vec::new());

        pace(
            &mut Schedule::even(100),
            &time,
            ms(200),
            || false,
            |due| {
                if due == ms(50) {
                    time.0.set(ms(123));
                }
                sent.borrow_mut().push((due, time.now()));
            },
        );

        let sent = sent.into_inner();
        let intended: Vec<Duration> = sent.iter().map(|(due, _)| *due).collect();
        let grid: Vec<Duration> = (0..20).map(|n| ms(n * 10)).collect();
        assert_eq!(intended, grid);
        // What was due during the stall is sent at its end, and its lag says so; then the grid goes on.
        let lags: Vec<Duration> = sent.iter().map(|(due, now)| now.saturating_sub(*due)).collect();
        assert_eq!(lags[4], ms(0));
        assert_eq!((lags[5], lags[6], lags[12], lags[13]), (ms(73), ms(63), ms(3), ms(0)));
    }

    #[test]
    fn pacing_ends_when_it_is_asked_to() {
        let time = Fake::default();
        let count = Cell::new(0);

        pace(
            &mut Schedule::even(100),
            &time,
            ms(10_000),
            || count.get() == 7,
            |_| {
                count.set(count.get() + 1);
            },
        );

        assert_eq!(count.get(), 7);
    }
}
