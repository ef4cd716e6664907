//! How many calls may be under way: as many as keep queueing time at its target.
//!
//! It rises while nobody waits too long, and falls when somebody does: by as much as the wait is too long, at most to a
//! quarter, and not again until calls that came after the decrease have had their say. A decrease starts from what was
//! really under way, so that a limit far above that takes hold at once. Both are in proportion to the limit itself: a
//! step that suits ten thousand calls a second would throw a service that does a few hundred from one end to the other.
//!
//! Of the limit a class may use a part, and counts against it only calls of its own and of more important classes: what
//! less important callers have under way is never the reason to refuse. The same holds for the most that may be under
//! way at all, which limiters of different queues share. Nobody waits for a place: there is one or there is none. Absent
//! on purpose: a clock; whoever asks says what time it is.

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
/// An increase is this part of the limit: with one each interval it doubles in 1.2 s. What it does is seen only after
/// calls have waited, so it must not be much in a queueing time or two.
const STEP: u32 = 16;
/// The most increases at once; by then the limit has grown thousandfold.
const STEPS_MAX: u64 = 128;

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
    /// With those of the limiters beside this one.
    all: Arc<InFlight>,
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
    all: Arc<InFlight>,
    class: Criticality,
}

impl Drop for Place {
    fn drop(&mut self) {
        for counted in [&self.in_flight, &self.all] {
            if let Some(calls) = counted.0.get(index(self.class)) {
                calls.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU32::new(0)))
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
            in_flight: Arc::default(),
            all: Arc::default(),
            peak: AtomicU32::new(0),
            looked_us: AtomicU64::new(micros(signal.now())),
        }
    }

    /// Another one for calls that wait elsewhere: it has a limit of its own, and shares the most that is allowed.
    pub fn beside(&self, signal: &QueueSignal) -> Self {
        let (min, max) = (self.min.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed));
        Self { all: Arc::clone(&self.all), ..Self::new(signal, Bounds { min, max }) }
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

    /// How many are, with those of the limiters beside this one.
    pub fn all_in_flight(&self) -> u32 {
        self.all.down_to(Criticality::Batch)
    }

    fn in_flight(&self) -> u32 {
        self.in_flight.down_to(Criticality::Batch)
    }

    /// How many of a class are.
    pub fn in_flight_of(&self, class: Criticality) -> u32 {
        self.in_flight.of(class)
    }

    /// A place for a call of this class, if there is one.
    pub fn enter(&self, class: Criticality) -> Option<Place> {
        let place = self.enter_unasked(class);
        let max = self.max.load(Ordering::Relaxed);
        let has_part = |in_flight: &InFlight, of: u32| {
            let part = u64::from(of) * percent_of(class) / 100;
            u64::from(in_flight.down_to(class)) <= part.max(1)
        };
        let fits = has_part(&self.in_flight, self.limit())
            && has_part(&self.all, max)
            && self.all_in_flight() <= max;
        if fits {
            self.peak.fetch_max(self.in_flight(), Ordering::Relaxed);
        }
        fits.then_some(place)
    }

    /// A place for a call that is never refused.
    pub fn enter_unasked(&self, class: Criticality) -> Place {
        for counted in [&self.in_flight, &self.all] {
            if let Some(calls) = counted.0.get(index(class)) {
                calls.fetch_add(1, Ordering::AcqRel);
            }
        }
        Place { in_flight: Arc::clone(&self.in_flight), all: Arc::clone(&self.all), class }
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
        // Fewer than the minimum are enough where they keep all connections busy: more would only wait.
        let enough = self.signal.busy().unwrap_or(u32::MAX);
        let min = self.min.load(Ordering::Relaxed).min(enough);
        self.limit.store(lower.max(min).min(self.limit()), Ordering::Relaxed);
        self.signal.start_anew(now);
    }

    /// One step for each interval that has passed: an idle service is not asked often.
    fn increase(&self, passed_us: u64) {
        let max = self.max.load(Ordering::Relaxed);
        let steps = (passed_us / micros(INTERVAL)).min(STEPS_MAX);
        let higher = (0..steps)
            .fold(self.limit(), |limit, _| limit.saturating_add((limit / STEP).max(1)).min(max));
        self.limit.store(higher, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
