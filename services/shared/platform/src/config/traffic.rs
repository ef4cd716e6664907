//! `[traffic]`: how much a service lets in.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Problems, Validate};
use crate::policy::Criticality;

/// `[traffic]`: token buckets and the limit of calls under way. Each bucket is a rate per second and a burst. All but
/// `control` and `instances` can be changed while the service runs; what is written here holds until the first change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficConfig {
    /// `all` (default); `buckets`: no limit of calls under way; `none`: nobody is refused. The last two are for
    /// measuring what the limits do.
    pub control: String,
    /// How many instances of the service share the load; default 1. Each lets in its part of every rate and burst.
    pub instances: u32,
    /// Calls per second of one caller; default 50,000.
    pub caller_rate: u32,
    /// What one caller may do at once after a pause; default 20,000.
    pub caller_burst: u32,
    /// Calls per second of each class (card authorization, payment, query, report, batch); default 100,000.
    pub class_rate: u32,
    /// What a class may do at once after a pause; default 40,000.
    pub class_burst: u32,
    /// Calls per second of the whole service; default 200,000.
    pub service_rate: u32,
    /// What the service may do at once after a pause; default 80,000.
    pub service_burst: u32,
    /// Classes with a bucket of another size, by name such as `query`; default none.
    pub classes: BTreeMap<String, RateConfig>,
    /// Callers with a bucket of another size, by name such as `channel/mobile`; default none.
    pub callers: BTreeMap<String, RateConfig>,
    /// How long calls may wait for their turn at the books, milliseconds; default 100. Where they wait longer, fewer
    /// are let in. Less makes answers quicker under overload and batches smaller, which costs throughput.
    pub queue_target_ms: u32,
    /// Calls under way that are let in however long the queues are, of those that write and of those that read; default
    /// 32. Of the latter no more than keep the connections busy, twice their number.
    pub in_flight_min: u32,
    /// Calls under way at once, at most, of both together; default 4,096. A class may use part of what is let in: card authorization all,
    /// payment 95%, query 80%, report 60%, batch 50%.
    pub in_flight_max: u32,
}

/// The size of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Calls per second.
    pub rate: u32,
    /// What may be done at once after a pause.
    pub burst: u32,
}

impl Default for TrafficConfig {
    fn default() -> Self {
        Self {
            control: "all".into(),
            instances: 1,
            caller_rate: 50_000,
            caller_burst: 20_000,
            class_rate: 100_000,
            class_burst: 40_000,
            service_rate: 200_000,
            service_burst: 80_000,
            classes: BTreeMap::new(),
            callers: BTreeMap::new(),
            queue_target_ms: 100,
            in_flight_min: 32,
            in_flight_max: 4_096,
        }
    }
}

impl Validate for TrafficConfig {
    fn problems(&self, problems: &mut Problems) {
        let known = matches!(self.control.as_str(), "all" | "buckets" | "none");
        problems.require(known, "traffic.control", "must be all, buckets or none");
        for name in self.classes.keys() {
            let known = Criticality::ALL.iter().any(|class| class.name() == name);
            let what = "must be card_authorization, payment, query, report or batch";
            problems.require(known, &format!("traffic.classes.{name}"), what);
        }
        let instances = (1..=1_000).contains(&self.instances);
        problems.require(instances, "traffic.instances", "must be 1 to 1000");
        // The rest has the ranges of what can be set while the service runs.
        for (place, what) in crate::traffic::Limits::of(self).problems() {
            problems.add(&format!("traffic.{}", self.setting(&place)), &what);
        }
    }
}

impl TrafficConfig {
    /// What a field of the limits is called in the settings.
    fn setting(&self, place: &str) -> String {
        let parts: Vec<&str> = place.splitn(3, '.').collect();
        match *parts {
            [bucket @ ("caller" | "service"), part] => format!("{bucket}_{part}"),
            ["classes", class, part] if !self.classes.contains_key(class) => {
                format!("class_{part}")
            }
            _ => place.to_owned(),
        }
    }
}
