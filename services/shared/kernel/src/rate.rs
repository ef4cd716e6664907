//! Interest rates, in parts per million per year.
//!
//! One part per million is a hundredth of a basis point, so 4.35% is 43,500 and the published benchmarks
//! (LPR, two decimals of a percent) and spreads of a quarter basis point are exact.
//!
//! Absent on purpose: arithmetic on rates. A rate becomes money only through [`crate::interest`], which
//! rounds once; daily and monthly rates are a year fraction there, because 4.35% / 360 has no exact value.

use std::fmt;

/// A yearly rate, from -100% to 1,000%. Ordered by size. Negative rates exist (deposits in Swiss francs and
/// euros had them); beyond these limits it is a slip of the unit, such as basis points taken for percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i64);

/// Why something is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Below -100% or above 1,000%.
    #[error("a rate is -100% to 1000% a year")]
    OutOfRange,
    /// Not a decimal number with at most four decimals.
    #[error("a rate is a decimal number of percent with at most 4 decimals")]
    Malformed,
}

/// Parts per million in one percent; so a percent has four decimals.
const PPM_PER_PERCENT: i64 = 10_000;
/// Parts per million in one basis point, a hundredth of a percent.
const PPM_PER_BASIS_POINT: i64 = 100;

impl Rate {
    /// The lowest rate, -100%: a year takes the whole principal.
    pub const MIN: Self = Self(-1_000_000);
    /// The highest rate, 1,000%.
    pub const MAX: Self = Self(10_000_000);

    /// Accepts -1,000,000 to 10,000,000 parts per million a year. Error: `OutOfRange`.
    pub const fn from_ppm(ppm: i64) -> Result<Self, RateError> {
        if ppm < Self::MIN.0 || ppm > Self::MAX.0 {
            Err(RateError::OutOfRange)
        } else {
            Ok(Self(ppm))
        }
    }

    /// Accepts -10,000 to 100,000 basis points a year: 435 is 4.35%. Error: `OutOfRange`.
    pub const fn from_basis_points(basis_points: i64) -> Result<Self, RateError> {
        // A product that saturates is far out of range too.
        Self::from_ppm(basis_points.saturating_mul(PPM_PER_BASIS_POINT))
    }

    /// Reads percent a year as people write it, without the sign: `4.35`, `-0.5`, `10`. At most four
    /// decimals, digits on both sides of the point. Errors: `Malformed`, `OutOfRange`.
    pub fn parse_percent(text: &str) -> Result<Self, RateError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 4 {
            return Err(RateError::Malformed);
        }
        // Digits only, so whatever fails from here is a number too large.
        let whole: i64 = whole.parse().map_err(|_| RateError::OutOfRange)?;
        let decimals: i64 = format!("{decimals:0<4}").parse().map_err(|_| RateError::OutOfRange)?;
        let size = whole.saturating_mul(PPM_PER_PERCENT).saturating_add(decimals);
        Self::from_ppm(if negative { size.saturating_neg() } else { size })
    }

    /// The rate in parts per million a year.
    pub const fn ppm(self) -> i64 {
        self.0
    }
}

/// `4.35%`, `5.00%`, `4.125%`: percent a year with two to four decimals.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let decimals = format!("{:04}", size % PPM_PER_PERCENT);
        let (hundredths, beyond) = decimals.split_at(2);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{hundredths}{}%", size / PPM_PER_PERCENT, beyond.trim_end_matches('0'))
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test should panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_rate_survives_being_printed_and_parsed(ppm in Rate::MIN.0..=Rate::MAX.0) {
            let rate = Rate::from_ppm(ppm).unwrap();
            let text = rate.to_string();

            prop_assert_eq!(Rate::parse_percent(text.trim_end_matches('%')), Ok(rate));
        }

        #[test]
        fn a_rate_is_accepted_within_its_limits_only(ppm: i64) {
            let within = (-1_000_000..=10_000_000).contains(&ppm);

            prop_assert_eq!(Rate::from_ppm(ppm).map(Rate::ppm).ok(), within.then_some(ppm));
        }

        #[test]
        fn a_hundred_basis_points_are_a_percent(percent in -100_i64..=1_000) {
            let basis_points = Rate::from_basis_points(percent * 100);

            prop_assert_eq!(basis_points, Rate::parse_percent(&percent.to_string()));
        }
    }

    #[test]
    fn percent_is_read_exactly() {
        assert_eq!(Rate::parse_percent("4.35").map(Rate::ppm), Ok(43_500));
        assert_eq!(Rate::parse_percent("0.0001").map(Rate::ppm), Ok(1));
        assert_eq!(Rate::parse_percent("-0.5").map(Rate::ppm), Ok(-5_000));
        assert_eq!(Rate::parse_percent("-0").map(Rate::ppm), Ok(0));
        assert_eq!(Rate::parse_percent("1000"), Ok(Rate::MAX));
        assert_eq!(Rate::parse_percent("-100"), Ok(Rate::MIN));
        assert_eq!(Rate::from_basis_points(435).map(Rate::ppm), Ok(43_500));
    }

    #[test]
    fn rates_print_as_bankers_write_them() {
        let print = |ppm| Rate::from_ppm(ppm).unwrap().to_string();

        assert_eq!(print(43_500), "4.35%");
        assert_eq!(print(50_000), "5.00%");
        assert_eq!(print(41_250), "4.125%");
        assert_eq!(print(-5_000), "-0.50%");
        assert_eq!(print(1), "0.0001%");
        assert_eq!(print(0), "0.00%");
    }

    #[test]
    fn what_is_no_number_of_percent_is_refused() {
        for text in
            ["", "-", ".", "4.", ".5", "+4", "4.35%", "4,35", "4.35001", " 4", "--4", "4.3.5", "１"]
        {
            assert_eq!(Rate::parse_percent(text), Err(RateError::Malformed), "{text}");
        }
        for text in ["1000.0001", "-100.0001", "99999999999999999999", "-9223372036854775807"] {
            assert_eq!(Rate::parse_percent(text), Err(RateError::OutOfRange), "{text}");
        }
        assert_eq!(Rate::from_basis_points(i64::MAX), Err(RateError::OutOfRange));
    }
}
