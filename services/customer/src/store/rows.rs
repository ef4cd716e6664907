//! Rows as domain values, and the words under which the domain's choices are stored.
//!
//! A row that the domain holds impossible is `Inconsistent`, never patched up.

use chrono::{DateTime, Utc};
use kernel::{CustomerId, RequestId};
use platform::db;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::change_requests;
use crate::domain::{
    Customer, CustomerKind, CustomerStatus, DocumentHash, DocumentKind, Fingerprint, Reason,
    Rejection, SealedPersonalData, Standing, Step, Stored,
};

/// What is stored as the result of a request that was done.
pub const DONE: &str = "DONE";
/// What is stored as the status before the registration.
pub const NO_STATUS: &str = "NONE";

/// The columns of a customer, as every query names them.
#[derive(FromRow)]
pub struct CustomerRow {
    customer_id: Uuid,
    kind: String,
    document_kind: String,
    document_hash: Vec<u8>,
    name_encrypted: Vec<u8>,
    document_number_encrypted: Vec<u8>,
    phone_encrypted: Option<Vec<u8>>,
    registered_at: DateTime<Utc>,
    status: String,
    status_reason: String,
    status_changed_at: DateTime<Utc>,
    version: i64,
}

impl CustomerRow {
    /// The customer.
    pub fn into_customer(self) -> Result<Customer, db::Error> {
        let hash = self.document_hash.try_into().map_err(|_| inconsistent("document_hash"))?;
        Ok(Customer {
            id: CustomerId::from_uuid(self.customer_id),
            kind: find(&CustomerKind::ALL, &self.kind, CustomerKind::as_str)?,
            document_kind: find(&DocumentKind::ALL, &self.document_kind, DocumentKind::as_str)?,
            document_hash: DocumentHash(hash),
            sealed: SealedPersonalData {
                name: self.name_encrypted,
                document_number: self.document_number_encrypted,
                phone: self.phone_encrypted,
            },
            registered_at: self.registered_at,
            standing: Standing {
                status: status(&self.status)?,
                reason: Reason::parse(&self.status_reason).map_err(|_| inconsistent("reason"))?,
                changed_at: self.status_changed_at,
                version: self.version,
            },
        })
    }
}

/// A decision, from a row of `find_decided.sql`.
pub fn stored(row: &PgRow) -> Result<(RequestId, Stored), db::Error> {
    let request_id: Uuid = row.try_get("request_id")?;
    let request_id = RequestId::from_uuid(request_id).map_err(|_| inconsistent("request_id"))?;
    let result: String = row.try_get("result")?;
    let kind: &str = row.try_get("request_kind")?;
    let result = if kind == change_requests::PROPOSE || kind == change_requests::DECIDE {
        // Decided elsewhere: whatever a lane is asked under this id, it was not this.
        Err(Rejection::RequestIdReused)
    } else if result == DONE {
        Ok(CustomerRow::from_row(row)?.into_customer()?)
    } else {
        Err(rejection(&result, row)?)
    };
    let fingerprint = Fingerprint(row.try_get("fingerprint")?);
    Ok((request_id, Stored { fingerprint, result }))
}

/// The status under its stored word.
pub fn status(word: &str) -> Result<CustomerStatus, db::Error> {
    find(&CustomerStatus::ALL, word, CustomerStatus::as_str)
}

fn rejection(code: &str, row: &PgRow) -> Result<Rejection, db::Error> {
    let plain = [
        Rejection::CustomerHasProducts,
        Rejection::CustomerUnknown,
        Rejection::DocumentAlreadyRegistered,
        Rejection::OwnerOwesOnCard,
    ];
    if let Some(rejection) = plain.into_iter().find(|rejection| rejection.code() == code) {
        return Ok(rejection);
    }
    let from: Option<String> = row.try_get("refused_in_status")?;
    let step: String = row.try_get("request_kind")?;
    let rejection = Rejection::IllegalTransition {
        from: status(&from.unwrap_or_default())?,
        step: find(&Step::ALL, &step, Step::as_str)?,
    };
    if rejection.code() == code { Ok(rejection) } else { Err(inconsistent("result")) }
}

fn find<T: Copy>(all: &[T], word: &str, name: fn(T) -> &'static str) -> Result<T, db::Error> {
    all.iter().copied().find(|choice| name(*choice) == word).ok_or_else(|| inconsistent(word))
}

/// Says which column or word is wrong; both are ours, never personal data.
fn inconsistent(what: &str) -> db::Error {
    db::Error::Inconsistent(format!("no such value can be in the books of customer: {what}"))
}
