//! Day counts: which part of a year lies between two dates, for interest.
//!
//! The conventions are those of section 4.16 of the 2006 ISDA Definitions. The result is an exact fraction;
//! rounding happens once, when it becomes money. A period includes its first day and excludes its last, so
//! that neighbouring periods neither overlap nor leave a gap.
//!
//! Absent on purpose: 30E/360 (ISDA) of paragraph (h), which needs the termination date of the contract;
//! ACT/ACT (ICMA) of paragraph (c), which needs the coupon schedule; the American end-of-February rule,
//! which paragraph (f) does not have.

use chrono::{Datelike, NaiveDate};

/// How days and years are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DayCount {
    /// The days of the calendar over 360; ISDA 2006 §4.16(e). Chinese deposits and loans use it: the daily
    /// rate is a 360th of the yearly one.
    Act360,
    /// The days of the calendar over 365, in leap years too; ISDA 2006 §4.16(d).
    Act365Fixed,
    /// The days in leap years over 366 plus the other days over 365; ISDA 2006 §4.16(b).
    ActActIsda,
    /// Months of 30 days over 360, the bond basis; ISDA 2006 §4.16(f). A 31st at the end counts as the 30th
    /// only if the period begins on the 30th or 31st.
    Thirty360Us,
    /// Months of 30 days over 360, the Eurobond basis; ISDA 2006 §4.16(g). A 31st always counts as the 30th.
    Thirty360European,
}

/// The period ends before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the period from {start} to {end} ends before it starts")]
pub struct EndBeforeStart {
    /// The first day of the period.
    pub start: NaiveDate,
    /// The day after the last of the period.
    pub end: NaiveDate,
}

/// A part of a year, or several years, as an exact fraction in lowest terms; never negative.
///
/// Being in lowest terms, two fractions are equal exactly when their values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YearFraction {
    numerator: i64,
    denominator: i64,
}

/// The numerator is negative, or the denominator is not positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{numerator}/{denominator} is not a part of a year")]
pub struct InvalidYearFraction {
    /// The numerator that was given.
    pub numerator: i64,
    /// The denominator that was given.
    pub denominator: i64,
}

impl YearFraction {
    /// A fraction that does not come from dates, such as 1/12 for a month of a loan.
    pub fn try_new(numerator: i64, denominator: i64) -> Result<Self, InvalidYearFraction> {
        if numerator < 0 || denominator <= 0 {
            return Err(InvalidYearFraction { numerator, denominator });
        }
        Ok(Self::in_lowest_terms(numerator, denominator))
    }

    /// What stands above the line, in lowest terms; at least 0.
    pub const fn numerator(self) -> i64 {
        self.numerator
    }

    /// What stands below the line, in lowest terms; at least 1.
    pub const fn denominator(self) -> i64 {
        self.denominator
    }

    /// Takes a numerator of at least 0 and a denominator of at least 1.
    fn in_lowest_terms(numerator: i64, denominator: i64) -> Self {
        // Euclid's algorithm; it ends with a divisor of at least 1, so the fallbacks are never taken.
        let (mut divisor, mut other) = (denominator, numerator);
        while let Some(remainder) = divisor.checked_rem(other) {
            (divisor, other) = (other, remainder);
        }
        Self {
            numerator: numerator.checked_div(divisor).unwrap_or(numerator),
            denominator: denominator.checked_div(divisor).unwrap_or(denominator),
        }
    }
}

impl DayCount {
    /// The days from `start`, included, to `end`, excluded, as this convention counts them; at least 0.
    pub fn days(self, start: NaiveDate, end: NaiveDate) -> Result<i64, EndBeforeStart> {
        if end < start {
            return Err(EndBeforeStart { start, end });
        }
        Ok(match self {
            Self::Act360 | Self::Act365Fixed | Self::ActActIsda => calendar_days(start, end),
            Self::Thirty360Us => {
                let first = start.day().min(30);
                let last = if first == 30 { end.day().min(30) } else { end.day() };
                thirty_360_days((start, first), (end, last))
            }
            Self::Thirty360European => {
                let (first, last) = (start.day().min(30), end.day().min(30));
                thirty_360_days((start, first), (end, last))
            }
        })
    }

    /// The part of a year from `start`, included, to `end`, excluded; exact.
    pub fn fraction(
        self,
        start: NaiveDate,
        end: NaiveDate,
    ) -> Result<YearFraction, EndBeforeStart> {
        let days = self.days(start, end)?;
        Ok(match self {
            Self::Act360 | Self::Thirty360Us | Self::Thirty360European => {
                YearFraction::in_lowest_terms(days, 360)
            }
            Self::Act365Fixed => YearFraction::in_lowest_terms(days, 365),
            Self::ActActIsda => {
                let parts = act_act_position(end).saturating_sub(act_act_position(start));
                YearFraction::in_lowest_terms(parts, PARTS_PER_YEAR)
            }
        })
    }
}

fn calendar_days(start: NaiveDate, end: NaiveDate) -> i64 {
    end.signed_duration_since(start).num_days()
}

/// The formula of ISDA 2006 §4.16(f) and (g), given the days of the month as each convention adjusts them.
#[expect(clippy::arithmetic_side_effects, reason = "a year has six digits at most")]
fn thirty_360_days((start, first): (NaiveDate, u32), (end, last): (NaiveDate, u32)) -> i64 {
    let years = i64::from(end.year()) - i64::from(start.year());
    let months = i64::from(end.month()) - i64::from(start.month());
    years * 360 + months * 30 + i64::from(last) - i64::from(first)
}

/// What a date's year fractions are counted in by ACT/ACT (ISDA): 365 × 366 parts of a year.
const PARTS_PER_YEAR: i64 = 365 * 366;

/// How far a date is from the year 0, where each day of a common year is a 365th of a year and each day of
/// a leap year a 366th. The difference of two is the sum of ISDA 2006 §4.16(b).
#[expect(clippy::arithmetic_side_effects, reason = "a year has six digits at most")]
fn act_act_position(date: NaiveDate) -> i64 {
    let parts_per_day = if date.leap_year() { 365 } else { 366 };
    i64::from(date.year()) * PARTS_PER_YEAR + i64::from(date.ordinal0()) * parts_per_day
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test should panic")]
mod tests {
    use DayCount::{Act360, Act365Fixed, ActActIsda, Thirty360European, Thirty360Us};
    use proptest::prelude::*;

    use super::*;

    const ALL: [DayCount; 5] = [Act360, Act365Fixed, ActActIsda, Thirty360Us, Thirty360European];

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn fraction(numerator: i64, denominator: i64) -> YearFraction {
        YearFraction::try_new(numerator, denominator).unwrap()
    }

    fn sum(left: YearFraction, right: YearFraction) -> YearFraction {
        fraction(
            left.numerator() * right.denominator() + right.numerator() * left.denominator(),
            left.denominator() * right.denominator(),
        )
    }

    /// Any day of the years 1900 to 2199.
    fn any_date() -> impl Strategy<Value = NaiveDate> {
        (1_900_i32..2_200, 1_u32..=365)
            .prop_map(|(year, day)| NaiveDate::from_yo_opt(year, day).unwrap())
    }

    proptest! {
        #[test]
        fn act_periods_side_by_side_add_up_to_the_whole(
            mut dates in [any_date(), any_date(), any_date()],
        ) {
            dates.sort();
            let [start, middle, end] = dates;

            for convention in [Act360, Act365Fixed, ActActIsda] {
                let first = convention.fraction(start, middle).unwrap();
                let second = convention.fraction(middle, end).unwrap();
                prop_assert_eq!(convention.fraction(start, end), Ok(sum(first, second)));
            }
        }

        #[test]
        fn act_act_is_the_sum_of_single_days(start in any_date(), length in 0_i64..1_500) {
            let (mut common, mut leap) = (0_i64, 0_i64);
            let days = start.iter_days().take(usize::try_from(length).unwrap());
            days.for_each(|day| *(if day.leap_year() { &mut leap } else { &mut common }) += 1);
            let end = start.checked_add_signed(chrono::TimeDelta::days(length)).unwrap();

            prop_assert_eq!(ActActIsda.days(start, end), Ok(length));
            prop_assert_eq!(
                ActActIsda.fraction(start, end),
                Ok(sum(fraction(common, 365), fraction(leap, 366)))
            );
        }

        #[test]
        fn no_convention_counts_a_period_as_negative(a in any_date(), b in any_date()) {
            for convention in ALL {
                prop_assert!(convention.days(a.min(b), a.max(b)).unwrap() >= 0);
                prop_assert_eq!(convention.days(a, a), Ok(0));
            }
        }

        #[test]
        fn every_convention_refuses_a_period_that_ends_before_it_starts(
            start in any_date(), days_back in 1_i64..100_000,
        ) {
            let end = start.checked_sub_signed(chrono::TimeDelta::days(days_back)).unwrap();

            for convention in ALL {
                prop_assert_eq!(convention.days(start, end), Err(EndBeforeStart { start, end }));
                prop_assert_eq!(convention.fraction(start, end), Err(EndBeforeStart { start, end }));
            }
        }

        #[test]
        fn thirty_360_counts_whole_months_as_twelfths(
            year in 1_900_i32..2_200, month in 1_u32..=12, day in 1_u32..=28, years in 0_i32..50,
        ) {
            let start = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let end = NaiveDate::from_ymd_opt(year + years, 12, day).unwrap();
            let months = i64::from(years) * 12 + i64::from(12 - month);

            prop_assert_eq!(Thirty360Us.fraction(start, end), Ok(fraction(months, 12)));
            prop_assert_eq!(Thirty360European.fraction(start, end), Ok(fraction(months, 12)));
        }

        #[test]
        fn fractions_of_equal_value_are_equal(
            n in 0_i64..10_000, d in 1_i64..10_000, scale in 1_i64..1_000,
        ) {
            prop_assert_eq!(fraction(n * scale, d * scale), fraction(n, d));
        }
    }

    /// "EMU and market conventions: recent developments", ISDA, November 1998, the worked examples of
    /// ACT/ACT under the ISDA method.
    #[test]
    fn act_act_agrees_with_the_examples_of_isda() {
        let examples = [
            ("2003-11-01", "2004-05-01", 61, 121),
            ("1999-02-01", "1999-07-01", 150, 0),
            ("1999-07-01", "2000-07-01", 184, 182),
            ("2002-08-15", "2003-07-15", 334, 0),
            ("2003-07-15", "2004-01-15", 170, 14),
            ("1999-07-30", "2000-01-30", 155, 29),
            ("2000-01-30", "2000-06-30", 0, 152),
            ("1999-11-30", "2000-04-30", 32, 120),
        ];

        for (start, end, common, leap) in examples {
            let expected = sum(fraction(common, 365), fraction(leap, 366));
            assert_eq!(ActActIsda.fraction(date(start), date(end)), Ok(expected), "{start} {end}");
        }
    }

    /// "Compare the ISMA 30E/360, NASD 30/360, and Actual Day Count", Eagle Investment Systems
    /// (eagledocs.atlassian.net), scenarios 1 to 8: European, American and calendar days.
    #[test]
    fn days_agree_with_the_published_comparison_of_eagle() {
        let scenarios = [
            ("2003-12-29", "2004-01-31", 31, 32, 33),
            ("2003-12-30", "2004-01-31", 30, 30, 32),
            ("2003-12-31", "2004-01-31", 30, 30, 31),
            ("2004-01-01", "2004-01-31", 29, 30, 30),
            ("2003-12-29", "2004-02-01", 32, 32, 34),
            ("2003-12-30", "2004-02-01", 31, 31, 33),
            ("2003-12-31", "2004-02-01", 31, 31, 32),
            ("2004-01-01", "2004-02-01", 30, 30, 31),
        ];

        for (start, end, european, american, calendar) in scenarios {
            let (start, end) = (date(start), date(end));
            assert_eq!(Thirty360European.days(start, end), Ok(european), "{start} {end}");
            assert_eq!(Thirty360Us.days(start, end), Ok(american), "{start} {end}");
            for act in [Act360, Act365Fixed, ActActIsda] {
                assert_eq!(act.days(start, end), Ok(calendar), "{start} {end}");
            }
        }
    }

    /// The definitions of ISDA 2006 §4.16(b), (d) and (e), applied to one whole leap year.
    #[test]
    fn a_leap_year_is_366_days_over_what_the_convention_says() {
        let (start, end) = (date("2024-01-01"), date("2025-01-01"));

        assert_eq!(Act360.fraction(start, end), Ok(fraction(366, 360)));
        assert_eq!(Act365Fixed.fraction(start, end), Ok(fraction(366, 365)));
        assert_eq!(ActActIsda.fraction(start, end), Ok(fraction(1, 1)));
    }

    #[test]
    fn the_last_of_february_is_not_stretched_to_a_30th() {
        assert_eq!(Thirty360Us.days(date("2026-02-28"), date("2026-03-31")), Ok(33));
        assert_eq!(Thirty360European.days(date("2026-02-28"), date("2026-03-31")), Ok(32));
    }

    #[test]
    fn the_whole_calendar_can_be_counted() {
        for convention in ALL {
            assert!(convention.fraction(NaiveDate::MIN, NaiveDate::MAX).is_ok(), "{convention:?}");
        }
    }

    #[test]
    fn what_is_no_part_of_a_year_is_refused() {
        for (numerator, denominator) in [(-1, 360), (1, 0), (1, -360)] {
            let refused = Err(InvalidYearFraction { numerator, denominator });
            assert_eq!(YearFraction::try_new(numerator, denominator), refused);
        }
        assert_eq!(fraction(0, 360), fraction(0, 1));
        assert_eq!(fraction(i64::MAX, i64::MAX), fraction(1, 1));
    }
}
