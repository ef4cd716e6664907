//! Keys for data, and the envelope around each sealed field.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use uuid::Uuid;

use super::{Error, Secret, key_from_hex};

/// The only format so far.
const FORMAT_VERSION: u8 = 1;
/// The longest key id, in bytes.
const KEY_ID_LENGTH_MAX: usize = 32;

/// One key that seals and opens fields, and the id by which a sealed field names it.
pub struct DataKey {
    id: String,
    key: RandomizedNonceKey,
}

impl DataKey {
    /// Reads a key: an id of 1 to 32 printable ASCII characters, and 64 hexadecimal digits.
    pub fn parse(id: &str, hex: &Secret<String>) -> Result<Self, Error> {
        let id_fits = (1..=KEY_ID_LENGTH_MAX).contains(&id.len());
        if !id_fits || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::KeyId);
        }
        let bytes = key_from_hex(hex)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| Error::KeyFormat)?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// A key from its 32 bytes.
    pub(super) fn from_bytes(id: &str, bytes: &[u8]) -> Result<Self, Error> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| Error::KeyFormat)?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// What precedes the nonce in every field that this key seals.
    fn header(&self) -> Vec<u8> {
        // `parse` keeps ids within 32 bytes, so the length fits.
        let length = u8::try_from(self.id.len()).unwrap_or(u8::MAX);
        let mut header = vec![FORMAT_VERSION, length];
        header.extend_from_slice(self.id.as_bytes());
        header
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a field belongs: one column of one row. Sealed for one place, it opens at no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The row's id.
    pub row: Uuid,
    /// Table and column, such as `customers.name`. Renaming the column leaves this as it was.
    pub column: &'static str,
}

/// The keys of one service: one for writing, all of them for reading.
#[derive(Debug)]
pub struct Keyring {
    writing: DataKey,
    retired: BTreeMap<String, DataKey>,
}

impl Keyring {
    /// A ring that seals with `writing` and also opens what the `retired` keys sealed.
    pub fn try_new(writing: DataKey, retired: Vec<DataKey>) -> Result<Self, Error> {
        let mut by_id = BTreeMap::new();
        for key in retired {
            if key.id == writing.id || by_id.contains_key(&key.id) {
                return Err(Error::KeyIdTwice);
            }
            by_id.insert(key.id.clone(), key);
        }
        Ok(Self { writing, retired: by_id })
    }

    /// The id of the key that seals.
    pub fn writing_id(&self) -> &str {
        &self.writing.id
    }

    /// The id of the key that sealed a value.
    pub fn key_id(sealed: &[u8]) -> Option<&[u8]> {
        let [FORMAT_VERSION, id_length, ..] = *sealed else { return None };
        sealed.get(2..2 + usize::from(id_length))
    }

    /// Seals a value for one place. Sealing the same value twice gives different bytes.
    pub fn seal(&self, place: Place, clear: &[u8]) -> Result<Vec<u8>, Error> {
        let header = self.writing.header();
        let mut in_out = clear.to_vec();
        let nonce = self
            .writing
            .key
            .seal_in_place_append_tag(Aad::from(associated(&header, place)), &mut in_out)
            .map_err(|_| Error::Seal)?;
        let mut sealed = header;
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&in_out);
        Ok(sealed)
    }

    /// Opens a value that was sealed for this place.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        let [FORMAT_VERSION, id_length, ..] = *sealed else {
            return Err(Error::Format);
        };
        let (header, rest) =
            sealed.split_at_checked(2 + usize::from(id_length)).ok_or(Error::Format)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or(Error::Format)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Format)?;
        let key = self.find(header.get(2..).unwrap_or_default()).ok_or(Error::UnknownKey)?;
        let mut in_out = ciphertext.to_vec();
        let clear = key
            .key
            .open_in_place(nonce, Aad::from(associated(header, place)), &mut in_out)
            .map_err(|_| Error::NotAuthentic)?;
        Ok(Secret::new(clear.to_vec()))
    }

    fn find(&self, id: &[u8]) -> Option<&DataKey> {
        if self.writing.id.as_bytes() == id {
            return Some(&self.writing);
        }
        self.retired.get(std::str::from_utf8(id).ok()?)
    }
}

/// What is authenticated beside the ciphertext. The header says its own length and the row id has a fixed one, so
/// no two places give the same bytes.
fn associated(header: &[u8], place: Place) -> Vec<u8> {
    [header, place.row.as_bytes(), place.column.as_bytes()].concat()
}
