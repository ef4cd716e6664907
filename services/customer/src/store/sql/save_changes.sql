-- Everything that a batch adds, in one round trip. Inserts go in the order of their unique key, so that two
-- processes with the same keys wait for each other in one direction only.
-- Answers how many customers were moved, which the caller compares with how many it meant.
WITH registered AS (
    INSERT INTO customers (customer_id, kind, document_kind, document_hash, name_encrypted,
        document_number_encrypted, phone_encrypted, registered_at, status, status_reason, status_changed_at, version)
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[],
        $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[], $12::bigint[])
        AS new (customer_id, kind, document_kind, document_hash, name_encrypted, document_number_encrypted,
            phone_encrypted, registered_at, status, status_reason, status_changed_at, version)
    ORDER BY new.document_hash
), moved AS (
    UPDATE customers AS c
    SET status = new.status, status_reason = new.reason, status_changed_at = new.changed_at, version = new.version
    FROM unnest($13::uuid[], $14::text[], $15::text[], $16::timestamptz[], $17::bigint[])
        AS new (customer_id, status, reason, changed_at, version)
    WHERE c.customer_id = new.customer_id AND c.version < new.version
    RETURNING c.customer_id
), history AS (
    INSERT INTO customer_transitions (customer_id, version, from_status, to_status, reason, changed_by, changed_at)
    SELECT *
    FROM unnest($18::uuid[], $19::bigint[], $20::text[], $21::text[], $22::text[], $23::text[], $24::timestamptz[])
), decided AS (
    INSERT INTO requests (request_id, fingerprint, decided_at, customer_id, customer_version, kind, result,
        refused_in_status)
    SELECT *
    FROM unnest($25::uuid[], $26::bigint[], $27::timestamptz[], $28::uuid[], $29::bigint[], $30::text[],
        $31::text[], $32::text[])
        AS new (request_id, fingerprint, decided_at, customer_id, customer_version, kind, result, refused_in_status)
    ORDER BY new.request_id
)
SELECT count(*)
FROM moved
