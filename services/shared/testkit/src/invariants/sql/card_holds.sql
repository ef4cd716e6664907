-- What is reserved for cards, by hold.
SELECT hold_id, currency::text AS currency, account_number, remaining_minor
FROM holds
WHERE status = 'ACTIVE' AND reason = 'CARD'
ORDER BY hold_id
