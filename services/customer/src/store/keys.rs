//! How personal data looks at rest: sealed per field, found by a keyed digest.
//!
//! Invariant: a field is sealed for one customer and one column, so a row's fields open in that row only.

use std::sync::Arc;

use kernel::CustomerId;
use platform::protection::data_keys::DataKeys;
use platform::protection::{Keyring, Place, SearchKey};

use super::Error;
use crate::domain::{
    DocumentHash, DocumentKind, DocumentNumber, Fingerprint, FullName, NewDetails, PersonalData,
    PhoneNumber, SealedPersonalData,
};

// Part of what each field is sealed with: they stay as they are even when a column is renamed.
const NAME: &str = "customers.name";
const DOCUMENT_NUMBER: &str = "customers.document_number";
const PHONE: &str = "customers.phone";

/// Some of the fields of a customer, sealed.
pub struct SealedDetails {
    pub name: Option<Vec<u8>>,
    pub document_number: Option<Vec<u8>>,
    pub phone: Option<Vec<u8>>,
}

/// The keys of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    data: DataKeys,
    search: Arc<SearchKey>,
}

impl Keys {
    /// `data` seals and opens fields, `search` digests documents and requests.
    pub fn new(data: DataKeys, search: SearchKey) -> Self {
        Self { data, search: Arc::new(search) }
    }

    /// The data keys.
    pub fn data(&self) -> &DataKeys {
        &self.data
    }

    /// The id of the data key in use, as sealed fields name it.
    pub fn writing_id(&self) -> String {
        self.data.ring().writing_id().to_owned()
    }

    /// Seals what identifies a person, for that customer's row.
    pub fn seal(&self, id: CustomerId, person: &PersonalData) -> Result<SealedPersonalData, Error> {
        seal_with(&self.data.ring(), id, person)
    }

    /// Seals the details that are there, for that customer's row.
    pub fn seal_details(&self, id: CustomerId, new: &NewDetails) -> Result<SealedDetails, Error> {
        let ring = self.data.ring();
        let seal = |column, text: &str| ring.seal(place(id, column), text.as_bytes());
        let document = new.document.as_ref();
        Ok(SealedDetails {
            name: new.name.as_ref().map(|name| seal(NAME, name.clear())).transpose()?,
            document_number: document
                .map(|(_, number)| seal(DOCUMENT_NUMBER, number.clear()))
                .transpose()?,
            phone: new.phone.as_ref().map(|phone| seal(PHONE, phone.clear())).transpose()?,
        })
    }

    /// Opens what was sealed for that customer's row.
    pub fn open(&self, id: CustomerId, sealed: &SealedPersonalData) -> Result<PersonalData, Error> {
        let name = self.open_text(place(id, NAME), &sealed.name)?;
        let number = self.open_text(place(id, DOCUMENT_NUMBER), &sealed.document_number)?;
        let phone = match &sealed.phone {
            None => None,
            Some(sealed) => {
                let phone = self.open_text(place(id, PHONE), sealed)?;
                Some(PhoneNumber::parse(&phone).map_err(|_| Error::Unreadable)?)
            }
        };
        Ok(PersonalData {
            name: FullName::parse(&name).map_err(|_| Error::Unreadable)?,
            document_number: DocumentNumber::parse(&number).map_err(|_| Error::Unreadable)?,
            phone,
        })
    }

    /// What one document is found by, however its number is written.
    pub fn document_hash(&self, kind: DocumentKind, number: &DocumentNumber) -> DocumentHash {
        let number = number.normalized();
        let digest = self.search.digest("document", &[kind.as_str().as_bytes(), number.as_bytes()]);
        DocumentHash(*digest.as_bytes())
    }

    /// What a request is recognised by. Keyed, because requests contain names and document numbers.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> Fingerprint {
        Fingerprint(self.search.digest("request", parts).short())
    }

    fn open_text(&self, place: Place, sealed: &[u8]) -> Result<String, Error> {
        let clear = self.data.ring().open(place, sealed)?;
        String::from_utf8(clear.into_exposed()).map_err(|_| Error::Unreadable)
    }
}

fn place(id: CustomerId, column: &'static str) -> Place {
    Place { row: id.as_uuid(), column }
}

/// Seals all fields of one person with one key, whatever rotation goes on meanwhile.
fn seal_with(
    ring: &Keyring,
    id: CustomerId,
    person: &PersonalData,
) -> Result<SealedPersonalData, Error> {
    let seal = |column, text: &str| ring.seal(place(id, column), text.as_bytes());
    let phone = person.phone.as_ref().map(|phone| seal(PHONE, phone.clear()));
    Ok(SealedPersonalData {
        name: seal(NAME, person.name.clear())?,
        document_number: seal(DOCUMENT_NUMBER, person.document_number.clear())?,
        phone: phone.transpose()?,
    })
}
