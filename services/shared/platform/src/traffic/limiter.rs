//! How many calls may be under way: as many as keep queueing time at its target.
//!
//! Additive increase while nobody waits too long, multiplicative decrease when somebody does: by as much as the wait is
//! too long, at most to a quarter, and not again until calls that came after the decrease have had their say. A decrease
//! starts from what was really under way, so that a limit far above that takes hold at once.
//!
//! Of the limit a class may use a part, and counts against it only calls of its own and of more important classes: what
//! less important callers have under way is never the reason to refuse. Nobody waits for a place: there is one or there
//! is none. Absent on purpose: a clock; whoever asks says what time it is.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::signal::{AS_ALLOWED, News, QueueSignal};
use crate::policy::Criticality;

/// How often the limit is looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// What a decrease leaves, in thousandths.
const LEFT_MIN: u64 = 250;
const LEFT_MAX: u64 = 950;
/// How many increases lead from nothing to the most that is allowed: with one each interval, 6.4 s.
const STEPS: u32 = 64;

/// The bounds of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub min: u32,
    pub max: u32,
}

/// The limit, and the calls that are under way.
#[derive(Debug)]
pub(super) struct Limiter {
    signal: QueueSignal,
    min: AtomicU32,
    max: AtomicU32,
    limit: AtomicU32,
    in_flight: Arc<InFlight>,
    /// The most calls that were under way since the limit was last looked at.
    peak: AtomicU32,
    /// When the limit was last looked at, microseconds.
    looked_us: AtomicU64,
}

/// What was seen when the limit was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// What the place said where work waits longest, if any said something.
    pub news: Option<News>,
}

/// Calls under way by class.
#[derive(Debug)]
struct InFlight([AtomicU32; CLASSES]);

const CLASSES: usize = Criticality::ALL.len();

/// A place among the calls under way; given back when dropped.
#[derive(Debug)]
pub struct Place {
    in_flight: Arc<InFlight>,
    class: Criticality,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(calls) = self.in_flight.0.get(index(self.class)) {
            calls.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl InFlight {
    fn of(&self, class: Criticality) -> u32 {
        self.0.get(index(class)).map_or(0, |calls| calls.load(Ordering::Acquire))
    }

    /// Of this and of more important classes.
    fn down_to(&self, class: Criticality) -> u32 {
        self.0.iter().take(index(class) + 1).map(|calls| calls.load(Ordering::Acquire)).sum()
    }
}

/// A class's position in order of importance.
fn index(class: Criticality) -> usize {
    Criticality::ALL.iter().position(|known| *known == class).unwrap_or(0)
}

/// What a class may use of the limit, percent.
const fn percent_of(class: Criticality) -> u64 {
    match class {
        Criticality::CardAuthorization => 100,
        Criticality::Payment => 95,
        Criticality::Query => 80,
        Criticality::Report => 60,
        Criticality::Batch => 50,
    }
}

impl Limiter {
    pub fn new(signal: &QueueSignal, bounds: Bounds) -> Self {
        Self {
            signal: signal.clone(),
            min: AtomicU32::new(bounds.min),
            max: AtomicU32::new(bounds.max),
            limit: AtomicU32::new(bounds.max),
            in_flight: Arc::new(InFlight(array::from_fn(|_| AtomicU32::new(0)))),
            peak: AtomicU32::new(0),
            looked_us: AtomicU64::new(micros(signal.now())),
        }
    }

    /// Other bounds; the limit stays where it is, within them.
    pub fn set_bounds(&self, bounds: Bounds) {
        let was_open = self.limit() == self.max.load(Ordering::Relaxed);
        self.min.store(bounds.min, Ordering::Relaxed);
        self.max.store(bounds.max, Ordering::Relaxed);
        let limit = if was_open { bounds.max } else { self.limit().clamp(bounds.min, bounds.max) };
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// How many calls may be under way now.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// How many are.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.down_to(Criticality::Batch)
    }

    /// How many of a class are.
    pub fn in_flight_of(&self, class: Criticality) -> u32 {
        self.in_flight.of(class)
    }

    /// A place for a call of this class, if there is one.
    pub fn enter(&self, class: Criticality) -> Option<Place> {
        let place = self.enter_unasked(class);
        let part = u64::from(self.limit()) * percent_of(class) / 100;
        let all = self.in_flight();
        let fits = u64::from(self.in_flight.down_to(class)) <= part.max(1)
            && all <= self.max.load(Ordering::Relaxed);
        if fits {
            self.peak.fetch_max(all, Ordering::Relaxed);
        }
        fits.then_some(place)
    }

    /// A place for a call that is never refused.
    pub fn enter_unasked(&self, class: Criticality) -> Place {
        if let Some(calls) = self.in_flight.0.get(index(class)) {
            calls.fetch_add(1, Ordering::AcqRel);
        }
        Place { in_flight: Arc::clone(&self.in_flight), class }
    }

    /// Looks at the limit if it is time.
    pub fn look(&self, now: Duration) -> Option<Look> {
        let (last, now_us) = (self.looked_us.load(Ordering::Relaxed), micros(now));
        let passed = now_us.saturating_sub(last);
        if passed < micros(INTERVAL) {
            return None;
        }
        let mine =
            self.looked_us.compare_exchange(last, now_us, Ordering::Relaxed, Ordering::Relaxed);
        mine.ok()?;
        let peak = self.peak.swap(self.in_flight(), Ordering::Relaxed);
        let news = self.signal.news();
        match news {
            Some(news) if news.of_allowed > AS_ALLOWED => self.decrease(news, peak, now),
            Some(_) => self.increase(passed),
            // Nobody had to wait, or what all wait for does not move. Few calls under way tell the two apart.
            None if peak <= self.limit() / 2 => self.increase(passed),
            None => {}
        }
        Some(Look { news })
    }

    fn decrease(&self, news: News, peak: u32, now: Duration) {
        let left = (AS_ALLOWED * AS_ALLOWED / news.of_allowed).clamp(LEFT_MIN, LEFT_MAX);
        let from = u64::from(self.limit().min(peak));
        let lower = u32::try_from(from * left / 1_000).unwrap_or(u32::MAX);
        let min = self.min.load(Ordering::Relaxed);
        self.limit.store(lower.max(min).min(self.limit()), Ordering::Relaxed);
        self.signal.start_anew(now);
    }

    /// One step for each interval that has passed: an idle service is not asked often.
    fn increase(&self, passed_us: u64) {
        let max = self.max.load(Ordering::Relaxed);
        let steps = u32::try_from(passed_us / micros(INTERVAL)).unwrap_or(STEPS).min(STEPS);
        let more = (max / STEPS).max(1).saturating_mul(steps);
        self.limit.store(self.limit().saturating_add(more).min(max), Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
