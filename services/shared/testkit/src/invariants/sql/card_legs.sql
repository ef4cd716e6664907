-- What deposit moved for cards, by order: its request ids are the orders' ids. To an account is positive.
SELECT
    request_id AS movement_id,
    currency::text AS currency,
    coalesce(credit_account, debit_account) AS account_number,
    CASE kind WHEN 'CARD_DEBIT' THEN -amount_minor ELSE amount_minor END AS amount_minor
FROM outcomes
WHERE result = 'POSTED' AND kind IN ('CARD_DEBIT', 'CARD_CREDIT')
ORDER BY request_id
