//! How much a service lets in: token buckets per caller, per class and for the service, and a limit of calls under way.
//!
//! The caller's own bucket is asked first, so that a caller who is refused spends nothing that others share. Buckets are
//! governor's, with their burst set on purpose. A class may use only its part of the calls under way, so that lower
//! classes are refused before higher ones. Money in flight is never refused.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::config::TrafficConfig;
use crate::policy::{Criticality, MethodPolicy};

type One<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Keyed<C> =
    RateLimiter<String, DashMapStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// How many callers are remembered before those at rest are forgotten.
const CALLERS_MAX: usize = 10_000;

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// `RATE_LIMITED` or `OVERLOADED`.
    pub reason: &'static str,
    /// Which limit: `caller`, `class`, `service` or `in_flight`.
    pub limit: &'static str,
    /// When to come back.
    pub wait: Duration,
}

/// The limits of one service.
pub struct Traffic<C: Clock = DefaultClock> {
    clock: C,
    callers: Keyed<C>,
    classes: Vec<One<C>>,
    service: One<C>,
    in_flight: Arc<AtomicU32>,
    in_flight_max: u32,
    asked: AtomicUsize,
}

/// A place among the calls under way; given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn quota(rate: u32, burst: u32) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
}

impl Traffic {
    /// Limits by the machine's clock.
    pub fn new(config: &TrafficConfig) -> Self {
        Self::with_clock(config, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Traffic<C> {
    fn with_clock(config: &TrafficConfig, clock: C) -> Self {
        let class = quota(config.class_rate, config.class_burst);
        let service = quota(config.service_rate, config.service_burst);
        let caller = quota(config.caller_rate, config.caller_burst);
        Self {
            callers: RateLimiter::dashmap_with_clock(caller, clock.clone()),
            classes: Criticality::ALL
                .iter()
                .map(|_| RateLimiter::direct_with_clock(class, clock.clone()))
                .collect(),
            service: RateLimiter::direct_with_clock(service, clock.clone()),
            clock,
            in_flight: Arc::new(AtomicU32::new(0)),
            in_flight_max: config.in_flight_max,
            asked: AtomicUsize::new(0),
        }
    }

    /// Lets a call in, or says why not.
    ///
    /// # Errors
    /// The first limit that is reached.
    pub fn admit(&self, caller: &String, policy: &MethodPolicy) -> Result<Place, Shed> {
        if policy.money_in_flight {
            return Ok(self.take_place());
        }
        self.forget_callers_at_rest();
        let now = self.clock.now();
        let limited = |limit, wait| Shed { reason: "RATE_LIMITED", limit, wait };
        self.callers
            .check_key(caller)
            .map_err(|early| limited("caller", early.wait_time_from(now)))?;
        if let Some(class) = class_index(policy.criticality).and_then(|i| self.classes.get(i)) {
            class.check().map_err(|early| limited("class", early.wait_time_from(now)))?;
        }
        self.service.check().map_err(|early| limited("service", early.wait_time_from(now)))?;
        let place = self.take_place();
        if self.in_flight.load(Ordering::Acquire) > self.part_of(policy.criticality) {
            let wait = Duration::from_millis(100);
            return Err(Shed { reason: "OVERLOADED", limit: "in_flight", wait });
        }
        Ok(place)
    }

    fn take_place(&self) -> Place {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        Place(Arc::clone(&self.in_flight))
    }

    /// How many calls may be under way for this class to be let in.
    fn part_of(&self, class: Criticality) -> u32 {
        let percent = match class {
            Criticality::CardAuthorization => 100,
            Criticality::Payment => 95,
            Criticality::Query => 80,
            Criticality::Report => 60,
            Criticality::Batch => 50,
        };
        (self.in_flight_max.saturating_mul(percent) / 100).max(1)
    }

    /// The number of callers is bounded by who is known to the bank; this bounds it for whoever is not.
    fn forget_callers_at_rest(&self) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked.is_multiple_of(CALLERS_MAX) && self.callers.len() > CALLERS_MAX {
            self.callers.retain_recent();
        }
    }
}

fn class_index(class: Criticality) -> Option<usize> {
    Criticality::ALL.iter().position(|known| *known == class)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::policy::Role;

    fn policy(criticality: Criticality) -> MethodPolicy {
        MethodPolicy {
            writes: true,
            criticality,
            roles: vec![Role::Channel],
            money_in_flight: false,
        }
    }

    fn traffic(config: &TrafficConfig) -> (Traffic<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Traffic::with_clock(config, clock.clone()), clock)
    }

    fn small() -> TrafficConfig {
        TrafficConfig { caller_rate: 10, caller_burst: 3, ..TrafficConfig::default() }
    }

    #[test]
    fn a_caller_may_burst_as_far_as_is_set_and_then_at_its_rate() {
        let (traffic, clock) = traffic(&small());
        let (caller, policy) = ("channel/a".to_owned(), policy(Criticality::Payment));
        let admit = || traffic.admit(&caller, &policy).map(drop);

        assert_eq!([admit(), admit(), admit()], [Ok(()); 3]);
        let shed = admit().unwrap_err();
        assert_eq!((shed.reason, shed.limit), ("RATE_LIMITED", "caller"));
        assert!(shed.wait > Duration::ZERO && shed.wait <= Duration::from_millis(100));
        clock.advance(Duration::from_millis(100));
        assert_eq!(admit(), Ok(()));
    }

    #[test]
    fn a_caller_who_is_refused_takes_nothing_from_others() {
        let config = TrafficConfig { service_rate: 1, service_burst: 6, ..small() };
        let (traffic, _clock) = traffic(&config);
        let policy = policy(Criticality::Payment);
        for _ in 0..100 {
            drop(traffic.admit(&"channel/greedy".to_owned(), &policy));
        }

        let fine = (0..3).all(|_| traffic.admit(&"channel/b".to_owned(), &policy).is_ok());
        assert!(fine);
    }

    #[test]
    fn lower_classes_are_refused_before_higher_ones_and_money_in_flight_never() {
        let config = TrafficConfig { in_flight_max: 10, ..TrafficConfig::default() };
        let (traffic, _clock) = traffic(&config);
        let caller = "channel/a".to_owned();
        let payment = policy(Criticality::Payment);
        let places: Vec<_> = (0..9).map(|_| traffic.admit(&caller, &payment).unwrap()).collect();

        let batch = traffic.admit(&caller, &policy(Criticality::Batch)).unwrap_err();
        assert_eq!((batch.reason, batch.limit), ("OVERLOADED", "in_flight"));
        assert!(traffic.admit(&caller, &payment).is_err());
        assert!(traffic.admit(&caller, &policy(Criticality::CardAuthorization)).is_ok());
        let in_flight = MethodPolicy { money_in_flight: true, ..policy(Criticality::Batch) };
        assert!(traffic.admit(&caller, &in_flight).is_ok());
        drop(places);
        assert!(traffic.admit(&caller, &policy(Criticality::Batch)).is_ok());
    }
}
