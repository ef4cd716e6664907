//! Card numbers.

use proptest::prelude::*;
use scheme::{Pan, luhn_digit};

use crate::some;

/// Wikipedia, "Luhn algorithm", and the test numbers that payment processors publish.
#[test]
fn published_numbers_have_the_published_check_digit() {
    assert_eq!(luhn_digit("1789372997"), Some('4'));
    for number in [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
    ] {
        assert!(Pan::parse(number).unwrap().is_valid(), "{number}");
    }
    assert!(!Pan::parse("4111111111111112").unwrap().is_valid());
}

#[test]
fn what_is_no_number_is_refused_and_not_repeated() {
    for text in
        ["", "41111111111", "41111111111111111111", "411111111111111x", "４１１１１１１１１１１１"]
    {
        let error = Pan::parse(text).unwrap_err();
        assert_eq!(error.to_string(), "a card number has 12 to 19 digits");
    }
    assert_eq!(luhn_digit(""), None);
    assert_eq!(luhn_digit("12a"), None);
}

#[test]
fn a_number_shows_its_last_four_digits_only() {
    let pan = Pan::parse("6225880212345678").unwrap();

    assert_eq!(format!("{pan} {pan:?} {:?}", Some(&pan)), "****5678 ****5678 Some(****5678)");
    assert_eq!(pan.last_four(), "5678");
}

proptest! {
    #[test]
    fn a_number_made_with_its_check_digit_is_valid_and_no_other_digit_is(body in "[0-9]{11,18}", other in 1..=9_u32) {
        let pan = Pan::with_check_digit(&body).unwrap();
        prop_assert!(pan.is_valid());
        prop_assert!(pan.expose().starts_with(&body));

        let last = pan.expose().chars().last().and_then(|c| c.to_digit(10)).unwrap();
        let wrong = format!("{body}{}", (last + other) % 10);
        prop_assert!(!Pan::parse(&wrong).unwrap().is_valid());
    }

    #[test]
    fn one_wrong_digit_is_found(pan in some::pan(), at in 0..19_usize, by in 1..=9_u8) {
        let valid = Pan::with_check_digit(&pan.expose()[1..]).or_else(|_| Pan::with_check_digit(pan.expose())).unwrap();
        let mut digits = valid.expose().as_bytes().to_vec();
        let at = at % digits.len();
        digits[at] = b'0' + (digits[at] - b'0' + by) % 10;

        prop_assert!(!Pan::parse(std::str::from_utf8(&digits).unwrap()).unwrap().is_valid());
    }
}
