//! What a surge is made of: `scenarios/surge.toml`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

const BUILT_IN: &str = include_str!("../../scenarios/surge.toml");

/// One surge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// For reports.
    pub name: String,
    /// One line, for people.
    pub description: String,
    /// What pins the capacity.
    pub capacity: Pins,
    /// Who asks for how much.
    pub demand: Demand,
    /// What the token buckets let in.
    pub buckets: Buckets,
}

/// What pins the capacity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Batches under way at once.
    pub lanes: u32,
    /// Commands in a batch.
    pub batch_max: u32,
    /// Connections that queries share.
    pub read_connections: u32,
    /// What the way to the database and back takes.
    pub round_trip_ms: u32,
    /// How long calls may wait for their turn at the books before fewer are let in.
    pub queue_target_ms: u32,
    /// What the way to the database and back takes while the database is slow.
    pub slow_round_trip_ms: u32,
}

/// Who asks for how much. Percentages are of the measured capacity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// How long callers wait.
    pub deadline_ms: u32,
    /// Of the highest class, at every step.
    pub card_authorization_percent: u32,
    /// Of the abusive caller, as a multiple of each other one's.
    pub abusive_share: u32,
    /// One step after the other.
    pub steps_percent: Vec<u32>,
    /// After the last of them.
    pub recovery_percent: u32,
    /// While the database is slow.
    pub slow_percent: u32,
}

/// What the token buckets let in, percent of the measured capacity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is named for its bucket")]
pub struct Buckets {
    pub caller_percent: u32,
    pub card_authorization_percent: u32,
    pub payment_percent: u32,
    pub query_percent: u32,
    pub service_percent: u32,
    /// What each holds, in time.
    pub burst_ms: u32,
}

impl Scenario {
    /// The surge of a file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        toml::from_str(&text).with_context(|| format!("{name} is no surge"))
    }

    /// The surge that is built in.
    pub fn built_in() -> anyhow::Result<Self> {
        Ok(toml::from_str(BUILT_IN)?)
    }

    /// A small one for machines that are busy otherwise: less capacity, two steps, and no more than four times what
    /// the bank can do.
    pub fn quick() -> anyhow::Result<Self> {
        let mut scenario = Self::built_in()?;
        scenario.capacity.lanes = 1;
        scenario.capacity.round_trip_ms = 4;
        scenario.capacity.slow_round_trip_ms = 40;
        scenario.capacity.queue_target_ms = 100;
        scenario.demand.steps_percent = vec![80, 400];
        Ok(scenario)
    }
}

impl Pins {
    /// What the way to the database takes in one direction.
    pub fn each_way(&self) -> Duration {
        Duration::from_millis(self.round_trip_ms.into()) / 2
    }

    /// The same while the database is slow.
    pub fn each_way_slow(&self) -> Duration {
        Duration::from_millis(self.slow_round_trip_ms.into()) / 2
    }
}

impl Demand {
    /// How long callers wait.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_surge_can_be_read_and_ends_at_ten_times_the_capacity() {
        let scenario = Scenario::built_in().unwrap();

        assert_eq!(scenario.demand.steps_percent.last(), Some(&1_000));
        assert!(scenario.demand.steps_percent.contains(&scenario.demand.recovery_percent));
        assert!(scenario.demand.card_authorization_percent <= 60);
    }

    #[test]
    fn the_quick_one_asks_for_less() {
        let (whole, quick) = (Scenario::built_in().unwrap(), Scenario::quick().unwrap());

        assert!(quick.demand.steps_percent.iter().max() < whole.demand.steps_percent.iter().max());
        assert!(quick.demand.steps_percent.contains(&quick.demand.recovery_percent));
    }
}
