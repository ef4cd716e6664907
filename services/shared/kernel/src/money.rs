//! Amounts of money: a whole number of minor units (fen, cents) and the currency they are in.
//!
//! Invariants: an amount always knows its currency; amounts of different currencies are never added or
//! compared; a sum that does not fit is an error and never wraps.
//!
//! Absent on purpose: `Add` and `PartialOrd`, which could not refuse; multiplication and division, which
//! need rounding and so live in `rounding.rs`; reading amounts from text, as the wire and the database carry
//! minor units.

use std::cmp::Ordering;
use std::fmt;

use crate::Currency;

/// An amount in minor units of one currency. It may be negative: a balance can be overdrawn.
///
/// `i64` reaches 92 quadrillion with two decimals, and is the database's `bigint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why two amounts could not be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result is outside the range of `i64` minor units.
    #[error("the amount is out of range")]
    Overflow,
    /// The amounts are in different currencies.
    #[error("cannot combine {left} with {right}")]
    CurrencyMismatch {
        /// The currency of the amount that the method was called on.
        left: Currency,
        /// The currency of the argument.
        right: Currency,
    },
}

impl Money {
    /// An amount of `minor` minor units: `Money::new(123_456, Currency::CNY)` is 1,234.56 yuan.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// No money, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency of the amount.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(self.minor.checked_add(other.minor))
    }

    /// The difference of two amounts of one currency; it may be negative.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(self.minor.checked_sub(other.minor))
    }

    /// The amount with its sign turned. Only `i64::MIN` minor units have no opposite.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with_minor(self.minor.checked_neg())
    }

    /// Which of two amounts of one currency is larger.
    pub fn checked_cmp(self, other: Self) -> Result<Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.minor.cmp(&other.minor))
    }

    /// Whether the amount is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether the amount is above zero.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        let (left, right) = (self.currency, other.currency);
        if left == right { Ok(()) } else { Err(MoneyError::CurrencyMismatch { left, right }) }
    }

    fn with_minor(self, minor: Option<i64>) -> Result<Self, MoneyError> {
        let minor = minor.ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

/// `1,234.56 CNY`, `-5 JPY`: with the decimals of the currency and commas between thousands. For people and
/// logs; programs exchange minor units.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.currency.decimals());
        // Zeros in front, so that even 0.05 has a digit before the point.
        let digits = format!("{:0>1$}", self.minor.unsigned_abs(), decimals.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));

        if self.is_negative() {
            f.write_str("-")?;
        }
        for (digits_left, digit) in (1..=whole.len()).rev().zip(whole.chars()) {
            write!(f, "{digit}")?;
            if digits_left > 1 && digits_left % 3 == 1 {
                f.write_str(",")?;
            }
        }
        if !fraction.is_empty() {
            write!(f, ".{fraction}")?;
        }
        write!(f, " {}", self.currency)
    }
}

/// An amount above zero: what people deposit, transfer, hold and borrow.
///
/// A command that carries one need not ask whether the amount is negative, which would turn a deposit into
/// a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PositiveMoney(Money);

/// The amount is zero or negative where only a positive one has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{money} is not a positive amount")]
pub struct NotPositive {
    /// The amount that was refused.
    pub money: Money,
}

impl PositiveMoney {
    /// Accepts amounts of at least one minor unit.
    pub const fn try_new(money: Money) -> Result<Self, NotPositive> {
        if money.is_positive() { Ok(Self(money)) } else { Err(NotPositive { money }) }
    }

    /// The amount as plain money, for arithmetic.
    pub const fn money(self) -> Money {
        self.0
    }

    /// The amount in minor units, at least 1.
    pub const fn minor(self) -> i64 {
        self.0.minor()
    }

    /// The currency of the amount.
    pub const fn currency(self) -> Currency {
        self.0.currency()
    }
}

impl fmt::Display for PositiveMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::CNY)
    }

    proptest! {
        #[test]
        fn adding_is_commutative(a: i64, b: i64) {
            prop_assert_eq!(cny(a).checked_add(cny(b)), cny(b).checked_add(cny(a)));
        }

        #[test]
        fn adding_gives_the_exact_sum_or_says_overflow(a: i64, b: i64) {
            let exact = i128::from(a).checked_add(i128::from(b)).unwrap();
            let expected = i64::try_from(exact).map(cny).map_err(|_| MoneyError::Overflow);

            prop_assert_eq!(cny(a).checked_add(cny(b)), expected);
        }

        #[test]
        fn subtracting_gives_the_exact_difference_or_says_overflow(a: i64, b: i64) {
            let exact = i128::from(a).checked_sub(i128::from(b)).unwrap();
            let expected = i64::try_from(exact).map(cny).map_err(|_| MoneyError::Overflow);

            prop_assert_eq!(cny(a).checked_sub(cny(b)), expected);
        }

        #[test]
        fn subtracting_undoes_adding(
            a in i64::MIN / 2..i64::MAX / 2, b in i64::MIN / 2..i64::MAX / 2,
        ) {
            let sum = cny(a).checked_add(cny(b)).unwrap();

            prop_assert_eq!(sum.checked_sub(cny(b)), Ok(cny(a)));
        }

        #[test]
        fn an_amount_and_its_opposite_sum_to_zero(a in i64::MIN + 1..=i64::MAX) {
            let opposite = cny(a).checked_neg().unwrap();

            prop_assert_eq!(cny(a).checked_add(opposite), Ok(Money::zero(Currency::CNY)));
        }

        #[test]
        fn an_amount_has_exactly_one_sign_and_only_positive_ones_are_positive_money(a: i64) {
            let signs = [cny(a).is_negative(), cny(a).is_zero(), cny(a).is_positive()];

            prop_assert_eq!(signs.into_iter().filter(|&sign| sign).count(), 1);
            prop_assert_eq!(PositiveMoney::try_new(cny(a)).is_ok(), a > 0);
        }

        #[test]
        fn the_printed_digits_are_the_minor_units(a: i64) {
            let digits: String =
                cny(a).to_string().chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();

            prop_assert_eq!(digits.parse::<i64>(), Ok(a));
        }
    }

    #[test]
    fn the_ends_of_the_range_overflow() {
        assert_eq!(cny(i64::MAX).checked_add(cny(1)), Err(MoneyError::Overflow));
        assert_eq!(cny(i64::MIN).checked_sub(cny(1)), Err(MoneyError::Overflow));
        assert_eq!(cny(i64::MIN).checked_neg(), Err(MoneyError::Overflow));
    }

    #[test]
    fn different_currencies_are_never_combined() {
        let yen = Money::new(1, Currency::JPY);
        let mismatch = MoneyError::CurrencyMismatch { left: Currency::CNY, right: Currency::JPY };

        assert_eq!(cny(1).checked_add(yen), Err(mismatch));
        assert_eq!(cny(1).checked_sub(yen), Err(mismatch));
        assert_eq!(cny(1).checked_cmp(yen), Err(mismatch));
        assert_ne!(cny(1), yen);
    }

    #[test]
    fn amounts_of_one_currency_compare_by_size() {
        assert_eq!(cny(-1).checked_cmp(cny(1)), Ok(Ordering::Less));
        assert_eq!(cny(1).checked_cmp(cny(1)), Ok(Ordering::Equal));
    }

    #[test]
    fn amounts_print_with_the_decimals_of_their_currency() {
        let print = |minor, currency| Money::new(minor, currency).to_string();

        assert_eq!(print(123_456, Currency::CNY), "1,234.56 CNY");
        assert_eq!(print(-5, Currency::CNY), "-0.05 CNY");
        assert_eq!(print(0, Currency::CNY), "0.00 CNY");
        assert_eq!(print(99_999, Currency::CNY), "999.99 CNY");
        assert_eq!(print(1_234_567, Currency::JPY), "1,234,567 JPY");
        assert_eq!(print(0, Currency::JPY), "0 JPY");
        assert_eq!(print(1_234_567, Currency::KWD), "1,234.567 KWD");
        assert_eq!(print(i64::MIN, Currency::CNY), "-92,233,720,368,547,758.08 CNY");
    }
}
