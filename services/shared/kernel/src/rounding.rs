//! The one rounding of the bank: to the nearest minor unit, and from exactly halfway to the even one.
//!
//! Half to even (called banker's rounding; `roundTiesToEven` of IEEE 754) has no bias: over many accruals as
//! many halves go up as down, where half-up would drift in one side's favour. It also treats a debt exactly
//! as the claim on the other side of it: rounding commutes with turning the sign.
//!
//! Invariant: whatever is divided in the bank is divided here, once, at the end of an exact calculation in
//! `i128`. Absent on purpose: other rounding modes, a number of decimals (minor units are whole), and any
//! rounding of an intermediate result.

use crate::{Money, Rate, YearFraction};

/// Why a quotient could not be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundingError {
    /// The denominator is zero or negative.
    #[error("the denominator of a rounded quotient must be positive")]
    DenominatorNotPositive,
    /// The result does not fit `i64`, or an exact product before it did not fit `i128`.
    #[error("the rounded amount is out of range")]
    OutOfRange,
}

/// Parts per million in one, the unit of a [`Rate`].
const PPM_PER_ONE: i128 = 1_000_000;

/// `numerator / denominator`, rounded to the nearest whole number, from halfway to the even one: 5/2 and 3/2
/// give 2, -5/2 gives -2. The denominator must be positive.
///
/// Errors: `DenominatorNotPositive`; `OutOfRange` when the result does not fit `i64`.
pub fn round_half_even(numerator: i128, denominator: i128) -> Result<i64, RoundingError> {
    if denominator <= 0 {
        return Err(RoundingError::DenominatorNotPositive);
    }
    let out_of_range = RoundingError::OutOfRange;
    let floor = numerator.checked_div_euclid(denominator).ok_or(out_of_range)?;
    let remainder = numerator.checked_rem_euclid(denominator).ok_or(out_of_range)?;

    // How much is missing to the next whole number; compared, instead of doubling the remainder, as that
    // could overflow.
    let missing = denominator.checked_sub(remainder).ok_or(out_of_range)?;
    let goes_up = remainder > missing || (remainder == missing && floor % 2 != 0);
    let rounded = floor.checked_add(i128::from(goes_up)).ok_or(out_of_range)?;
    i64::try_from(rounded).map_err(|_| out_of_range)
}

/// Simple interest on a principal for a part of a year, rounded once:
/// `principal × rate × fraction`, in the principal's currency.
///
/// The principal may be negative (an overdraft), the rate too; the interest has the sign of their product.
/// For the daily balance product (积数), give the sum of daily balances as the principal and one day as
/// the fraction. Error: `OutOfRange`.
pub fn interest(
    principal: Money,
    rate: Rate,
    fraction: YearFraction,
) -> Result<Money, RoundingError> {
    let out_of_range = RoundingError::OutOfRange;
    let numerator = i128::from(principal.minor())
        .checked_mul(i128::from(rate.ppm()))
        .and_then(|product| product.checked_mul(i128::from(fraction.numerator())))
        .ok_or(out_of_range)?;
    let denominator =
        PPM_PER_ONE.checked_mul(i128::from(fraction.denominator())).ok_or(out_of_range)?;

    let minor = round_half_even(numerator, denominator)?;
    Ok(Money::new(minor, principal.currency()))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test should panic")]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::{Currency, DayCount};

    /// The definition, word by word: of all whole numbers the nearest; of two nearest the even one.
    fn slow_reference(numerator: i128, denominator: i128) -> i128 {
        let candidates = -numerator.abs() - 1..=numerator.abs() + 1;
        candidates
            .min_by_key(|whole| ((numerator - whole * denominator).abs(), whole % 2 != 0))
            .unwrap()
    }

    fn rate(percent: &str) -> Rate {
        Rate::parse_percent(percent).unwrap()
    }

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::CNY)
    }

    proptest! {
        #[test]
        fn rounding_agrees_with_the_definition(n in -500_i128..=500, d in 1_i128..=40) {
            prop_assert_eq!(round_half_even(n, d).map(i128::from), Ok(slow_reference(n, d)));
        }

        #[test]
        fn rounding_is_never_more_than_half_away(
            n in -(1_i128 << 80)..1 << 80, d in 1_i128 << 20..1 << 60,
        ) {
            let rounded = i128::from(round_half_even(n, d).unwrap());

            prop_assert!(2 * (n - rounded * d).abs() <= d);
        }

        #[test]
        fn rounding_commutes_with_turning_the_sign(n in -(1_i128 << 62)..1 << 62, d in 1_i128..1_000) {
            prop_assert_eq!(round_half_even(-n, d), round_half_even(n, d).map(|rounded| -rounded));
        }

        #[test]
        fn a_debt_bears_the_interest_that_the_claim_earns(
            minor in 0_i64..1 << 50, ppm in 0_i64..10_000_000, days in 0_i64..3_660,
        ) {
            let rate = Rate::from_ppm(ppm).unwrap();
            let fraction = YearFraction::try_new(days, 360).unwrap();
            let earned = interest(cny(minor), rate, fraction).unwrap();

            prop_assert_eq!(interest(cny(-minor), rate, fraction), Ok(earned.checked_neg().unwrap()));
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let halves = [(-5, -2), (-3, -2), (-1, 0), (1, 0), (3, 2), (5, 2), (7, 4)];

        for (numerator, expected) in halves {
            assert_eq!(round_half_even(numerator, 2), Ok(expected), "{numerator}/2");
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_errors_not_wraps() {
        let max = i128::from(i64::MAX);

        assert_eq!(round_half_even(max, 1), Ok(i64::MAX));
        assert_eq!(round_half_even(max + 1, 1), Err(RoundingError::OutOfRange));
        assert_eq!(round_half_even(i128::from(i64::MIN), 1), Ok(i64::MIN));
        assert_eq!(round_half_even(i128::MIN, 1), Err(RoundingError::OutOfRange));
        assert_eq!(round_half_even(i128::MAX, i128::MAX), Ok(1));
        assert_eq!(round_half_even(i128::MIN, i128::MAX), Ok(-1));
        assert_eq!(round_half_even(1, 0), Err(RoundingError::DenominatorNotPositive));
        assert_eq!(round_half_even(1, -1), Err(RoundingError::DenominatorNotPositive));
    }

    #[test]
    fn one_month_of_a_loan_is_a_twelfth_of_the_year() {
        // 100,000.00 at 4.35%: 362.50 a month.
        let month = YearFraction::try_new(1, 12).unwrap();

        assert_eq!(interest(cny(10_000_000), rate("4.35"), month), Ok(cny(36_250)));
    }

    #[test]
    fn a_quarter_of_demand_interest_is_counted_in_days() {
        // 10,000.00 at 0.35% from 21 March to 21 June, 92 days over 360: 8.9444...
        let day = |month| NaiveDate::from_ymd_opt(2026, month, 21).unwrap();
        let fraction = DayCount::Act360.fraction(day(3), day(6)).unwrap();

        assert_eq!(interest(cny(1_000_000), rate("0.35"), fraction), Ok(cny(894)));
    }

    #[test]
    fn interest_too_large_for_an_amount_is_refused() {
        let ten_years = YearFraction::try_new(10, 1).unwrap();
        let for_ever = YearFraction::try_new(i64::MAX, 1).unwrap();

        assert_eq!(interest(cny(i64::MAX), Rate::MAX, ten_years), Err(RoundingError::OutOfRange));
        assert_eq!(interest(cny(i64::MAX), Rate::MAX, for_ever), Err(RoundingError::OutOfRange));
    }
}
