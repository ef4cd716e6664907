-- What deposit moved for loans, by movement: its request ids are the loans' movement ids. To an account is positive.
SELECT
    request_id AS movement_id,
    currency::text AS currency,
    coalesce(credit_account, debit_account) AS account_number,
    CASE kind WHEN 'LOAN_COLLECTION' THEN -amount_minor ELSE amount_minor END AS amount_minor
FROM outcomes
WHERE result = 'POSTED' AND kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION')
ORDER BY request_id
