//! Sealing rows again with another data key.

use kernel::CustomerId;
use platform::db::{self, WriteTx};
use platform::protection::data_keys;
use sqlx::Row;
use uuid::Uuid;

use super::Keys;
use crate::domain::SealedPersonalData;
use crate::store::Error;

// A sealed field begins with a format byte and the length of the key's id, 32; then comes the id.
const LOCK_OTHERS: &str = "
SELECT customer_id, name_encrypted, document_number_encrypted, phone_encrypted
FROM customers
WHERE customer_id > $1
    AND ((substr(name_encrypted, 3, 32), substr(document_number_encrypted, 3, 32)) IS DISTINCT FROM ($2, $2)
        OR substr(phone_encrypted, 3, 32) <> $2)
ORDER BY customer_id
LIMIT $3
FOR NO KEY UPDATE";
const SAVE: &str = "
UPDATE customers AS c
SET name_encrypted = r.name, document_number_encrypted = r.document_number, phone_encrypted = r.phone
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) AS r (customer_id, name, document_number, phone)
WHERE c.customer_id = r.customer_id";
const COUNT_CUSTOMERS: &str = "SELECT count(*) FROM customers";
const NAMES_KEY: &str = "
SELECT EXISTS (
    SELECT
    FROM customers
    WHERE $1 IN (substr(name_encrypted, 3, 32), substr(document_number_encrypted, 3, 32), substr(phone_encrypted, 3, 32))
) OR EXISTS (
    -- What was proposed and not decided.
    SELECT
    FROM approvals
    WHERE kind = 'CHANGE_CUSTOMER' AND state = 'PENDING' AND substr(payload, 3, 32) = $1
)";

/// Seals the next customers after `after` again that are not sealed with the key in use, at most `limit`. Answers the last of them and
/// how many; none when there is nothing left to do.
pub async fn reseal_some(
    tx: &mut WriteTx,
    keys: &Keys,
    after: CustomerId,
    limit: i64,
) -> Result<Option<(CustomerId, usize)>, Error> {
    let writing = keys.writing_id();
    let rows = sqlx::query(LOCK_OTHERS)
        .bind(after.as_uuid())
        .bind(writing.as_bytes())
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    let (mut ids, mut names, mut numbers, mut phones) = (vec![], vec![], vec![], vec![]);
    for row in rows {
        let id: Uuid = row.try_get("customer_id")?;
        let sealed = SealedPersonalData {
            name: row.try_get("name_encrypted")?,
            document_number: row.try_get("document_number_encrypted")?,
            phone: row.try_get("phone_encrypted")?,
        };
        let customer = CustomerId::from_uuid(id);
        let again = keys.seal(customer, &keys.open(customer, &sealed)?)?;
        ids.push(id);
        names.push(again.name);
        numbers.push(again.document_number);
        phones.push(again.phone);
    }
    let Some(last) = ids.last().copied() else { return Ok(None) };
    data_keys::hold(tx, names.iter().map(Vec::as_slice)).await?;
    sqlx::query(SAVE)
        .bind(&ids)
        .bind(&names)
        .bind(&numbers)
        .bind(&phones)
        .execute(tx.conn())
        .await?;
    Ok(Some((CustomerId::from_uuid(last), ids.len())))
}

/// How many customers there are.
pub async fn count_customers(tx: &mut WriteTx) -> Result<i64, db::Error> {
    Ok(sqlx::query_scalar(COUNT_CUSTOMERS).fetch_one(tx.conn()).await?)
}

/// Whether a row, or a change that is not decided yet, is sealed with this key.
pub async fn names_key(tx: &mut WriteTx, key: Uuid) -> Result<bool, db::Error> {
    let id = key.simple().to_string();
    Ok(sqlx::query_scalar(NAMES_KEY).bind(id.as_bytes()).fetch_one(tx.conn()).await?)
}
