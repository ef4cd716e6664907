//! Who asks for what, how often: independent arrivals of each class from each caller.

#![expect(clippy::float_arithmetic, reason = "rates, not money")]

use rand::RngExt as _;
use rand::rngs::SmallRng;
use serde::Serialize;

use super::scenario::Demand;
use crate::order::Operation;

/// What is asked, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// A hold is placed.
    CardAuthorization = 0,
    /// A transfer.
    Payment = 1,
    /// A balance, read on the primary.
    Query = 2,
}

impl Class {
    /// All, most important first; each stands at the index of its number.
    pub const ALL: [Self; 3] = [Self::CardAuthorization, Self::Payment, Self::Query];

    /// As reports and the bank's settings call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CardAuthorization => "card_authorization",
            Self::Payment => "payment",
            Self::Query => "query",
        }
    }

    /// What is called.
    pub const fn operation(self) -> Operation {
        match self {
            Self::CardAuthorization => Operation::PlaceHold,
            Self::Payment => Operation::Transfer,
            Self::Query => Operation::GetBalance,
        }
    }
}

/// Who asks: the last of them more than its share.
pub const CALLERS: [&str; 4] =
    ["channel/surge-a", "channel/surge-b", "channel/surge-c", "channel/surge-d"];
/// Those before the last.
pub const WELL_BEHAVED: usize = CALLERS.len() - 1;

/// One class of one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// What.
    pub class: Class,
    /// Who, as an index of [`CALLERS`].
    pub caller: usize,
}

/// What the pinned bank can do, per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Capacity {
    /// Holds and transfers.
    pub writes_per_s: f64,
    /// Balances.
    pub reads_per_s: f64,
}

impl Capacity {
    /// Both.
    pub fn total(&self) -> f64 {
        self.writes_per_s + self.reads_per_s
    }
}

/// How often each caller asks for each class, per second.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix([[f64; CALLERS.len()]; Class::ALL.len()]);

impl Mix {
    /// So many percent of the capacity, of writes and of reads. Card authorizations are what they always are; payments
    /// are what is left of the writes.
    pub fn of(demand: &Demand, capacity: &Capacity, percent: u32) -> Self {
        let part = |of: f64, percent: u32| of * f64::from(percent) / 100.0;
        let writes = part(capacity.writes_per_s, percent);
        let cards = part(capacity.writes_per_s, demand.card_authorization_percent).min(writes);
        let queries = part(capacity.reads_per_s, percent);
        let abusive = f64::from(demand.abusive_share);
        let behaved = count(WELL_BEHAVED);
        let shared = |rate: f64| {
            let each = rate / (behaved + abusive);
            [each, each, each, each * abusive]
        };
        let each = cards / behaved;
        Self([[each, each, each, 0.0], shared(writes - cards), shared(queries)])
    }

    /// All together, per second.
    pub fn total(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// Whose turn it is.
    pub fn draw(&self, rng: &mut SmallRng) -> Flow {
        let mut drawn = rng.random::<f64>() * self.total();
        for (class, callers) in Class::ALL.into_iter().zip(&self.0) {
            for (caller, rate) in callers.iter().enumerate() {
                if drawn < *rate {
                    return Flow { class, caller };
                }
                drawn -= rate;
            }
        }
        // Rounding may leave a last bit over.
        Flow { class: Class::Query, caller: WELL_BEHAVED }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
const fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::surge::scenario::Scenario;

    const CAPACITY: Capacity = Capacity { writes_per_s: 600.0, reads_per_s: 300.0 };

    fn mix(percent: u32) -> Mix {
        Mix::of(&Scenario::built_in().unwrap().demand, &CAPACITY, percent)
    }

    #[test]
    fn the_offered_load_is_the_asked_percentage_and_card_authorizations_do_not_grow() {
        for percent in [50, 100, 1_000] {
            let mix = mix(percent);

            let wanted = 9.0 * f64::from(percent);
            assert!((mix.total() - wanted).abs() < 1e-6, "{mix:?}");
            assert!((mix.0[0].iter().sum::<f64>() - 270.0).abs() < 1e-6, "{mix:?}");
        }
    }

    #[test]
    fn those_who_behave_ask_alike_and_the_abusive_one_for_several_times_that() {
        let Mix([cards, payments, queries]) = mix(1_000);

        for rates in [cards, payments, queries] {
            assert!((rates[0] - rates[1]).abs() < 1e-9 && (rates[1] - rates[2]).abs() < 1e-9);
        }
        assert!((payments[3] / payments[0] - 9.0).abs() < 1e-9);
        assert!((queries[3] / queries[0] - 9.0).abs() < 1e-9);
    }

    #[test]
    fn draws_follow_the_rates() {
        let mix = mix(1_000);
        let mut rng = SmallRng::seed_from_u64(7);
        let draws: Vec<Flow> = (0..100_000).map(|_| mix.draw(&mut rng)).collect();

        let cards = draws.iter().filter(|flow| flow.class == Class::CardAuthorization).count();
        let abusive = draws.iter().filter(|flow| flow.caller == WELL_BEHAVED).count();

        // 3% and 72.75% of all.
        assert!((2_800..3_200).contains(&cards), "{cards}");
        assert!((72_000..73_500).contains(&abusive), "{abusive}");
    }
}
