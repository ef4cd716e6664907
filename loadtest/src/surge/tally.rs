//! What came of the calls of one step, counted as they end.
//!
//! A call belongs to the step and to the second in which it was due, whenever it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::mix::{CALLERS, Class, Flow};

/// Nothing takes longer: every call has a deadline.
const LONGEST_US: u64 = 60_000_000;

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done, or refused by the bank for what it is.
    Answered,
    /// Turned away for overload, with a time to retry.
    Shed,
    /// The deadline passed.
    Expired,
    /// Anything else.
    Failed,
}

/// One call that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Whose.
    pub flow: Flow,
    /// What it came to.
    pub ending: Ending,
    /// When it was due, since the step began.
    pub due: Duration,
    /// From when it was due to when it was sent.
    pub lag: Duration,
    /// From when it was due to its end.
    pub latency: Duration,
}

/// How many calls came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub sent: u64,
    /// Answered within the deadline.
    pub good: u64,
    /// Answered after it.
    pub late: u64,
    /// Turned away for overload.
    pub shed: u64,
    /// Without an answer when the deadline passed.
    pub expired: u64,
    /// Anything else.
    pub failed: u64,
}

/// What happened to the calls that were due in one second.
#[derive(Debug, Clone)]
pub struct Second {
    /// What they came to.
    pub counts: Counts,
    /// Of those admitted, microseconds.
    pub admitted: Histogram<u64>,
}

/// Everything of one step.
#[derive(Debug, Clone)]
pub struct Counted {
    /// By class and caller.
    pub flows: [[Counts; CALLERS.len()]; Class::ALL.len()],
    /// Of those that were not turned away, by class, microseconds.
    pub admitted: [Histogram<u64>; Class::ALL.len()],
    /// Of those that were, microseconds.
    pub rejected: Histogram<u64>,
    /// How late calls were sent, microseconds.
    pub lag: Histogram<u64>,
    /// Second by second.
    pub seconds: Vec<Second>,
}

/// Counts the calls of one step.
#[derive(Debug)]
pub struct Tally {
    deadline: Duration,
    under_way: AtomicU64,
    counted: Mutex<Counted>,
}

impl Tally {
    /// A call is good when it is answered within `deadline` of when it was due.
    pub fn new(deadline: Duration) -> anyhow::Result<Self> {
        let counted = Counted {
            flows: [[Counts::default(); CALLERS.len()]; Class::ALL.len()],
            admitted: [histogram()?, histogram()?, histogram()?],
            rejected: histogram()?,
            lag: histogram()?,
            seconds: Vec::new(),
        };
        Ok(Self { deadline, under_way: AtomicU64::new(0), counted: Mutex::new(counted) })
    }

    /// A call is about to be sent.
    pub fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// It has ended.
    pub fn end(&self, ended: &Ended) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.add(ended, self.deadline);
        drop(counted);
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    /// Calls that have begun and not ended.
    pub fn under_way(&self) -> u64 {
        self.under_way.load(Ordering::Acquire)
    }

    /// What has been counted so far.
    pub fn counted(&self) -> Counted {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counted {
    fn add(&mut self, ended: &Ended, deadline: Duration) {
        let Ended { flow, ending, due, lag, latency } = *ended;
        let latency_us = micros(latency);
        self.lag.saturating_record(micros(lag));
        let class = flow.class as usize;
        let second = usize::try_from(due.as_secs()).unwrap_or(usize::MAX);
        // Seconds are as many as the step has, and none is skipped.
        while self.seconds.len() <= second {
            let Ok(admitted) = histogram() else { return };
            self.seconds.push(Second { counts: Counts::default(), admitted });
        }
        let counts = self.flows.get_mut(class).and_then(|flows| flows.get_mut(flow.caller));
        let (Some(counts), Some(second)) = (counts, self.seconds.get_mut(second)) else { return };
        let within = latency <= deadline;
        counts.add(ending, within);
        second.counts.add(ending, within);
        if ending == Ending::Shed {
            self.rejected.saturating_record(latency_us);
        } else {
            second.admitted.saturating_record(latency_us);
            if let Some(admitted) = self.admitted.get_mut(class) {
                admitted.saturating_record(latency_us);
            }
        }
    }

    /// Of one class, all callers together.
    pub fn of_class(&self, class: Class) -> Counts {
        let flows = self.flows.get(class as usize);
        flows
            .map(|callers| callers.iter().fold(Counts::default(), Counts::plus))
            .unwrap_or_default()
    }

    /// Of one caller, all classes together.
    pub fn of_caller(&self, caller: usize) -> Counts {
        let flows = self.flows.iter().filter_map(|callers| callers.get(caller));
        flows.fold(Counts::default(), Counts::plus)
    }

    /// Of everybody.
    pub fn all(&self) -> Counts {
        self.flows.iter().flatten().fold(Counts::default(), Counts::plus)
    }
}

impl Counts {
    fn add(&mut self, ending: Ending, within: bool) {
        self.sent += 1;
        match ending {
            Ending::Answered if within => self.good += 1,
            Ending::Answered => self.late += 1,
            Ending::Shed => self.shed += 1,
            Ending::Expired => self.expired += 1,
            Ending::Failed => self.failed += 1,
        }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            good: self.good + other.good,
            late: self.late + other.late,
            shed: self.shed + other.shed,
            expired: self.expired + other.expired,
            failed: self.failed + other.failed,
        }
    }
}

/// Two significant digits, up to a minute: small, because there is one for each second.
pub fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST_US, 2)?)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { class: Class::Payment, caller: 1 };

    fn ended(ending: Ending, latency_ms: u64, due_ms: u64) -> Ended {
        let (due, latency) = (Duration::from_millis(due_ms), Duration::from_millis(latency_ms));
        Ended { flow: FLOW, ending, due, lag: Duration::ZERO, latency }
    }

    fn counted(calls: &[Ended]) -> Counted {
        let tally = Tally::new(Duration::from_secs(1)).unwrap();
        for call in calls {
            tally.begin();
            tally.end(call);
        }
        assert_eq!(tally.under_way(), 0);
        tally.counted()
    }

    #[test]
    fn an_answer_after_the_deadline_is_not_good() {
        let counted =
            counted(&[ended(Ending::Answered, 1_000, 0), ended(Ending::Answered, 1_001, 0)]);

        let all = counted.all();
        assert_eq!((all.sent, all.good, all.late), (2, 1, 1));
    }

    #[test]
    fn a_call_counts_in_the_second_in_which_it_was_due() {
        let counted = counted(&[ended(Ending::Answered, 900, 950), ended(Ending::Shed, 1, 2_100)]);

        let sent: Vec<u64> = counted.seconds.iter().map(|second| second.counts.sent).collect();
        assert_eq!(sent, [1, 0, 1]);
        assert_eq!(counted.seconds[2].counts.shed, 1);
    }

    #[test]
    fn who_was_turned_away_is_not_among_the_admitted_but_who_expired_is() {
        let counted = counted(&[
            ended(Ending::Shed, 1, 0),
            ended(Ending::Expired, 1_000, 0),
            ended(Ending::Answered, 20, 0),
        ]);

        assert_eq!(counted.admitted[Class::Payment as usize].len(), 2);
        assert_eq!(counted.rejected.len(), 1);
        assert_eq!(counted.of_caller(1), counted.of_class(Class::Payment));
        assert_eq!(counted.of_caller(0), Counts::default());
    }
}
