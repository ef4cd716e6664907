-- What is reserved for cards under some holds.
SELECT hold_id, currency::text AS currency, account_number, remaining_minor
FROM holds
WHERE status = 'ACTIVE' AND reason = 'CARD' AND hold_id = ANY($1)
