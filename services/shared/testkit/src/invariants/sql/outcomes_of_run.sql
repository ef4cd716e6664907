-- What the books have under the ids of one client's run: a range of UUIDv7, told from other clients by their last
-- four bytes.
SELECT request_id, kind, result, debit_account, credit_account, amount_minor
FROM outcomes
WHERE
    request_id BETWEEN $1 AND $2
    AND substring(uuid_send(request_id) FROM 13) = $3
