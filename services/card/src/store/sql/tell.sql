-- The postings of one batch, and the outbox row that tells accounting of them. The arrays have the same length; $1 is
-- the business date on which all of it is booked.
WITH told AS (
    INSERT INTO outbox (business_date, payload)
    VALUES ($1, $2)
)
INSERT INTO bookings (business_date, booking_id, card_id, principal_minor, fee_minor, reversal, currency, product, kind)
SELECT $1, new.*
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::boolean[], $8::text[], $9::text[], $10::text[])
    AS new
