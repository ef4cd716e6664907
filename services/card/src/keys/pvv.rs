//! What is computed from PINs and numbers, apart from the keys it is computed with.
//!
//! PIN verification value (PVV): Visa's method. The eleven digits of the number before its check digit, the key index and
//! the first four digits of the PIN are encrypted; the first four decimal digits of the result are the value, and where
//! there are not four, letters from the left, less ten. CVV2: number, expiry and service code 000, encrypted in two blocks
//! with the halves of a double-length key, decimalised likewise to three digits.

use scheme::{ClearPin, Pan};

/// The index of the PIN verification key that the value names.
const KEY_INDEX: char = '1';

/// The block of which the PVV is made.
pub(super) fn transformed_pin(pan: &Pan, pin: &ClearPin) -> Option<[u8; 8]> {
    let digits = pan.expose();
    let end = digits.len().checked_sub(1)?;
    let eleven = digits.get(end.checked_sub(11)?..end)?;
    let four = pin.expose().get(..4)?;
    packed(&format!("{eleven}{KEY_INDEX}{four}"))
}

/// The first so many decimal digits of a block; where there are not enough, its letters less ten.
pub(super) fn decimalised(block: [u8; 8], count: usize) -> String {
    let nibbles = || block.into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let digits = nibbles().filter(|nibble| *nibble < 10);
    let letters = nibbles().filter(|nibble| *nibble >= 10).map(|nibble| nibble.saturating_sub(10));
    let chosen = digits.chain(letters).take(count);
    chosen.filter_map(|digit| char::from_digit(u32::from(digit), 10)).collect()
}

/// The two blocks of which a CVV is made: number, expiry and service code, filled with zeros.
pub(super) fn cvv_blocks(
    pan: &Pan,
    expiry: &str,
    service_code: &str,
) -> Option<([u8; 8], [u8; 8])> {
    let text = format!("{:0<32}", format!("{}{expiry}{service_code}", pan.expose()));
    let (first, second) = text.split_at_checked(16)?;
    Some((packed(first)?, packed(second)?))
}

/// Whether all digits are the same, or each follows the one before, up or down.
pub(super) fn is_simple(pin: &ClearPin) -> bool {
    let digits = pin.expose().as_bytes();
    let steps = || {
        digits.windows(2).map(|pair| match pair {
            [one, other] => i16::from(*other).saturating_sub(i16::from(*one)),
            _ => 0,
        })
    };
    [0, 1, -1].into_iter().any(|step| steps().all(|found| found == step))
}

fn packed(digits: &str) -> Option<[u8; 8]> {
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 16)?;
    Some(number.to_be_bytes())
}
