//! Proposed changes of customers: rows of the platform's `approvals`, whose payload is this service's.
//!
//! A payload is the new details, sealed for that one proposal.

use chrono::{DateTime, Utc};
use kernel::CustomerId;
use platform::db::{self, Reader, WriteTx};
use platform::protection::{Place, data_keys};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::status;
use super::{Error, Keys};
use crate::domain::{
    CustomerStatus, DocumentHash, DocumentKind, DocumentNumber, FullName, NewDetails, PhoneNumber,
};

/// What `approvals.kind` says of these.
pub const KIND: &str = "CHANGE_CUSTOMER";
const COLUMN: &str = "approvals.payload";
/// What `approvals.state` says while nobody has decided.
pub const PENDING: &str = "PENDING";

const FIND: &str = "
SELECT approval_id, subject, payload, payload_hash, maker, reason, proposed_at, expires_at, state, checker
FROM approvals
WHERE approval_id = $1 AND kind = 'CHANGE_CUSTOMER'";
const LIST_PENDING: &str = "
SELECT approval_id, subject, payload, payload_hash, maker, reason, proposed_at, expires_at, state, checker
FROM approvals
WHERE kind = 'CHANGE_CUSTOMER' AND state = 'PENDING' AND (proposed_at, approval_id) > ($1, $2)
ORDER BY proposed_at, approval_id
LIMIT $3";
const LOCK_CUSTOMER: &str = "SELECT status FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE";
const IS_TAKEN: &str = "
SELECT EXISTS (SELECT FROM customers WHERE document_hash = $1 AND customer_id <> $2)";
const CHANGE: &str = "
UPDATE customers
SET name_encrypted = coalesce($2, name_encrypted),
    document_kind = coalesce($3, document_kind),
    document_number_encrypted = coalesce($4, document_number_encrypted),
    document_hash = coalesce($5, document_hash),
    phone_encrypted = coalesce($6, phone_encrypted)
WHERE customer_id = $1";

/// A proposal as it is stored.
#[derive(Debug, Clone)]
pub struct StoredChange {
    /// The change's id.
    pub id: Uuid,
    /// Whom it changes.
    pub customer_id: CustomerId,
    /// Sealed details.
    pub payload: Vec<u8>,
    /// SHA-256 of the payload.
    pub payload_hash: Vec<u8>,
    /// Who proposed it.
    pub maker: String,
    /// Why.
    pub reason: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// Until when it can be approved.
    pub expires_at: DateTime<Utc>,
    /// `PENDING`, `APPROVED` or `REJECTED`.
    pub state: String,
    /// Who decided it.
    pub checker: Option<String>,
}

/// New details as they are inside the seal.
#[derive(Serialize, Deserialize)]
struct Inside {
    name: Option<String>,
    document: Option<(String, String)>,
    phone: Option<String>,
}

impl Keys {
    /// The payload of a proposal.
    pub fn seal_change(&self, id: Uuid, new: &NewDetails) -> Result<Vec<u8>, Error> {
        let inside = Inside {
            name: new.name.as_ref().map(|name| name.clear().to_owned()),
            document: new
                .document
                .as_ref()
                .map(|(kind, number)| (kind.as_str().to_owned(), number.clear().to_owned())),
            phone: new.phone.as_ref().map(|phone| phone.clear().to_owned()),
        };
        let clear = serde_json::to_vec(&inside).map_err(|_| Error::Unreadable)?;
        let place = Place { row: id, column: COLUMN };
        Ok(self.data().ring().seal(place, &clear)?)
    }

    /// The details in a payload.
    pub fn open_change(&self, id: Uuid, payload: &[u8]) -> Result<NewDetails, Error> {
        let clear = self.data().ring().open(Place { row: id, column: COLUMN }, payload)?;
        let inside: Inside =
            serde_json::from_slice(clear.expose()).map_err(|_| Error::Unreadable)?;
        let name = inside.name.map(|name| FullName::parse(&name)).transpose();
        let phone = inside.phone.map(|phone| PhoneNumber::parse(&phone)).transpose();
        let document = inside.document.map(|(kind, number)| {
            let kind = DocumentKind::ALL.into_iter().find(|known| known.as_str() == kind);
            kind.zip(DocumentNumber::parse(&number).ok()).ok_or(Error::Unreadable)
        });
        Ok(NewDetails {
            name: name.map_err(|_| Error::Unreadable)?,
            document: document.transpose()?,
            phone: phone.map_err(|_| Error::Unreadable)?,
        })
    }
}

/// One proposal.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<StoredChange>, db::Error> {
    let row = sqlx::query(FIND).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(stored).transpose()
}

/// The proposals after `after` that wait for a decision, the oldest first.
pub async fn list_pending(
    reader: &mut Reader,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<StoredChange>, db::Error> {
    let rows = sqlx::query(LIST_PENDING)
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(reader.conn())
        .await?;
    rows.iter().map(stored).collect()
}

/// Locks a customer, and answers where it is in the life cycle.
pub async fn lock_customer(
    tx: &mut WriteTx,
    id: CustomerId,
) -> Result<Option<CustomerStatus>, db::Error> {
    let word: Option<String> =
        sqlx::query_scalar(LOCK_CUSTOMER).bind(id.as_uuid()).fetch_optional(tx.conn()).await?;
    word.map(|word| status(&word)).transpose()
}

/// Whether another customer has this document.
pub async fn is_taken(
    tx: &mut WriteTx,
    hash: DocumentHash,
    id: CustomerId,
) -> Result<bool, db::Error> {
    let taken = sqlx::query_scalar(IS_TAKEN).bind(hash.0.as_slice()).bind(id.as_uuid());
    Ok(taken.fetch_one(tx.conn()).await?)
}

/// Changes a customer, sealing what is new for its row.
pub async fn change(
    tx: &mut WriteTx,
    keys: &Keys,
    id: CustomerId,
    new: &NewDetails,
) -> Result<(), Error> {
    let sealed = keys.seal_details(id, new)?;
    let fields = [&sealed.name, &sealed.document_number, &sealed.phone];
    data_keys::hold(tx, fields.into_iter().flatten().map(Vec::as_slice)).await?;
    let hash = new.document.as_ref().map(|(kind, number)| keys.document_hash(*kind, number));
    sqlx::query(CHANGE)
        .bind(id.as_uuid())
        .bind(sealed.name)
        .bind(new.document.as_ref().map(|(kind, _)| kind.as_str()))
        .bind(sealed.document_number)
        .bind(hash.map(|hash| hash.0.to_vec()))
        .bind(sealed.phone)
        .execute(tx.conn())
        .await?;
    Ok(())
}

fn stored(row: &PgRow) -> Result<StoredChange, db::Error> {
    let subject: String = row.try_get("subject")?;
    let customer_id = CustomerId::parse(&subject)
        .map_err(|_| db::Error::Inconsistent("a change of no customer".into()))?;
    Ok(StoredChange {
        id: row.try_get("approval_id")?,
        customer_id,
        payload: row.try_get("payload")?,
        payload_hash: row.try_get("payload_hash")?,
        maker: row.try_get("maker")?,
        reason: row.try_get("reason")?,
        proposed_at: row.try_get("proposed_at")?,
        expires_at: row.try_get("expires_at")?,
        state: row.try_get("state")?,
        checker: row.try_get("checker")?,
    })
}
