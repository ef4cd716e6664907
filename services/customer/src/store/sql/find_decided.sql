-- The decisions already made on these request ids, each done one with the customer as it was left then.
-- $1 request ids
SELECT r.request_id, r.fingerprint, r.kind AS request_kind, r.result, r.refused_in_status,
    c.customer_id, c.kind, c.document_kind, c.document_hash, c.name_encrypted, c.document_number_encrypted,
    c.phone_encrypted, c.registered_at,
    t.to_status AS status, t.reason AS status_reason, t.changed_at AS status_changed_at, t.version
FROM requests AS r
LEFT JOIN customer_transitions AS t
    ON t.customer_id = r.customer_id AND t.version = r.customer_version
LEFT JOIN customers AS c
    ON c.customer_id = t.customer_id
WHERE r.request_id = ANY($1)
