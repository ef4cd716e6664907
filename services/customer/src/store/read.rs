//! Queries. Each runs on the session that the caller asked for, and each is one round trip.

use kernel::{CustomerId, RequestId};
use platform::db::{self, Reader};
use uuid::Uuid;

use super::rows::{CustomerRow, status};
use crate::domain::{Customer, CustomerStatus, DocumentHash};

const FIND_CUSTOMER: &str = "
SELECT customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
    phone_encrypted, registered_at, status, status_reason, status_changed_at, version
FROM customers
WHERE customer_id = $1";

const FIND_CUSTOMER_BY_DOCUMENT: &str = "
SELECT customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
    phone_encrypted, registered_at, status, status_reason, status_changed_at, version
FROM customers
WHERE document_hash = $1";

const LIST_STANDINGS: &str = "
SELECT customer_id, status
FROM customers
WHERE customer_id = ANY($1)";

const IS_DECIDED: &str = "
SELECT EXISTS (
    SELECT
    FROM requests
    WHERE request_id = $1
)";

/// One customer.
pub async fn find_customer(
    reader: &mut Reader,
    id: CustomerId,
) -> Result<Option<Customer>, db::Error> {
    let row: Option<CustomerRow> =
        sqlx::query_as(FIND_CUSTOMER).bind(id.as_uuid()).fetch_optional(reader.conn()).await?;
    row.map(CustomerRow::into_customer).transpose()
}

/// The customer who is registered with a document.
pub async fn find_customer_by_document(
    reader: &mut Reader,
    hash: DocumentHash,
) -> Result<Option<Customer>, db::Error> {
    let row: Option<CustomerRow> = sqlx::query_as(FIND_CUSTOMER_BY_DOCUMENT)
        .bind(hash.0.as_slice())
        .fetch_optional(reader.conn())
        .await?;
    row.map(CustomerRow::into_customer).transpose()
}

/// The status of those customers that exist, in no particular order.
pub async fn list_standings(
    reader: &mut Reader,
    ids: &[CustomerId],
) -> Result<Vec<(CustomerId, CustomerStatus)>, db::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as(LIST_STANDINGS).bind(ids).fetch_all(reader.conn()).await?;
    rows.iter().map(|(id, word)| Ok((CustomerId::from_uuid(*id), status(word)?))).collect()
}

/// Whether a request id has an outcome.
pub async fn is_decided(reader: &mut Reader, id: RequestId) -> Result<bool, db::Error> {
    Ok(sqlx::query_scalar(IS_DECIDED).bind(id.as_uuid()).fetch_one(reader.conn()).await?)
}
