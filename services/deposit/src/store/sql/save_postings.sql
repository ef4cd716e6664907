-- One batch, one statement: outcomes, entries, balances, and the outbox row that tells accounting.
-- The arrays of each group have the same length; $1 is the business date and $2 the instant of all of it.
WITH decided AS (
    INSERT INTO outcomes (request_id, fingerprint, decided_at, debit_account, credit_account, amount_minor,
        subject_id, business_date, currency, kind, result)
    SELECT request_id, fingerprint, $2, debit_account, credit_account, amount_minor, subject_id, $1, currency, kind,
        result
    FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[], $9::text[],
            $10::text[], $11::text[])
        AS new (request_id, fingerprint, debit_account, credit_account, amount_minor, subject_id, currency, kind,
            result)
), moved AS (
    INSERT INTO entries (account_number, sequence, amount_minor, balance_after_minor, request_id, business_date)
    SELECT account_number, sequence, amount_minor, balance_after_minor, request_id, $1
    FROM unnest($12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::uuid[])
        AS new (account_number, sequence, amount_minor, balance_after_minor, request_id)
), told AS (
    INSERT INTO outbox (business_date, payload)
    SELECT $1, $17::bytea
    WHERE $17::bytea IS NOT NULL
)
UPDATE accounts
SET balance_minor = new.balance_minor,
    held_minor = new.held_minor,
    last_sequence = new.last_sequence,
    status = new.status
FROM unnest($18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::text[])
    AS new (account_number, balance_minor, held_minor, last_sequence, status)
WHERE accounts.account_number = new.account_number
