//! The limits that may change while a service runs, as one value: checked as a whole, stored as a whole, applied as a
//! whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{RateConfig, TrafficConfig};
use crate::policy::Criticality;

/// The largest rate or burst.
const RATE_MAX: u32 = 10_000_000;
/// How many callers may have a bucket of their own size.
const CALLERS_MAX: usize = 1_000;
/// The longest name of a caller, bytes.
const NAME_MAX: usize = 64;

/// The size of one token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls per second, 1 to 10,000,000.
    pub rate: u32,
    /// What may be done at once after a pause, 1 to 10,000,000.
    pub burst: u32,
}

/// The bucket of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the classes of Criticality, which explains them")]
pub struct ClassRates {
    pub card_authorization: Rate,
    pub payment: Rate,
    pub query: Rate,
    pub report: Rate,
    pub batch: Rate,
}

impl ClassRates {
    /// The bucket of this class.
    pub const fn of(&self, class: Criticality) -> Rate {
        match class {
            Criticality::CardAuthorization => self.card_authorization,
            Criticality::Payment => self.payment,
            Criticality::Query => self.query,
            Criticality::Report => self.report,
            Criticality::Batch => self.batch,
        }
    }
}

/// What a service lets in, of all its instances together but for the calls under way, which are of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The bucket of each caller that is not named in `callers`.
    pub caller: Rate,
    /// Callers with a bucket of another size, by name such as `channel/mobile`. At most 1,000.
    pub callers: BTreeMap<String, Rate>,
    /// The bucket of each class.
    pub classes: ClassRates,
    /// The bucket of the whole service.
    pub service: Rate,
    /// How long calls may wait for their turn at the books before fewer are let in, milliseconds, 1 to 10,000.
    pub queue_target_ms: u32,
    /// Calls under way that are let in however long the queues are; at least 1.
    pub in_flight_min: u32,
    /// Calls under way at once, at most; `in_flight_min` to 1,000,000.
    pub in_flight_max: u32,
}

impl Limits {
    /// The limits that the settings describe.
    pub fn of(config: &TrafficConfig) -> Self {
        let rate = |given: &RateConfig| Rate { rate: given.rate, burst: given.burst };
        let class = |class: Criticality| {
            let all = Rate { rate: config.class_rate, burst: config.class_burst };
            config.classes.get(class.name()).map_or(all, rate)
        };
        let callers = config.callers.iter().map(|(name, given)| (name.clone(), rate(given)));
        Self {
            caller: Rate { rate: config.caller_rate, burst: config.caller_burst },
            callers: callers.collect(),
            classes: ClassRates {
                card_authorization: class(Criticality::CardAuthorization),
                payment: class(Criticality::Payment),
                query: class(Criticality::Query),
                report: class(Criticality::Report),
                batch: class(Criticality::Batch),
            },
            service: Rate { rate: config.service_rate, burst: config.service_burst },
            queue_target_ms: config.queue_target_ms,
            in_flight_min: config.in_flight_min,
            in_flight_max: config.in_flight_max,
        }
    }

    /// Everything that is out of range: the field, and what is allowed.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut require = |holds: bool, field: String, what: &str| {
            if !holds {
                found.push((field, what.to_owned()));
            }
        };
        let mut buckets =
            vec![("caller".to_owned(), self.caller), ("service".to_owned(), self.service)];
        for class in Criticality::ALL {
            buckets.push((format!("classes.{}", class.name()), self.classes.of(class)));
        }
        for (name, rate) in &self.callers {
            let kind_and_name = name.split_once('/');
            let named =
                kind_and_name.is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
            // What is no name may be anything, a secret too: it is not repeated.
            let what =
                "must each have a kind and a name, such as channel/mobile, of at most 64 bytes";
            let named = named && name.len() <= NAME_MAX;
            require(named, "callers".to_owned(), what);
            if named {
                buckets.push((format!("callers.{name}"), *rate));
            }
        }
        let few = self.callers.len() <= CALLERS_MAX;
        require(few, "callers".to_owned(), "must be at most 1000 callers");
        for (place, rate) in buckets {
            let what = "must be 1 to 10000000";
            require((1..=RATE_MAX).contains(&rate.rate), format!("{place}.rate"), what);
            require((1..=RATE_MAX).contains(&rate.burst), format!("{place}.burst"), what);
        }
        let target = (1..=10_000).contains(&self.queue_target_ms);
        require(target, "queue_target_ms".to_owned(), "must be 1 to 10000");
        let least = (1..=self.in_flight_max).contains(&self.in_flight_min);
        require(least, "in_flight_min".to_owned(), "must be 1 to in_flight_max");
        let most = (1..=1_000_000).contains(&self.in_flight_max);
        require(most, "in_flight_max".to_owned(), "must be 1 to 1000000");
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_without_a_mistake_have_no_problem() {
        assert_eq!(Limits::of(&TrafficConfig::default()).problems(), []);
    }

    #[test]
    fn every_mistake_is_named_with_its_field() {
        let mut limits = Limits::of(&TrafficConfig::default());
        limits.classes.query.burst = 0;
        limits.service.rate = RATE_MAX + 1;
        limits.callers.insert("6217000000000000".into(), Rate { rate: 0, burst: 1 });
        limits.callers.insert("channel/mobile".into(), Rate { rate: 1, burst: 0 });
        limits.in_flight_min = limits.in_flight_max + 1;

        let problems = limits.problems();
        let mut fields: Vec<&str> = problems.iter().map(|(field, _)| field.as_str()).collect();

        fields.sort_unstable();
        let expected = [
            "callers",
            "callers.channel/mobile.burst",
            "classes.query.burst",
            "in_flight_min",
            "service.rate",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_class_may_have_a_bucket_of_another_size() {
        let of_queries = BTreeMap::from([("query".into(), RateConfig { rate: 7, burst: 3 })]);
        let config = TrafficConfig { classes: of_queries, ..TrafficConfig::default() };

        let limits = Limits::of(&config);

        assert_eq!(limits.classes.of(Criticality::Query), Rate { rate: 7, burst: 3 });
        assert_eq!(limits.classes.of(Criticality::Payment).rate, config.class_rate);
    }

    #[test]
    fn what_is_stored_reads_back_and_what_is_not_known_does_not() {
        let limits = Limits::of(&TrafficConfig::default());
        let text = serde_json::to_string(&limits).unwrap();

        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), limits);
        let more = text.replacen('{', "{\"colour\":1,", 1);
        assert!(serde_json::from_str::<Limits>(&more).is_err());
    }
}
