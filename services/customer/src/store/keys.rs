//! How personal data looks at rest: sealed per field, found by a keyed digest.
//!
//! Invariant: a field is sealed for one customer and one column, so a row's fields open in that row only.

use kernel::CustomerId;
use platform::protection::{Keyring, Place, SearchKey};

use super::Error;
use crate::domain::{
    DocumentHash, DocumentKind, DocumentNumber, Fingerprint, FullName, PersonalData, PhoneNumber,
    SealedPersonalData,
};

// Part of what each field is sealed with: they stay as they are even when a column is renamed.
const NAME: &str = "customers.name";
const DOCUMENT_NUMBER: &str = "customers.document_number";
const PHONE: &str = "customers.phone";

/// The keys of this service.
#[derive(Debug)]
pub struct Keys {
    data: Keyring,
    search: SearchKey,
}

impl Keys {
    /// `data` seals and opens fields, `search` digests documents and requests.
    pub fn new(data: Keyring, search: SearchKey) -> Self {
        Self { data, search }
    }

    /// Seals what identifies a person, for that customer's row.
    pub fn seal(&self, id: CustomerId, person: &PersonalData) -> Result<SealedPersonalData, Error> {
        let seal = |column, text: &str| self.data.seal(place(id, column), text.as_bytes());
        let phone = person.phone.as_ref().map(|phone| seal(PHONE, phone.clear()));
        Ok(SealedPersonalData {
            name: seal(NAME, person.name.clear())?,
            document_number: seal(DOCUMENT_NUMBER, person.document_number.clear())?,
            phone: phone.transpose()?,
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
        let clear = self.data.open(place, sealed)?;
        String::from_utf8(clear.into_exposed()).map_err(|_| Error::Unreadable)
    }
}

fn place(id: CustomerId, column: &'static str) -> Place {
    Place { row: id.as_uuid(), column }
}
