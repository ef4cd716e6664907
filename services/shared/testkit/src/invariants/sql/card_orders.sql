-- What cards say of the same orders. PENDING is on its way: deposit may have moved it, or not. Nothing moves where a hold
-- is only released, nor where an account had nothing and its holder owes it.
SELECT
    order_id AS movement_id,
    currency::text AS currency,
    account_number,
    CASE kind WHEN 'CREDIT' THEN moved_minor ELSE -moved_minor END AS amount_minor,
    status
FROM orders
WHERE kind IN ('DEBIT', 'CREDIT', 'COLLECT') AND NOT (status = 'DONE' AND moved_minor = 0)
ORDER BY order_id
