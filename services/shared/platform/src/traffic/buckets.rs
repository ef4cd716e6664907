//! Token buckets: of each caller, of each class, of the service. They are governor's, with their burst set on purpose.
//!
//! A bucket whose size is changed is made anew, and whoever is known to have used it begins with it empty: else a change
//! would be a gift of one full burst to whoever has just been refused. Buckets whose size stays keep what is in them.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::limits::{Limits, Rate};
use crate::policy::Criticality;

/// After how many calls callers at rest are forgotten. Who calls is known to the bank, so there are few; this bounds it
/// for whoever is not.
const FORGET_EVERY: usize = 10_000;

type Middleware<C> = NoOpMiddleware<<C as Clock>::Instant>;
type One<C> = RateLimiter<NotKeyed, InMemoryState, C, Middleware<C>>;
type Each<C> = RateLimiter<Arc<str>, Callers, C, Middleware<C>>;

/// The buckets of one service.
pub(super) struct Buckets<C: Clock> {
    clock: C,
    set: ArcSwap<Set<C>>,
    asked: AtomicUsize,
}

/// The buckets as of one change.
struct Set<C: Clock> {
    callers: Arc<OfCallers<C>>,
    named: HashMap<Arc<str>, Arc<Bucket<C>>>,
    classes: [Arc<Bucket<C>>; Criticality::ALL.len()],
    service: Arc<Bucket<C>>,
}

struct Bucket<C: Clock> {
    rate: Rate,
    limiter: One<C>,
}

/// The buckets of callers that have one of the usual size.
struct OfCallers<C: Clock> {
    rate: Rate,
    known: Callers,
    limiter: Each<C>,
}

/// What is kept per caller; shared, so that it can be read beside its limiter.
#[derive(Clone, Default)]
struct Callers(Arc<DashMapStateStore<Arc<str>>>);

impl StateStore for Callers {
    type Key = Arc<str>;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, f)
    }
}

impl ShrinkableKeyedStateStore<Arc<str>> for Callers {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A bucket that is empty: whose, and when there is something in it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Empty {
    pub limit: &'static str,
    pub wait: Duration,
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

fn quota(rate: Rate) -> Quota {
    Quota::per_second(at_least_one(rate.rate)).allow_burst(at_least_one(rate.burst))
}

impl Rate {
    /// The part of one of so many instances.
    fn of_one(self, instances: u32) -> Self {
        let part = |whole: u32| (whole / instances.max(1)).max(1);
        Self { rate: part(self.rate), burst: part(self.burst) }
    }
}

impl<C: Clock + Clone> Bucket<C> {
    fn new(rate: Rate, clock: &C) -> Self {
        Self { rate, limiter: RateLimiter::direct_with_clock(quota(rate), clock.clone()) }
    }

    /// This bucket if it has that size, else an empty one that has.
    fn changed(self: &Arc<Self>, rate: Rate, clock: &C) -> Arc<Self> {
        if self.rate == rate {
            return Arc::clone(self);
        }
        let bucket = Self::new(rate, clock);
        // A burst always fits into its own bucket while that is full.
        drop(bucket.limiter.check_n(at_least_one(rate.burst)));
        Arc::new(bucket)
    }

    fn take(&self, clock: &C, limit: &'static str) -> Result<(), Empty> {
        let empty = |wait| Empty { limit, wait };
        self.limiter.check().map_err(|early| empty(early.wait_time_from(clock.now())))
    }
}

impl<C: Clock + Clone> OfCallers<C> {
    fn new(rate: Rate, clock: &C) -> Self {
        let known = Callers::default();
        Self { rate, limiter: RateLimiter::new(quota(rate), known.clone(), clock.clone()), known }
    }

    fn changed(self: &Arc<Self>, rate: Rate, clock: &C) -> Arc<Self> {
        if self.rate == rate {
            return Arc::clone(self);
        }
        let callers = Self::new(rate, clock);
        for caller in self.known.0.iter() {
            drop(callers.limiter.check_key_n(caller.key(), at_least_one(rate.burst)));
        }
        Arc::new(callers)
    }
}

impl<C: Clock + Clone> Buckets<C> {
    /// Full buckets, each with the part of one of so many instances.
    pub fn new(limits: &Limits, instances: u32, clock: C) -> Self {
        let bucket = |rate: Rate| Arc::new(Bucket::new(rate.of_one(instances), &clock));
        let named = limits.callers.iter().map(|(name, rate)| (name.as_str().into(), bucket(*rate)));
        let set = Set {
            callers: Arc::new(OfCallers::new(limits.caller.of_one(instances), &clock)),
            named: named.collect(),
            classes: Criticality::ALL.map(|class| bucket(limits.classes.of(class))),
            service: bucket(limits.service),
        };
        Self { clock, set: ArcSwap::from_pointee(set), asked: AtomicUsize::new(0) }
    }

    /// Gives the buckets these sizes.
    pub fn change(&self, limits: &Limits, instances: u32) {
        let (old, clock) = (self.set.load_full(), &self.clock);
        let named = limits.callers.iter().map(|(name, rate)| {
            let (name, rate) = (Arc::<str>::from(name.as_str()), rate.of_one(instances));
            let bucket = match old.named.get(&name) {
                Some(bucket) => bucket.changed(rate, clock),
                None => Arc::new(Bucket::new(rate, clock)),
            };
            (name, bucket)
        });
        let mut classes = Criticality::ALL.iter();
        let set = Set {
            callers: old.callers.changed(limits.caller.of_one(instances), clock),
            named: named.collect(),
            classes: old.classes.each_ref().map(|bucket| {
                let rate = classes.next().map_or(bucket.rate, |class| limits.classes.of(*class));
                bucket.changed(rate.of_one(instances), clock)
            }),
            service: old.service.changed(limits.service.of_one(instances), clock),
        };
        self.set.store(Arc::new(set));
    }

    /// Takes a token of the caller's own.
    pub fn take_of_caller(&self, caller: &Arc<str>) -> Result<(), Empty> {
        let set = self.set.load();
        if let Some(bucket) = set.named.get(caller) {
            return bucket.take(&self.clock, "caller");
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked.is_multiple_of(FORGET_EVERY) {
            set.callers.limiter.retain_recent();
        }
        let empty = |wait| Empty { limit: "caller", wait };
        let now = self.clock.now();
        set.callers.limiter.check_key(caller).map_err(|early| empty(early.wait_time_from(now)))
    }

    /// Takes a token of those that callers share: of the class, then of the service.
    pub fn take_shared(&self, class: Criticality) -> Result<(), Empty> {
        let set = self.set.load();
        let position = Criticality::ALL.iter().position(|known| *known == class);
        if let Some(bucket) = position.and_then(|at| set.classes.get(at)) {
            bucket.take(&self.clock, "class")?;
        }
        set.service.take(&self.clock, "service")
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::config::TrafficConfig;

    const PAYMENT: Criticality = Criticality::Payment;

    fn limits(caller: (u32, u32)) -> Limits {
        let (caller_rate, caller_burst) = caller;
        Limits::of(&TrafficConfig { caller_rate, caller_burst, ..TrafficConfig::default() })
    }

    fn buckets(limits: &Limits) -> (Buckets<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Buckets::new(limits, 1, clock.clone()), clock)
    }

    fn taken(buckets: &Buckets<FakeRelativeClock>, caller: &str) -> usize {
        let caller = Arc::from(caller);
        (0..1_000).take_while(|_| buckets.take_of_caller(&caller).is_ok()).count()
    }

    #[test]
    fn a_caller_may_burst_as_far_as_is_set_and_then_at_its_rate() {
        let (buckets, clock) = buckets(&limits((10, 3)));

        assert_eq!(taken(&buckets, "channel/a"), 3);
        let empty = buckets.take_of_caller(&"channel/a".into()).unwrap_err();
        assert_eq!(empty.limit, "caller");
        assert_eq!(empty.wait, Duration::from_millis(100));
        clock.advance(Duration::from_millis(100));
        assert_eq!(taken(&buckets, "channel/a"), 1);
        assert_eq!(taken(&buckets, "channel/b"), 3);
    }

    #[test]
    fn a_named_caller_has_a_bucket_of_its_own_size() {
        let mut limits = limits((10, 3));
        limits.callers.insert("channel/a".into(), Rate { rate: 10, burst: 7 });
        let (buckets, _) = buckets(&limits);

        assert_eq!((taken(&buckets, "channel/a"), taken(&buckets, "channel/b")), (7, 3));
    }

    #[test]
    fn each_instance_has_its_part() {
        let clock = FakeRelativeClock::default();
        let buckets = Buckets::new(&limits((100, 90)), 3, clock.clone());

        assert_eq!(taken(&buckets, "channel/a"), 30);
        clock.advance(Duration::from_secs(1));
        assert_eq!(taken(&buckets, "channel/a"), 30, "33 a second, of which 30 fit");
    }

    #[test]
    fn a_changed_bucket_begins_empty_for_those_who_used_it_and_fills_at_its_new_rate() {
        let mut limits = limits((10, 3));
        limits.callers.insert("channel/named".into(), Rate { rate: 10, burst: 3 });
        let (buckets, clock) = buckets(&limits);
        assert_eq!((taken(&buckets, "channel/a"), taken(&buckets, "channel/named")), (3, 3));

        limits.caller = Rate { rate: 100, burst: 50 };
        limits.callers.insert("channel/named".into(), Rate { rate: 100, burst: 50 });
        buckets.change(&limits, 1);

        assert_eq!((taken(&buckets, "channel/a"), taken(&buckets, "channel/named")), (0, 0));
        assert_eq!(taken(&buckets, "channel/new"), 50);
        clock.advance(Duration::from_millis(100));
        assert_eq!((taken(&buckets, "channel/a"), taken(&buckets, "channel/named")), (10, 10));
    }

    #[test]
    fn a_bucket_that_keeps_its_size_keeps_what_is_in_it() {
        let mut limits = limits((10, 30));
        let (buckets, _) = buckets(&limits);
        buckets.take_of_caller(&"channel/a".into()).unwrap();

        limits.service.rate = 5;
        buckets.change(&limits, 1);

        assert_eq!(taken(&buckets, "channel/a"), 29);
    }

    #[test]
    fn the_class_and_the_service_have_buckets_of_their_own() {
        let config = TrafficConfig {
            class_burst: 2,
            class_rate: 1,
            service_burst: 3,
            service_rate: 1,
            ..TrafficConfig::default()
        };
        let (buckets, _) = buckets(&Limits::of(&config));
        let empty = |class| buckets.take_shared(class).map_err(|empty| empty.limit);

        assert_eq!(
            [empty(PAYMENT), empty(PAYMENT), empty(PAYMENT)],
            [Ok(()), Ok(()), Err("class")]
        );
        assert_eq!(empty(Criticality::Query), Ok(()));
        assert_eq!(empty(Criticality::Query), Err("service"));
    }

    #[test]
    fn callers_at_rest_are_forgotten() {
        let (buckets, clock) = buckets(&limits((10, 3)));
        for caller in 1..FORGET_EVERY {
            buckets.take_of_caller(&format!("channel/{caller}").into()).unwrap();
        }
        assert_eq!(buckets.set.load().callers.known.len(), FORGET_EVERY - 1);

        clock.advance(Duration::from_secs(10));
        for _ in 0..2 {
            buckets.take_of_caller(&"channel/last".into()).unwrap();
        }

        assert_eq!(buckets.set.load().callers.known.len(), 1);
    }
}
