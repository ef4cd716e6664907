-- What loans say of the same movements. PENDING is on its way: deposit may have moved it, or not.
SELECT
    movement_id,
    currency::text AS currency,
    account_number,
    CASE kind WHEN 'DISBURSEMENT' THEN moved_minor ELSE -moved_minor END AS amount_minor,
    status
FROM movements
ORDER BY movement_id
