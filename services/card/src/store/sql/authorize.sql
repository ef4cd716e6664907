-- What the scheme was answered, and the counters that it changed. The arrays of each group have the same length.
WITH decided AS (
    INSERT INTO authorizations (authorization_id, fingerprint, card_id, customer_id, account_number, hold_id,
        amount_minor, counted_minor, decided_at, transmitted_at, expires_at, business_date, restricted, posted_now,
        currency, response_code, merchant_category, approval_code, kind, channel, status, acquirer, terminal,
        retrieval_reference, trace_number)
    SELECT *
    FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[], $7::bigint[], $8::bigint[],
        $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::date[], $13::boolean[], $14::boolean[],
        $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
        $23::text[], $24::text[], $25::text[])
)
INSERT INTO usage (card_id, bucket, day, day_minor, day_count, month, month_minor, month_count)
SELECT *
FROM unnest($26::uuid[], $27::text[], $28::date[], $29::bigint[], $30::integer[], $31::date[], $32::bigint[],
    $33::integer[])
ON CONFLICT (card_id, bucket) DO UPDATE
SET day = excluded.day,
    day_minor = excluded.day_minor,
    day_count = excluded.day_count,
    month = excluded.month,
    month_minor = excluded.month_minor,
    month_count = excluded.month_count
