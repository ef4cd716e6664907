//! Account numbers: sixteen digits that say which cell holds the account and that catch mistyping.
//!
//! ```text
//! 100 000000000001 d
//! │   │            └ check digit, ISO/IEC 7064 MOD 11,10 over the fifteen digits before it
//! │   └ serial, twelve digits, given out by the cell
//! └ cell code, 100 to 999: which cell of the bank holds the account
//! ```
//!
//! Numeric, because people key account numbers into telephones and cash machines, and because they are the
//! primary key of the hottest tables: a `bigint` is eight bytes in each row and index entry, where the text
//! would be seventeen. It fits `i64`: the largest number has sixteen digits, and `i64` holds any eighteen.
//! The cell code is never below 100, so the number has no leading zero that an integer would lose.
//!
//! The check digit finds every wrong digit. It finds every exchange of two neighbouring digits except one
//! pair for each carry `p` that the digits before them leave: `{5 - p, 6 - p}` modulo 10, such as `67`
//! typed as `76` when `p` is 9. That is ten of the 450 combinations of carry and pair, or 2.2%.
//!
//! Invariant: an [`AccountNumber`] always has a valid cell code and check digit. Absent on purpose: branch,
//! product and currency, which can change while the number must not.

use std::fmt;

const DIGITS: usize = 16;
const SERIAL_MAX: u64 = 999_999_999_999;
/// The weight of the cell code: twelve digits of serial and the check digit stand after it.
const CELL_WEIGHT: i64 = 10_000_000_000_000;
/// The weight of the serial: the check digit stands after it.
const SERIAL_WEIGHT: i64 = 10;

/// The number of an account, with its check digit. Ordered by cell, then by serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber(i64);

/// Which cell of the bank holds an account: 100 to 999.
///
/// A bank starts with one cell. The code is in the number from the first day, so that accounts can be
/// spread over several cells later without renumbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellCode(u16);

/// Why something is not an account number. It does not repeat the number, which may be a customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountNumberError {
    /// The cell code is outside 100 to 999.
    #[error("a cell code is 100 to 999")]
    CellOutOfRange,
    /// The serial has more than twelve digits.
    #[error("an account serial has at most 12 digits")]
    SerialOutOfRange,
    /// The text is not sixteen ASCII digits, or the integer has another number of digits than sixteen.
    #[error("an account number has 16 digits")]
    NotSixteenDigits,
    /// A digit was mistyped: the last digit does not follow from the fifteen before it.
    #[error("the check digit of the account number is wrong")]
    WrongCheckDigit,
}

impl CellCode {
    /// Accepts 100 to 999.
    pub const fn try_new(code: u16) -> Result<Self, AccountNumberError> {
        match code {
            100..=999 => Ok(Self(code)),
            _ => Err(AccountNumberError::CellOutOfRange),
        }
    }

    /// The code, 100 to 999.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CellCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AccountNumber {
    /// The number of the account with this serial, 0 to 999,999,999,999, in a cell. Adds the check digit.
    #[expect(clippy::arithmetic_side_effects, reason = "the ranges make it sixteen digits")]
    pub fn from_parts(cell: CellCode, serial: u64) -> Result<Self, AccountNumberError> {
        let serial = match i64::try_from(serial) {
            Ok(within) if serial <= SERIAL_MAX => within,
            _ => return Err(AccountNumberError::SerialOutOfRange),
        };
        let body = i64::from(cell.0) * CELL_WEIGHT + serial * SERIAL_WEIGHT;
        Ok(Self(body + check_digit(digits_before_check(body))))
    }

    /// Reads exactly sixteen ASCII digits, without spaces or hyphens.
    pub fn parse(text: &str) -> Result<Self, AccountNumberError> {
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AccountNumberError::NotSixteenDigits);
        }
        // Zeros in front are digits here and nothing in an integer; name the real mistake.
        if text.starts_with('0') {
            return Err(AccountNumberError::CellOutOfRange);
        }
        Self::try_from_i64(text.parse().map_err(|_| AccountNumberError::NotSixteenDigits)?)
    }

    /// Checks a number that was read from the database or another program.
    pub fn try_from_i64(number: i64) -> Result<Self, AccountNumberError> {
        if !(1_000_000_000_000_000..=9_999_999_999_999_999).contains(&number) {
            return Err(AccountNumberError::NotSixteenDigits);
        }
        if check_digit(digits_before_check(number)) != number % SERIAL_WEIGHT {
            return Err(AccountNumberError::WrongCheckDigit);
        }
        Ok(Self(number))
    }

    /// The number as the database keeps it, check digit included.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The cell that holds the account.
    pub fn cell(self) -> CellCode {
        // Sixteen digits leave three here, so the fallback is never taken.
        CellCode(u16::try_from(self.0 / CELL_WEIGHT).unwrap_or_default())
    }

    /// The serial within the cell, 0 to 999,999,999,999.
    pub const fn serial(self) -> u64 {
        (self.0 % CELL_WEIGHT / SERIAL_WEIGHT).unsigned_abs()
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fifteen digits before the check digit, from the left, of a number of sixteen digits.
fn digits_before_check(number: i64) -> impl Iterator<Item = i64> {
    let mut weight = CELL_WEIGHT.saturating_mul(100);
    std::iter::from_fn(move || {
        let digit = number.checked_div(weight)? % 10;
        weight = if weight == SERIAL_WEIGHT { 0 } else { weight / 10 };
        Some(digit)
    })
}

/// The hybrid system MOD 11,10 of ISO/IEC 7064: a carry starts at 10; each digit is added modulo 10, with
/// 10 standing for 0, then doubled modulo 11; the check digit brings the last sum to 1.
#[expect(clippy::arithmetic_side_effects, reason = "carry and digits stay between 0 and 20")]
fn check_digit(digits: impl Iterator<Item = i64>) -> i64 {
    let carry = digits.fold(10, |carry, digit| {
        let sum = (carry + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - carry) % 10
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test should panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any number that exists.
    fn any_number() -> impl Strategy<Value = AccountNumber> {
        (100_u16..=999, 0..=SERIAL_MAX).prop_map(|(cell, serial)| {
            AccountNumber::from_parts(CellCode::try_new(cell).unwrap(), serial).unwrap()
        })
    }

    fn digits(number: AccountNumber) -> Vec<u8> {
        number.to_string().into_bytes()
    }

    fn parse(digits: &[u8]) -> Result<AccountNumber, AccountNumberError> {
        AccountNumber::parse(std::str::from_utf8(digits).unwrap())
    }

    fn check_digit_of(body: &str) -> i64 {
        check_digit(body.bytes().map(|digit| i64::from(digit & 0xF)))
    }

    /// The carry `p` of MOD 11,10 after some digits, from a table of doubling modulo 11 instead of sums.
    fn carry_after(digits: &[u8]) -> usize {
        const DOUBLED: [usize; 10] = [9, 2, 4, 6, 8, 10, 1, 3, 5, 7];
        digits.iter().fold(10, |carry, &digit| DOUBLED[(carry + usize::from(digit & 0xF)) % 10])
    }

    proptest! {
        #[test]
        fn a_number_survives_every_form_it_takes(cell in 100_u16..=999, serial in 0..=SERIAL_MAX) {
            let cell = CellCode::try_new(cell).unwrap();
            let number = AccountNumber::from_parts(cell, serial).unwrap();

            prop_assert_eq!((number.cell(), number.serial()), (cell, serial));
            prop_assert_eq!(number.to_string().len(), 16);
            prop_assert_eq!(AccountNumber::parse(&number.to_string()), Ok(number));
            prop_assert_eq!(AccountNumber::try_from_i64(number.as_i64()), Ok(number));
            let body = format!("{cell}{serial:012}");
            prop_assert!(number.to_string().starts_with(&body));
        }

        #[test]
        fn every_change_of_a_single_digit_is_refused(number in any_number()) {
            let right = digits(number);

            for place in 0..right.len() {
                for digit in b'0'..=b'9' {
                    let mut wrong = right.clone();
                    wrong[place] = digit;
                    prop_assert_eq!(parse(&wrong).is_ok(), wrong == right, "{:?}", wrong);
                }
            }
        }

        #[test]
        fn an_exchange_of_neighbours_is_refused_but_for_the_documented_pair(number in any_number()) {
            let right = digits(number);

            for place in 1..right.len() {
                let mut wrong = right.clone();
                wrong.swap(place - 1, place);
                let carry = carry_after(&right[..place - 1]);
                let mut pair = [right[place - 1] & 0xF, right[place] & 0xF].map(usize::from);
                pair.sort_unstable();
                let mut documented = [(15 - carry) % 10, (16 - carry) % 10];
                documented.sort_unstable();
                let missed = pair == documented && wrong[0] != b'0';

                prop_assert_eq!(parse(&wrong).is_ok(), wrong == right || missed, "{:?}", wrong);
            }
        }

        #[test]
        fn one_of_ten_endings_is_the_check_digit(number in any_number()) {
            let body = number.as_i64() / 10 * 10;
            let valid = (body..=body + 9).filter(|&n| AccountNumber::try_from_i64(n).is_ok());

            prop_assert_eq!(valid.collect::<Vec<_>>(), [number.as_i64()]);
        }
    }

    #[test]
    fn the_check_digit_agrees_with_published_numbers() {
        // ISO/IEC 7064's own example; a German tax number (36 574 261 809) and a Croatian OIB
        // (33392005961), both public examples in python-stdnum, which use the same system.
        assert_eq!(check_digit_of("0794"), 5);
        assert_eq!(check_digit_of("3657426180"), 9);
        assert_eq!(check_digit_of("3339200596"), 1);
    }

    #[test]
    fn the_smallest_and_the_largest_number_fit() {
        let cell = |code| CellCode::try_new(code).unwrap();
        let smallest = AccountNumber::from_parts(cell(100), 0).unwrap();
        let largest = AccountNumber::from_parts(cell(999), SERIAL_MAX).unwrap();

        assert!(smallest < largest);
        assert_eq!(smallest.as_i64() / 10, 100_000_000_000_000);
        assert_eq!(largest.as_i64() / 10, 999_999_999_999_999);
    }

    #[test]
    fn parts_out_of_range_are_refused() {
        let cell = CellCode::try_new(100).unwrap();

        for code in [0, 99, 1_000, u16::MAX] {
            assert_eq!(CellCode::try_new(code), Err(AccountNumberError::CellOutOfRange));
        }
        for serial in [SERIAL_MAX + 1, u64::MAX] {
            let refused = Err(AccountNumberError::SerialOutOfRange);
            assert_eq!(AccountNumber::from_parts(cell, serial), refused);
        }
    }

    #[test]
    fn what_is_not_sixteen_digits_is_refused() {
        let refused = Err(AccountNumberError::NotSixteenDigits);

        for text in
            ["", "1", "12345678901234567", "+123456789012345", "1234 56789012345", "１２３４５6"]
        {
            assert_eq!(AccountNumber::parse(text), refused, "{text}");
        }
        for number in [i64::MIN, -1, 0, 999_999_999_999_999, 10_000_000_000_000_000, i64::MAX] {
            assert_eq!(AccountNumber::try_from_i64(number), refused, "{number}");
        }
        let zero_first = AccountNumber::parse("0123456789012345");
        assert_eq!(zero_first, Err(AccountNumberError::CellOutOfRange));
    }
}
