//! The equal instalment of an annuity (等额本息), exactly.
//!
//! A = P·r·(1+r)ⁿ / ((1+r)ⁿ − 1) with r = p/q is P·p·(q+p)ⁿ / (q·((q+p)ⁿ − qⁿ)), a fraction of whole numbers. They have
//! some thousand digits for a long term, so they are kept as such and the fraction is rounded once, at the end; no digit
//! is lost before that, for any amount, rate and term.

use std::cmp::Ordering;

use kernel::{Rate, round_half_even};

use super::OutOfRange;

/// A month's share of a yearly rate in parts per million, below the line.
const MONTHLY_PARTS: u64 = 12_000_000;

/// The equal instalment that pays back a principal in a number of months at a rate: to the nearest minor unit, from
/// exactly halfway to the even one. A rate of 0 gives principal / months.
///
/// # Errors
/// The rate or the principal is negative, there are no months, or the instalment does not fit.
pub(super) fn instalment(principal_minor: i64, rate: Rate, months: u32) -> Result<i64, OutOfRange> {
    if rate.ppm() == 0 {
        return Ok(round_half_even(principal_minor.into(), months.into())?);
    }
    let rate = u64::try_from(rate.ppm()).map_err(|_| OutOfRange)?;
    let principal = u64::try_from(principal_minor).map_err(|_| OutOfRange)?;
    let divisor = greatest_common_divisor(rate, MONTHLY_PARTS);
    let p = rate.checked_div(divisor).ok_or(OutOfRange)?;
    let q = MONTHLY_PARTS.checked_div(divisor).ok_or(OutOfRange)?;
    let grown = p.checked_add(q).ok_or(OutOfRange)?;
    if months == 0 {
        return Err(OutOfRange);
    }
    let (growth, unit) = (Natural::power(grown, months), Natural::power(q, months));
    let numerator = growth.times(p).times(principal);
    let denominator = growth.minus(&unit).times(q);
    let floor = numerator.quotient(&denominator);
    let rest = numerator.minus(&denominator.times(floor));
    let up = match rest.times(2).compare(&denominator) {
        Ordering::Less => 0,
        Ordering::Equal => floor & 1,
        Ordering::Greater => 1,
    };
    let rounded = floor.checked_add(up).ok_or(OutOfRange)?;
    i64::try_from(rounded).map_err(|_| OutOfRange)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}

/// A whole number of any size, in digits of base 2³², the lowest first, without zeros at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn power(base: u64, exponent: u32) -> Self {
        (0..exponent).fold(Self(vec![1]), |power, _| power.times(base))
    }

    fn times(&self, factor: u64) -> Self {
        let mut digits = Vec::with_capacity(self.0.len().saturating_add(2));
        let mut carry: u128 = 0;
        for digit in &self.0 {
            // At most (2³² − 1)(2⁶⁴ − 1) and a carry below 2⁶⁵: far below 2¹²⁸, so nothing is cut off.
            let product = u128::from(*digit).saturating_mul(u128::from(factor));
            carry = carry.saturating_add(product);
            digits.push(low(carry));
            carry >>= 32;
        }
        while carry > 0 {
            digits.push(low(carry));
            carry >>= 32;
        }
        Self(digits).trimmed()
    }

    /// The difference from a number that is not larger.
    fn minus(&self, other: &Self) -> Self {
        let mut digits = Vec::with_capacity(self.0.len());
        let mut borrowed: u64 = 0;
        for (place, digit) in self.0.iter().enumerate() {
            let taken =
                u64::from(other.0.get(place).copied().unwrap_or(0)).saturating_add(borrowed);
            let raised = u64::from(*digit).saturating_add(1 << 32);
            let left = raised.saturating_sub(taken);
            borrowed = 1_u64.saturating_sub(left >> 32);
            digits.push(low(left.into()));
        }
        Self(digits).trimmed()
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// The largest whole number of times that the other, which is not 0, is in this one; 2⁶⁴ − 1 where it is more.
    fn quotient(&self, other: &Self) -> u64 {
        let mut found: u64 = 0;
        for bit in (0..64).rev() {
            let candidate = found | (1 << bit);
            if other.times(candidate).compare(self) != Ordering::Greater {
                found = candidate;
            }
        }
        found
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

/// The lowest digit of a number.
fn low(number: u128) -> u32 {
    u32::try_from(number & u128::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(principal: i64, ppm: i64, months: u32) -> i64 {
        instalment(principal, Rate::from_ppm(ppm).unwrap(), months).unwrap()
    }

    #[test]
    fn a_hundred_thousand_at_4_35_percent_over_a_year_is_8_530_99_a_month() {
        assert_eq!(of(10_000_000, 43_500, 12), 853_099);
    }

    #[test]
    fn one_month_pays_the_principal_and_its_interest() {
        assert_eq!(of(1_200_000, 120_000, 1), 1_212_000);
    }

    #[test]
    fn without_interest_it_is_the_share_of_a_month() {
        assert_eq!(of(1_000, 0, 3), 333);
        assert_eq!(of(1, 0, 480), 0);
    }

    #[test]
    fn the_largest_amount_the_highest_rate_and_the_longest_term_fit() {
        // Almost nothing of it is principal: 3% of a trillion, and a little.
        assert_eq!(of(1_000_000_000_000, 360_000, 480), 30_000_020_666);
    }

    #[test]
    fn no_months_no_instalment() {
        assert_eq!(instalment(1, Rate::from_ppm(1).unwrap(), 0), Err(OutOfRange));
        assert_eq!(instalment(1, Rate::from_ppm(0).unwrap(), 0), Err(OutOfRange));
        assert_eq!(instalment(-1, Rate::from_ppm(1).unwrap(), 1), Err(OutOfRange));
    }
}
