//! How much a service lets in.
//!
//! A call needs a token of its caller's bucket, a place among the calls under way, and a token of its class's and of the
//! service's bucket, in this order: whoever is refused for its own reasons has spent nothing that others share. Tokens
//! keep the load to what was agreed, the limit of calls under way to what can be done just now. Lower classes are
//! refused before higher ones. Money in flight is never refused, but counted.
//!
//! What reads and what writes wait in different places, so each has a limit of its own of calls under way: readers do
//! not keep payments out, and payments that wait for their lane do not starve readers whose replica is idle.
//!
//! Read in this order: `limits` (what can be set), `buckets`, `signal` (how long work waits), `limiter`, then `versions`,
//! `changes` and `operations` (how limits change while the service runs).

mod buckets;
mod changes;
mod contract;
#[doc(hidden)]
pub mod fuzzing;
mod limiter;
mod limits;
mod operations;
mod parse;
mod signal;
mod versions;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use metrics::{Counter, Gauge};

use crate::config::TrafficConfig;
use crate::policy::{Criticality, MethodPolicy};
use buckets::{Buckets, Empty};
pub use limiter::Place;
use limiter::{Bounds, Limiter, Look};
pub use limits::{ClassRates, Limits, Rate};
pub use operations::OperationsApi;
pub use signal::Queues;
pub(crate) use signal::{LaneQueue, PoolQueue};

/// When to come back after there was no place.
const PLACE_WAIT: Duration = Duration::from_millis(100);
/// What a call can be refused by.
const LIMITS: [&str; 4] = ["caller", "class", "service", "in_flight"];
const CLASSES: usize = Criticality::ALL.len();

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

/// What refuses calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    All,
    Buckets,
    None,
}

/// The limits of one service, and what is under way in it. Cheap to clone; the clones are one.
pub struct Traffic<C: Clock = DefaultClock>(Arc<Inner<C>>);

struct Inner<C: Clock> {
    control: Control,
    instances: u32,
    configured: Limits,
    in_force: ArcSwap<InForce>,
    buckets: Buckets<C>,
    queues: Queues,
    reads: Limiter,
    writes: Limiter,
    /// Whether the gauges are of this one; there is one set of them in a process.
    shows: bool,
    shown: Shown,
}

/// The limits that hold, and since which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// 0 while what the settings say holds.
    pub version: i64,
    /// What holds.
    pub limits: Limits,
}

/// What metrics show. The series are looked up once: a refusal must cost next to nothing.
#[derive(Default)]
struct Shown {
    shed: [[OnceLock<Counter>; CLASSES]; LIMITS.len()],
    reads: OnceLock<Gauges>,
    writes: OnceLock<Gauges>,
}

struct Gauges {
    limit: Gauge,
    queue_seconds: Gauge,
    in_flight: [Gauge; CLASSES],
}

impl<C: Clock> Clone for Traffic<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Traffic {
    /// The limits of the settings, by the machine's clock. The queues are those of the service's database.
    pub fn new(config: &TrafficConfig, queues: &Queues) -> Self {
        Self::with_clock(config, queues, DefaultClock::default(), true)
    }
}

impl Default for Traffic {
    /// The default limits, of what is served beside the service and has no part in its queues.
    fn default() -> Self {
        let (config, queues) = (TrafficConfig::default(), Queues::default());
        Self::with_clock(&config, &queues, DefaultClock::default(), false)
    }
}

impl<C: Clock + Clone> Traffic<C> {
    fn with_clock(config: &TrafficConfig, queues: &Queues, clock: C, shows: bool) -> Self {
        let configured = Limits::of(config);
        let control = match config.control.as_str() {
            "buckets" => Control::Buckets,
            "none" => Control::None,
            _ => Control::All,
        };
        let writes = Limiter::new(&queues.writes, bounds(&configured));
        for signal in [&queues.reads, &queues.writes] {
            signal.set_target(target(&configured));
        }
        Self(Arc::new(Inner {
            control,
            instances: config.instances,
            in_force: ArcSwap::from_pointee(InForce { version: 0, limits: configured.clone() }),
            buckets: Buckets::new(&configured, config.instances, clock),
            reads: writes.beside(&queues.reads),
            writes,
            queues: queues.clone(),
            shows,
            shown: Shown::default(),
            configured,
        }))
    }

    /// Lets a call in, or says why not.
    ///
    /// # Errors
    /// The first limit that is reached.
    pub fn admit(&self, caller: &Arc<str>, policy: &MethodPolicy) -> Result<Place, Shed> {
        let admitted = self.decide(caller, policy);
        if let Err(shed) = &admitted {
            self.0.shown.count(shed, policy.criticality);
        }
        admitted
    }

    fn decide(&self, caller: &Arc<str>, policy: &MethodPolicy) -> Result<Place, Shed> {
        let Inner { control, buckets, reads, writes, .. } = &*self.0;
        self.look();
        let limiter = if policy.writes { writes } else { reads };
        if policy.money_in_flight || *control == Control::None {
            return Ok(limiter.enter_unasked(policy.criticality));
        }
        buckets.take_of_caller(caller).map_err(rate_limited)?;
        let place = if *control == Control::All {
            limiter.enter(policy.criticality).ok_or(Shed {
                reason: "OVERLOADED",
                limit: "in_flight",
                wait: PLACE_WAIT,
            })?
        } else {
            limiter.enter_unasked(policy.criticality)
        };
        buckets.take_shared(policy.criticality).map_err(rate_limited)?;
        Ok(place)
    }

    fn look(&self) {
        let Inner { queues, reads, writes, shows, shown, .. } = &*self.0;
        let both = [
            (reads, &queues.reads, &shown.reads, "read"),
            (writes, &queues.writes, &shown.writes, "write"),
        ];
        for (limiter, signal, gauges, access) in both {
            if let Some(look) = limiter.look(signal.now())
                && *shows
            {
                gauges.get_or_init(|| Gauges::of(access)).show(limiter, look);
            }
        }
    }

    /// Lets these limits hold from now on.
    pub fn apply(&self, version: i64, limits: &Limits) {
        let inner = &*self.0;
        inner.buckets.change(limits, inner.instances);
        for signal in [&inner.queues.reads, &inner.queues.writes] {
            signal.set_target(target(limits));
        }
        for limiter in [&inner.reads, &inner.writes] {
            limiter.set_bounds(bounds(limits));
        }
        inner.in_force.store(Arc::new(InForce { version, limits: limits.clone() }));
        if inner.shows {
            let shown = u32::try_from(version).unwrap_or(u32::MAX);
            metrics::gauge!("traffic_limits_version").set(shown);
        }
    }

    /// What holds now.
    pub fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.load_full()
    }

    /// What the settings say, which holds until the first change.
    pub fn configured(&self) -> &Limits {
        &self.0.configured
    }

    /// How many calls that write may be under way just now.
    pub fn write_limit(&self) -> u32 {
        self.0.writes.limit()
    }

    /// How many calls that read may be under way just now.
    pub fn read_limit(&self) -> u32 {
        self.0.reads.limit()
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> u32 {
        self.0.writes.all_in_flight()
    }
}

fn rate_limited(empty: Empty) -> Shed {
    Shed { reason: "RATE_LIMITED", limit: empty.limit, wait: empty.wait }
}

fn target(limits: &Limits) -> Duration {
    Duration::from_millis(limits.queue_target_ms.into())
}

const fn bounds(limits: &Limits) -> Bounds {
    Bounds { min: limits.in_flight_min, max: limits.in_flight_max }
}

impl Shown {
    fn count(&self, shed: &Shed, class: Criticality) {
        let limit = LIMITS.iter().position(|limit| *limit == shed.limit);
        let class_at = Criticality::ALL.iter().position(|known| *known == class);
        let series = limit.and_then(|at| self.shed.get(at));
        let Some(series) = series.zip(class_at).and_then(|(series, at)| series.get(at)) else {
            return;
        };
        let (limit, class) = (shed.limit, class.name());
        let series = series.get_or_init(
            || metrics::counter!("traffic_shed_total", "limit" => limit, "class" => class),
        );
        series.increment(1);
    }
}

impl Gauges {
    fn of(access: &'static str) -> Self {
        Self {
            limit: metrics::gauge!("traffic_concurrency_limit", "access" => access),
            queue_seconds: metrics::gauge!("traffic_queue_seconds", "access" => access),
            in_flight: Criticality::ALL.map(|class| {
                metrics::gauge!("traffic_in_flight", "class" => class.name(), "access" => access)
            }),
        }
    }

    fn show(&self, limiter: &Limiter, look: Look) {
        self.limit.set(limiter.limit());
        let waited = look.news.map_or(Duration::ZERO, |news| Duration::from_micros(news.wait_us));
        self.queue_seconds.set(waited.as_secs_f64());
        for (class, gauge) in Criticality::ALL.into_iter().zip(&self.in_flight) {
            gauge.set(limiter.in_flight_of(class));
        }
    }
}

#[cfg(test)]
mod tests;
