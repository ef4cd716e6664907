-- By posting id: the sub-ledger's side of the tie-out, posting by posting. Follows card_effects.sql.
SELECT
    booking_id AS posting_id,
    business_date,
    coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS debit_minor,
    coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS credit_minor
FROM effects
GROUP BY booking_id, business_date
ORDER BY booking_id
