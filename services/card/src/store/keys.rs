//! How numbers and PINs look at rest: sealed per field, numbers found by a keyed digest.
//!
//! Invariant: a field is sealed for one card and one column, so a row's fields open in that row only.

use std::sync::Arc;

use kernel::CardId;
use platform::protection::data_keys::DataKeys;
use platform::protection::{Error as Sealing, Place, SearchKey, Secret};
use scheme::Pan;

use crate::domain::{Bin, Card};

// Part of what each field is sealed with: they stay as they are even when a column is renamed.
const PAN: &str = "cards.pan";
const PIN: &str = "cards.pin";
/// Rounds of the permutation of serials.
const ROUNDS: u8 = 8;

/// Why a field was not sealed or opened. It never says anything about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The keys, or what was sealed.
    #[error(transparent)]
    Protection(#[from] Sealing),
    /// What was opened is not what it should be.
    #[error("a field is not what it should be")]
    Unreadable,
}

/// The keys of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    data: DataKeys,
    search: Arc<SearchKey>,
}

impl Keys {
    /// `data` seals and opens fields, `search` digests numbers and requests.
    pub fn new(data: DataKeys, search: Arc<SearchKey>) -> Self {
        Self { data, search }
    }

    /// The data keys.
    pub fn data(&self) -> &DataKeys {
        &self.data
    }

    /// By which a number is found.
    pub fn pan_digest(&self, pan: &Pan) -> Vec<u8> {
        self.search.digest("pan", &[pan.expose().as_bytes()]).as_bytes().to_vec()
    }

    /// Seals a number for its card's row.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn seal_pan(&self, id: CardId, pan: &Pan) -> Result<Vec<u8>, Error> {
        Ok(self.data.ring().seal(place(id, PAN), pan.expose().as_bytes())?)
    }

    /// The number of a card.
    ///
    /// # Errors
    /// The row was changed, or its key is gone.
    pub fn open_pan(&self, card: &Card) -> Result<Pan, Error> {
        let clear = self.data.ring().open(place(card.id, PAN), &card.pan_sealed)?;
        let text = std::str::from_utf8(clear.expose()).map_err(|_| Error::Unreadable)?;
        Pan::parse(text).map_err(|_| Error::Unreadable)
    }

    /// Seals what a PIN is checked by, for its card's row.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn seal_pin(&self, id: CardId, verification: &Secret<Vec<u8>>) -> Result<Vec<u8>, Error> {
        Ok(self.data.ring().seal(place(id, PIN), verification.expose())?)
    }

    /// What a card's PIN is checked by; `None` where it has no PIN.
    ///
    /// # Errors
    /// The row was changed, or its key is gone.
    pub fn open_pin(&self, card: &Card) -> Result<Option<Secret<Vec<u8>>>, Error> {
        let Some(sealed) = &card.pin.sealed else { return Ok(None) };
        Ok(Some(self.data.ring().open(place(card.id, PIN), sealed)?))
    }

    /// The number with this serial: a keyed permutation of the range's serials, so that numbers that are issued one after
    /// another do not follow each other. `None` where the range is exhausted.
    pub fn number(&self, bin: &Bin, serial: u64) -> Option<Pan> {
        let digits = bin.serial_digits();
        let size = 10_u64.checked_pow(digits).filter(|size| serial < *size)?;
        let mut place = serial;
        // Walks the cycle until it is within the range again: still a permutation of it.
        loop {
            place = self.permuted(&bin.digits, place, digits)?;
            if place < size {
                break;
            }
        }
        let width = usize::try_from(digits).ok()?;
        Pan::with_check_digit(&format!("{}{place:0width$}", bin.digits)).ok()
    }

    /// A balanced Feistel network over the smallest square that holds the range.
    fn permuted(&self, bin: &str, serial: u64, digits: u32) -> Option<u64> {
        let half = 10_u64.checked_pow(digits.div_ceil(2))?;
        let (mut left, mut right) = (serial.checked_div(half)?, serial.checked_rem(half)?);
        for round in 0..ROUNDS {
            let parts: [&[u8]; 3] = [bin.as_bytes(), &[round], &right.to_be_bytes()];
            let digest = self.search.digest("serial", &parts).short().rem_euclid(1 << 62);
            let mixed = left.checked_add(u64::try_from(digest).ok()?)?.checked_rem(half)?;
            (left, right) = (right, mixed);
        }
        left.checked_mul(half)?.checked_add(right)
    }
}

fn place(id: CardId, column: &'static str) -> Place {
    Place { row: id.as_uuid(), column }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use platform::protection::{DataKey, Keyring};

    use super::*;

    fn keys() -> Keys {
        let hex = Secret::new("07".repeat(32));
        let ring = || Keyring::try_new(DataKey::parse("k", &hex).unwrap(), Vec::new()).unwrap();
        let search = SearchKey::parse(&hex).unwrap();
        Keys::new(DataKeys::fixed(ring(), ring()), Arc::new(search))
    }

    #[test]
    fn every_serial_has_a_number_of_its_own_and_numbers_do_not_follow_each_other() {
        let keys = keys();
        // Three digits: the square of the network is larger than the range.
        let bin = Bin { digits: "621700991200".to_owned(), length: 16 };
        let numbers: Vec<_> = (0..1_000).map(|serial| keys.number(&bin, serial).unwrap()).collect();
        let different: HashSet<_> =
            numbers.iter().map(|number| number.expose().to_owned()).collect();

        assert_eq!(different.len(), numbers.len());
        assert!(numbers.iter().all(|number| number.is_valid() && number.expose().len() == 16));
        let serial = |number: &Pan| number.expose()[12..15].parse::<i64>().unwrap();
        let follow = numbers.windows(2).filter(|pair| serial(&pair[1]) - serial(&pair[0]) == 1);
        assert!(follow.count() < 10);
        assert!(keys.number(&bin, 1_000).is_none());
    }
}
