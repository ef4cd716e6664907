-- The customers that a batch names, locked, and those who hold a document that the batch wants to register.
-- One lock order for the whole service: by customer id. NO KEY, because nothing ever changes a customer's key.
-- $1 customer ids, $2 document hashes
WITH named AS MATERIALIZED (
    SELECT customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
        phone_encrypted, registered_at, status, status_reason, status_changed_at, version
    FROM customers
    WHERE customer_id = ANY($1)
    ORDER BY customer_id
    FOR NO KEY UPDATE
)
SELECT true AS named, customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
    phone_encrypted, registered_at, status, status_reason, status_changed_at, version
FROM named
UNION ALL
SELECT false, customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
    phone_encrypted, registered_at, status, status_reason, status_changed_at, version
FROM customers
WHERE document_hash = ANY($2)
