//! The contract rate: fixed, or a benchmark and something on top that is looked at again from time to time.

use chrono::{Datelike, NaiveDate};
use kernel::Rate;

use super::{Benchmark, Product, RateRule};

/// When the benchmark of a running loan is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repricing {
    /// Never: the rate of the first payment to the borrower holds.
    Never,
    /// Each 1 January.
    January,
    /// Each anniversary of the first payment to the borrower; of 29 February, the 28th in common years.
    Anniversary,
}

impl Repricing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::January, Self::Anniversary];

    /// As the products file writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Never => "NEVER",
            Self::January => "JANUARY",
            Self::Anniversary => "ANNIVERSARY",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|repricing| repricing.code() == code)
    }

    /// The date whose benchmark holds in a period that starts on `start`: the last repricing date that is not after it
    /// or, before the first of them, the day of the first payment to the borrower.
    fn fixing(self, disbursed_on: NaiveDate, start: NaiveDate) -> NaiveDate {
        let repriced = match self {
            Self::Never => None,
            Self::January => NaiveDate::from_ymd_opt(start.year(), 1, 1),
            Self::Anniversary => {
                let of_year = anniversary(disbursed_on, start.year());
                let last = of_year.filter(|date| *date <= start);
                last.or_else(|| anniversary(disbursed_on, start.year().saturating_sub(1)))
            }
        };
        repriced.map_or(disbursed_on, |date| date.max(disbursed_on))
    }
}

fn anniversary(of: NaiveDate, year: i32) -> Option<NaiveDate> {
    of.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))
}

impl Benchmark {
    /// Its value on a date; `None` before its first.
    pub fn on(&self, date: NaiveDate) -> Option<Rate> {
        self.values.range(..=date).next_back().map(|(_, rate)| *rate)
    }
}

impl Product {
    /// The rate of a loan that is first paid out on a date. `None` before the benchmark's first value, and where the sum
    /// is below 0.
    pub fn rate_on(&self, date: NaiveDate) -> Option<Rate> {
        match &self.rate {
            RateRule::Fixed(rate) => Some(*rate),
            RateRule::Benchmark { benchmark, spread_ppm, .. } => {
                let ppm = benchmark.on(date)?.ppm().checked_add(*spread_ppm)?;
                Rate::from_ppm(ppm).ok().filter(|rate| rate.ppm() >= 0)
            }
        }
    }

    /// The rate in a period that starts on `start`, of a loan first paid out on `disbursed_on`. `None` as
    /// [`rate_on`](Self::rate_on).
    pub fn rate_in_period(&self, disbursed_on: NaiveDate, start: NaiveDate) -> Option<Rate> {
        let fixing = match &self.rate {
            RateRule::Fixed(_) => disbursed_on,
            RateRule::Benchmark { repricing, .. } => repricing.fixing(disbursed_on, start),
        };
        self.rate_on(fixing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::samples::{self, date};
    use super::*;

    fn lpr(spread_ppm: i64, repricing: Repricing) -> Product {
        let value = |day, ppm| (date(day), Rate::from_ppm(ppm).unwrap());
        let benchmark = Benchmark {
            code: "LPR_5Y".to_owned(),
            values: [
                value("2024-10-21", 36_000),
                value("2025-05-20", 35_000),
                value("2026-03-20", 34_000),
            ]
            .into(),
        };
        let rate = RateRule::Benchmark { benchmark: Arc::new(benchmark), spread_ppm, repricing };
        Product { rate, ..samples::product() }
    }

    fn ppm(product: &Product, disbursed_on: &str, start: &str) -> Option<i64> {
        product.rate_in_period(date(disbursed_on), date(start)).map(Rate::ppm)
    }

    #[test]
    fn a_rate_holds_until_the_next_first_of_january() {
        let product = lpr(-3_000, Repricing::January);

        assert_eq!(ppm(&product, "2025-04-10", "2025-12-20"), Some(33_000));
        assert_eq!(ppm(&product, "2025-04-10", "2026-01-20"), Some(32_000));
        assert_eq!(ppm(&product, "2025-04-10", "2026-12-20"), Some(32_000));
        assert_eq!(ppm(&product, "2025-04-10", "2027-01-01"), Some(31_000));
    }

    #[test]
    fn a_rate_holds_until_the_next_anniversary() {
        let product = lpr(0, Repricing::Anniversary);

        assert_eq!(ppm(&product, "2025-04-10", "2026-04-09"), Some(36_000));
        assert_eq!(ppm(&product, "2025-04-10", "2026-04-10"), Some(34_000));
        assert_eq!(ppm(&lpr(0, Repricing::Never), "2025-04-10", "2026-04-10"), Some(36_000));
    }

    #[test]
    fn a_benchmark_without_a_value_and_a_negative_sum_give_no_rate() {
        assert_eq!(lpr(0, Repricing::Never).rate_on(date("2024-10-20")), None);
        assert_eq!(lpr(-36_001, Repricing::Never).rate_on(date("2024-10-21")), None);
        assert_eq!(
            lpr(-36_000, Repricing::Never).rate_on(date("2024-10-21")).map(Rate::ppm),
            Some(0)
        );
    }
}
