//! The limit under loads that are played through in time that nobody waits for.

use std::collections::VecDeque;

use super::super::signal::{LaneQueue, PoolQueue};
use super::*;

const MS: u64 = 1_000;

fn limiter(min: u32, max: u32) -> (Limiter, QueueSignal) {
    let signal = QueueSignal::default();
    let limiter = Limiter::new(&signal, Bounds { min, max });
    limiter.looked_us.store(0, Ordering::Relaxed);
    (limiter, signal)
}

/// A call that was let in, and when.
struct Call {
    began_us: u64,
    _place: Place,
}

/// One lane: batches that take a fixed time and a time for each command.
struct Lane {
    queue: LaneQueue,
    waiting: VecDeque<Call>,
    batch: Vec<Call>,
    took_us: u64,
    ends_us: u64,
}

/// A service with two lanes, as calls meet it.
struct Service {
    limiter: Limiter,
    lanes: [Lane; 2],
    now_us: u64,
    /// What a batch costs, however small.
    fixed_us: u64,
    /// What each command of it costs.
    each_us: u64,
    owed: u64,
    seen: Seen,
}

/// What happened in some time.
#[derive(Default)]
struct Seen {
    offered: u64,
    refused: u64,
    done: u64,
    slowest_ms: u64,
    limit_min: u32,
    limit_max: u32,
}

impl Service {
    fn new(fixed_us: u64, each_us: u64) -> Self {
        let (limiter, signal) = limiter(32, 4_096);
        let lanes = array::from_fn(|_| Lane {
            queue: signal.lane(1_000),
            waiting: VecDeque::new(),
            batch: Vec::new(),
            took_us: 0,
            ends_us: 0,
        });
        Self { limiter, lanes, now_us: 0, fixed_us, each_us, owed: 0, seen: Seen::default() }
    }

    /// So many calls a second for so long.
    fn offer(&mut self, per_second: u64, ms: u64) -> Seen {
        self.seen = Seen { limit_min: u32::MAX, ..Seen::default() };
        for _ in 0..ms {
            self.tick(per_second);
        }
        std::mem::take(&mut self.seen)
    }

    fn tick(&mut self, per_second: u64) {
        self.pass_a_millisecond();
        self.owed += per_second;
        while self.owed >= 1_000 {
            self.owed -= 1_000;
            self.call();
        }
    }

    /// So many callers for so long, each of whom calls again as soon as it is answered.
    fn loop_of(&mut self, callers: u32, ms: u64) -> Seen {
        self.seen = Seen { limit_min: u32::MAX, ..Seen::default() };
        for _ in 0..ms {
            self.pass_a_millisecond();
            for _ in self.limiter.in_flight()..callers {
                self.call();
            }
        }
        std::mem::take(&mut self.seen)
    }

    fn pass_a_millisecond(&mut self) {
        self.now_us += MS;
        for lane in &mut self.lanes {
            lane.advance(self.now_us, self.fixed_us, self.each_us, &mut self.seen);
        }
    }

    fn call(&mut self) {
        self.seen.offered += 1;
        self.limiter.look(Duration::from_micros(self.now_us));
        match self.limiter.enter(Criticality::Payment) {
            Some(place) => {
                let lane = usize::from(self.seen.offered.is_multiple_of(2));
                let call = Call { began_us: self.now_us, _place: place };
                self.lanes[lane].waiting.push_back(call);
            }
            None => self.seen.refused += 1,
        }
        self.seen.limit_min = self.seen.limit_min.min(self.limiter.limit());
        self.seen.limit_max = self.seen.limit_max.max(self.limiter.limit());
    }
}

impl Lane {
    fn advance(&mut self, now_us: u64, fixed_us: u64, each_us: u64, seen: &mut Seen) {
        if now_us < self.ends_us {
            return;
        }
        if !self.batch.is_empty() {
            self.queue.batch_took(self.batch.len(), Duration::from_micros(self.took_us));
        }
        for call in self.batch.drain(..) {
            seen.done += 1;
            seen.slowest_ms = seen.slowest_ms.max((now_us - call.began_us) / MS);
        }
        let Some(oldest) = self.waiting.front() else { return };
        let wait = Duration::from_micros(now_us - oldest.began_us);
        self.queue.batch_waited_at(wait, Duration::from_micros(now_us));
        let size = self.waiting.len().min(1_000);
        self.batch.extend(self.waiting.drain(..size));
        self.took_us = fixed_us + each_us * u64::try_from(size).unwrap();
        self.ends_us = now_us + self.took_us;
    }
}

/// Two lanes of 10 ms and 0.28 ms for each command: 7,000 a second at the very most.
fn usual() -> Service {
    Service::new(10 * MS, 280)
}

#[test]
fn below_capacity_nobody_is_refused() {
    let mut service = usual();

    for load in [1, 370, 3_000, 6_000] {
        let seen = service.offer(load, 10_000);
        assert_eq!(seen.refused, 0, "at {load}");
        assert_eq!(seen.limit_min, 4_096, "at {load}");
    }
}

#[test]
fn a_burst_is_taken_in() {
    let mut service = usual();
    service.offer(370, 5_000);

    let burst = service.offer(100_000, 20);
    let after = service.offer(370, 5_000);

    assert_eq!((burst.refused, after.refused), (0, 0));
}

#[test]
fn callers_who_keep_the_lanes_full_are_let_in_on_a_machine_three_times_as_slow_and_when_it_stalls()
{
    for slower in [1, 3] {
        let mut service = Service::new(10 * MS * slower, 100 * slower);
        assert_eq!(service.loop_of(512, 10_000).refused, 0, "{slower} times as slow");

        service.fixed_us += 300 * MS;
        service.loop_of(512, 300);
        service.fixed_us -= 300 * MS;
        assert_eq!(service.loop_of(512, 5_000).refused, 0, "after a stall, {slower}");
    }
}

#[test]
fn ten_times_too_much_settles_where_calls_wait_about_as_long_as_they_may() {
    let mut service = usual();
    service.offer(3_500, 5_000);

    service.offer(70_000, 5_000);
    let seen = service.offer(70_000, 20_000);

    let per_second = seen.done / 20;
    assert!(per_second > 5_900, "{per_second}");
    // Capacity times latency: the target, and the time of a batch that took as long.
    assert!((1_000..=2_000).contains(&seen.limit_min), "{}", seen.limit_min);
    assert!((1_000..=2_000).contains(&seen.limit_max), "{}", seen.limit_max);
    assert!(seen.slowest_ms < 400, "{}", seen.slowest_ms);
}

#[test]
fn after_an_overload_the_next_seconds_are_as_before_it() {
    let mut service = usual();
    service.offer(70_000, 20_000);

    service.offer(5_000, 1_000);
    let seen = service.offer(5_000, 9_000);

    assert_eq!(seen.refused, 0);
    assert!(seen.done * 100 >= seen.offered * 95, "{} of {}", seen.done, seen.offered);
}

#[test]
fn a_slow_disk_costs_time_and_not_throughput() {
    let mut service = Service::new(20 * MS, 50);
    service.offer(1_000, 10_000);

    service.fixed_us = 200 * MS;
    let seen = service.offer(1_000, 30_000);

    assert_eq!(seen.refused, 0);
    assert!(seen.slowest_ms < 600, "{}", seen.slowest_ms);
}

#[test]
fn a_database_that_does_a_tenth_is_given_a_tenth() {
    let mut service = usual();
    service.offer(5_000, 10_000);

    service.each_us = 2_800;
    service.offer(5_000, 10_000);
    let seen = service.offer(5_000, 20_000);

    let per_second = seen.done / 20;
    assert!(per_second > 600, "{per_second}");
    assert!(seen.slowest_ms < 2_000, "{}", seen.slowest_ms);
    service.each_us = 280;
    service.offer(5_000, 10_000);
    assert_eq!(service.offer(5_000, 5_000).refused, 0);
}

/// Connections that are each held for some time, and calls that wait for one.
struct Pool {
    limiter: Limiter,
    queue: PoolQueue,
    waiting: VecDeque<Call>,
    busy: Vec<(u64, Call)>,
    now_us: u64,
    seen: Seen,
}

impl Pool {
    fn new() -> Self {
        let (limiter, signal) = limiter(32, 4_096);
        let queue = signal.pool(8);
        let (waiting, busy) = (VecDeque::new(), Vec::new());
        Self { limiter, queue, waiting, busy, now_us: 0, seen: Seen::default() }
    }

    /// So many calls each millisecond for so long, each on one of eight connections for `held_ms`.
    fn offer(&mut self, every_ms: u64, held_ms: u64, ms: u64) -> Seen {
        self.seen = Seen::default();
        for _ in 0..ms {
            self.now_us += MS;
            let now = Duration::from_micros(self.now_us);
            let (now_us, seen) = (self.now_us, &mut self.seen);
            self.busy.retain(|(ends, call)| {
                let over = *ends <= now_us;
                if over {
                    seen.done += 1;
                    seen.slowest_ms = seen.slowest_ms.max((now_us - call.began_us) / MS);
                }
                !over
            });
            if (self.now_us / MS).is_multiple_of(every_ms) {
                self.limiter.look(now);
                self.seen.offered += 1;
                match self.limiter.enter(Criticality::Query) {
                    Some(place) => {
                        self.waiting.push_back(Call { began_us: self.now_us, _place: place });
                    }
                    None => self.seen.refused += 1,
                }
            }
            while self.busy.len() < 8
                && let Some(call) = self.waiting.pop_front()
            {
                let wait = Duration::from_micros(self.now_us - call.began_us);
                self.queue.waited_at(wait, now);
                self.busy.push((self.now_us + held_ms * MS, call));
            }
        }
        std::mem::take(&mut self.seen)
    }
}

#[test]
fn a_dependency_that_slows_to_a_tenth_at_constant_load_gets_no_growing_queue_and_recovers() {
    let mut pool = Pool::new();
    // 333 a second; eight connections of 20 ms do 400, of 200 ms they do 40.
    let healthy = pool.offer(3, 20, 10_000);
    assert_eq!(healthy.refused, 0);

    pool.offer(3, 200, 20_000);
    let slow = pool.offer(3, 200, 20_000);
    assert!(slow.done >= 40 * 20 * 95 / 100, "{}", slow.done);
    assert!(slow.slowest_ms < 1_000, "{}", slow.slowest_ms);

    pool.offer(3, 20, 2_000);
    let again = pool.offer(3, 20, 8_000);
    assert_eq!(again.refused, 0);
}

#[test]
fn a_service_that_does_little_is_not_thrown_from_one_end_to_the_other() {
    let mut pool = Pool::new();
    // Eight connections of 20 ms do 400 a second.
    pool.offer(1, 20, 5_000);
    let seen = pool.offer(1, 20, 20_000);

    assert!(seen.done >= 400 * 20 * 95 / 100, "{}", seen.done);
    assert!(seen.slowest_ms < 300, "{}", seen.slowest_ms);
}

#[test]
fn while_nothing_moves_the_limit_stays_and_the_queue_is_bounded_by_it() {
    let (limiter, _signal) = limiter(4, 64);
    let places: Vec<_> = (0..).map_while(|_| limiter.enter(Criticality::Payment)).collect();

    for second in 1..60 {
        limiter.look(Duration::from_secs(second));
    }

    assert_eq!((places.len(), limiter.limit()), (60, 64));
    assert!(limiter.enter(Criticality::Payment).is_none());
}

#[test]
fn less_important_calls_under_way_are_no_reason_to_refuse_a_more_important_one() {
    let (limiter, signal) = limiter(1, 1_000);
    let queue = signal.pool(8);
    let batch: Vec<_> = (0..100).map(|_| limiter.enter(Criticality::Batch).unwrap()).collect();
    for _ in 0..3 {
        queue.waited_at(Duration::from_millis(200), Duration::from_secs(1));
    }
    limiter.look(Duration::from_secs(1));
    assert_eq!(limiter.limit(), 50, "half of what was under way");

    let count = |class| (0..).map_while(|_| limiter.enter(class)).collect::<Vec<_>>();
    let cards = count(Criticality::CardAuthorization);
    assert_eq!(cards.len(), 50);
    drop(cards);
    let payments = count(Criticality::Payment);
    assert_eq!(payments.len(), 47);
    assert!(limiter.enter(Criticality::Query).is_none());
    assert!(limiter.enter(Criticality::Batch).is_none());
    drop((payments, batch));
    assert!(limiter.enter(Criticality::Batch).is_some());
}

#[test]
fn the_most_that_may_be_under_way_holds_for_all_classes_together() {
    let (limiter, _signal) = limiter(1, 10);
    let count = |class| (0..).map_while(|_| limiter.enter(class)).collect::<Vec<_>>();

    let batch = count(Criticality::Batch);
    let cards = count(Criticality::CardAuthorization);

    assert_eq!((batch.len(), cards.len()), (5, 5));
    let _finishing = limiter.enter_unasked(Criticality::Batch);
    assert_eq!(limiter.in_flight(), 11);
}

#[test]
fn who_waits_elsewhere_is_no_reason_to_refuse_but_shares_the_most_that_may_be_under_way() {
    let (writes, _signal) = limiter(1, 100);
    let signal = QueueSignal::default();
    let (reads, queue) = (writes.beside(&signal), signal.pool(8));
    let readers: Vec<_> = (0..40).map(|_| reads.enter(Criticality::Query).unwrap()).collect();
    for _ in 0..3 {
        queue.waited_at(Duration::from_millis(400), Duration::from_secs(1));
    }
    for limiter in [&reads, &writes] {
        limiter.look(Duration::from_secs(1));
    }

    assert_eq!((reads.limit(), writes.limit()), (10, 100));
    let payments: Vec<_> = (0..).map_while(|_| writes.enter(Criticality::Payment)).collect();
    assert_eq!((payments.len(), readers.len()), (60, 40));
}

#[test]
fn other_bounds_hold_at_once() {
    let (limiter, _signal) = limiter(32, 4_096);

    limiter.set_bounds(Bounds { min: 1, max: 10 });
    assert_eq!(limiter.limit(), 10);
    limiter.set_bounds(Bounds { min: 1, max: 500 });
    assert_eq!(limiter.limit(), 500);
}
