//! How long work waits for its turn at the books: what the limit of calls under way is driven by.
//!
//! Lanes report how long the oldest command of a batch had waited when the batch began, the read pools how long a reader
//! waited for a connection. Each report is the wait as part of what is normal there, so that one number says of any
//! place whether it is overloaded. Of a while the least report counts: a burst is waited out, a standing queue is not.
//!
//! Reports are atomics, and one lock for whoever adds a place at start: the paths that report run thousands of times a
//! second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A wait that is exactly as long as allowed, in thousandths of that.
pub(super) const AS_ALLOWED: u64 = 1_000;
/// The least number of reports that say anything: one stall of the disk is in two reports of a lane.
const REPORTS_MIN: u32 = 3;
/// A wait so long says something by itself: it is no burst, and to hear it again would take as long, microseconds.
const LONG_US: u64 = 500_000;
/// A batch of this size costs each command little more than a larger one would, so a longer queue in front of it buys
/// nothing.
const BATCH_ENOUGH: u64 = 128;

/// Where work waits in one process: what writes in lanes, what reads for a connection. Each has a signal of its own, as
/// a queue in one place is no reason to refuse what waits in the other. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Queues {
    pub(super) reads: QueueSignal,
    pub(super) writes: QueueSignal,
}

impl Queues {
    /// A pool whose users wait for one of so many connections.
    pub(crate) fn pool(&self, connections: u32) -> PoolQueue {
        self.reads.pool(connections)
    }

    /// A lane with batches of at most `batch_max` commands.
    pub(crate) fn lane(&self, batch_max: usize) -> LaneQueue {
        self.writes.lane(batch_max)
    }
}

/// The queueing time of some lanes, or of some pools. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct QueueSignal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    target_us: AtomicU64,
    /// What had begun to wait before this says nothing any more: the limit has been lowered since.
    news_from_us: AtomicU64,
    places: Mutex<Vec<Arc<Place>>>,
    /// Of all pools.
    connections: AtomicU32,
}

/// The reports of one place since they were last looked at.
#[derive(Debug)]
struct Place {
    least: AtomicU64,
    least_wait_us: AtomicU64,
    reports: AtomicU32,
}

/// What the worst place said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct News {
    /// The least wait of a while, in thousandths of what is allowed there.
    pub of_allowed: u64,
    /// That wait, microseconds.
    pub wait_us: u64,
}

impl Default for QueueSignal {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            target_us: AtomicU64::new(100_000),
            news_from_us: AtomicU64::new(0),
            places: Mutex::default(),
            connections: AtomicU32::new(0),
        }))
    }
}

impl QueueSignal {
    pub(super) fn pool(&self, connections: u32) -> PoolQueue {
        self.0.connections.fetch_add(connections, Ordering::Relaxed);
        PoolQueue { signal: self.clone(), place: self.place() }
    }

    pub(super) fn lane(&self, batch_max: usize) -> LaneQueue {
        let full = u64::try_from(batch_max).unwrap_or(u64::MAX);
        LaneQueue {
            signal: self.clone(),
            place: self.place(),
            enough: BATCH_ENOUGH.min(full),
            front: Batch::default(),
            before: None,
        }
    }

    fn place(&self) -> Arc<Place> {
        let place = Arc::new(Place::new());
        self.places().push(Arc::clone(&place));
        place
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Place>>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how long a wait is allowed to be where nothing else is normal.
    pub(super) fn set_target(&self, target: Duration) {
        self.0.target_us.store(micros(target), Ordering::Relaxed);
    }

    /// Time since the signal was made: what all its instants are counted in.
    pub(super) fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Disregards everything that has begun to wait before `now`.
    pub(super) fn start_anew(&self, now: Duration) {
        self.0.news_from_us.store(micros(now), Ordering::Relaxed);
        for place in self.places().iter() {
            place.reset();
        }
    }

    /// How many calls keep every connection of the pools busy: as many again wait. `None` where there are no pools.
    pub(super) fn busy(&self) -> Option<u32> {
        let connections = self.0.connections.load(Ordering::Relaxed);
        (connections > 0).then(|| connections.saturating_mul(2))
    }

    /// What the worst place says, if any has something to say.
    pub(super) fn news(&self) -> Option<News> {
        self.places().iter().filter_map(|place| place.news()).max()
    }

    fn target_us(&self) -> u64 {
        self.0.target_us.load(Ordering::Relaxed)
    }

    fn is_news(&self, wait: Duration, now: Duration) -> bool {
        micros(now.saturating_sub(wait)) >= self.0.news_from_us.load(Ordering::Relaxed)
    }
}

impl Place {
    fn new() -> Self {
        Self {
            least: AtomicU64::new(u64::MAX),
            least_wait_us: AtomicU64::new(u64::MAX),
            reports: AtomicU32::new(0),
        }
    }

    fn report(&self, wait_us: u64, allowed_us: u64) {
        let of_allowed = wait_us.saturating_mul(AS_ALLOWED) / allowed_us.max(1);
        self.least.fetch_min(of_allowed, Ordering::Relaxed);
        self.least_wait_us.fetch_min(wait_us, Ordering::Relaxed);
        self.reports.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes what was reported, if that was enough to say something.
    fn news(&self) -> Option<News> {
        let reports = self.reports.load(Ordering::Relaxed);
        let news = News {
            of_allowed: self.least.load(Ordering::Relaxed),
            wait_us: self.least_wait_us.load(Ordering::Relaxed),
        };
        if reports < REPORTS_MIN && (reports == 0 || news.wait_us < LONG_US) {
            return None;
        }
        self.reset();
        Some(news)
    }

    fn reset(&self) {
        self.least.store(u64::MAX, Ordering::Relaxed);
        self.least_wait_us.store(u64::MAX, Ordering::Relaxed);
        self.reports.store(0, Ordering::Relaxed);
    }
}

/// A pool's end of the signal.
#[derive(Debug)]
pub(crate) struct PoolQueue {
    signal: QueueSignal,
    place: Arc<Place>,
}

impl PoolQueue {
    /// Somebody waited so long for a connection.
    pub fn waited(&self, wait: Duration) {
        self.waited_at(wait, self.signal.now());
    }

    pub(super) fn waited_at(&self, wait: Duration, now: Duration) {
        if self.signal.is_news(wait, now) {
            self.place.report(micros(wait), self.signal.target_us());
        }
    }
}

/// A lane's end of the signal.
///
/// In a lane, waiting for the batch in front is normal, and sizes may alternate, a small batch in front of a large one
/// and so on: so two batches together are one report. How long that may be depends on the batches. While they are small,
/// what takes long is not their number of commands, and letting in fewer would cost throughput and gain nothing: then
/// one and a half times the batch in front is allowed. Once they are large enough the target holds.
#[derive(Debug)]
pub(crate) struct LaneQueue {
    signal: QueueSignal,
    place: Arc<Place>,
    enough: u64,
    /// The batch that ran last.
    front: Batch,
    /// How long the one before waited, and for which batch.
    before: Option<(u64, Batch)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Batch {
    size: u64,
    took_us: u64,
}

impl LaneQueue {
    /// A batch begins; its oldest command waited so long.
    pub fn batch_waited(&mut self, wait: Duration) {
        self.batch_waited_at(wait, self.signal.now());
    }

    pub(super) fn batch_waited_at(&mut self, wait: Duration, now: Duration) {
        if !self.signal.is_news(wait, now) {
            self.before = None;
            return;
        }
        let (wait_us, front) = (micros(wait), self.front);
        let Some((before_us, before)) = self.before.replace((wait_us, front)) else { return };
        let small = u64::midpoint(front.size, before.size) < self.enough;
        let front_us = u64::midpoint(front.took_us, before.took_us);
        let normal_us = if small { front_us.saturating_mul(3) / 2 } else { 0 };
        let allowed_us = self.signal.target_us().max(normal_us);
        self.place.report(u64::midpoint(wait_us, before_us), allowed_us);
    }

    /// The batch of so many commands is over.
    pub fn batch_took(&mut self, size: usize, took: Duration) {
        self.front = Batch { size: u64::try_from(size).unwrap_or(u64::MAX), took_us: micros(took) };
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of_allowed(signal: &QueueSignal) -> Option<u64> {
        signal.news().map(|news| news.of_allowed)
    }

    #[test]
    fn a_burst_that_is_over_is_no_queue() {
        let signal = QueueSignal::default();
        let pool = signal.pool(8);

        for wait in [400, 300, 200, 100, 1] {
            pool.waited_at(ms(wait), ms(1_000));
        }

        assert_eq!(of_allowed(&signal), Some(10));
        assert_eq!(of_allowed(&signal), None, "news are told once");
    }

    #[test]
    fn a_queue_that_stands_is_told_by_its_least_wait_and_the_worst_place_counts() {
        let signal = QueueSignal::default();
        let (slow, quick) = (signal.pool(8), signal.pool(8));
        for wait in [300, 250, 400] {
            slow.waited_at(ms(wait), ms(1_000));
            quick.waited_at(ms(0), ms(1_000));
        }

        assert_eq!(signal.news(), Some(News { of_allowed: 2_500, wait_us: 250_000 }));
    }

    #[test]
    fn two_reports_say_nothing_unless_they_took_long() {
        let signal = QueueSignal::default();
        let pool = signal.pool(8);

        pool.waited_at(ms(400), ms(1_000));
        pool.waited_at(ms(400), ms(1_000));

        assert_eq!(of_allowed(&signal), None);
        signal.start_anew(ms(600));
        pool.waited_at(ms(600), ms(1_200));
        assert_eq!(of_allowed(&signal), Some(6_000));
    }

    #[test]
    fn who_began_to_wait_before_the_limit_was_lowered_is_no_news() {
        let signal = QueueSignal::default();
        let pool = signal.pool(8);
        signal.start_anew(ms(1_000));

        for now in [1_400, 1_450, 1_499] {
            pool.waited_at(ms(500), ms(now));
        }
        assert_eq!(of_allowed(&signal), None);
        for now in [1_500, 1_550, 1_600] {
            pool.waited_at(ms(500), ms(now));
        }
        assert_eq!(of_allowed(&signal), Some(5_000));
    }

    /// What a lane reports whose batches have this size and duration, each waiting for the one in front.
    fn lane(size: usize, took: u64) -> Option<u64> {
        let signal = QueueSignal::default();
        let mut lane = signal.lane(1_000);
        for _ in 0..4 {
            lane.batch_took(size, ms(took));
            lane.batch_waited_at(ms(took), ms(10_000));
        }
        of_allowed(&signal)
    }

    #[test]
    fn in_a_lane_the_batch_in_front_is_no_queue_until_batches_are_large() {
        assert_eq!(lane(200, 30), Some(300), "healthy and busy");
        assert_eq!(lane(100, 200), Some(666), "a slow database, small batches");
        assert_eq!(lane(500, 200), Some(2_000), "a slow database, and more than it can do");
    }

    #[test]
    fn a_small_batch_in_front_of_a_large_one_does_not_hide_the_queue() {
        let signal = QueueSignal::default();
        let mut lane = signal.lane(1_000);
        for _ in 0..3 {
            for (size, took) in [(100, 40), (900, 260)] {
                lane.batch_took(size, ms(took));
                lane.batch_waited_at(ms(took), ms(10_000));
            }
        }

        assert_eq!(of_allowed(&signal), Some(1_500));
    }
}
