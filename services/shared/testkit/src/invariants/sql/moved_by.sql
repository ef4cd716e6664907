-- What some postings did to the sub-ledger. Reads the whole of entries: asked only while something is in transit.
SELECT
    accounts.product,
    'principal' AS part,
    accounts.currency::text AS currency,
    sum(entries.amount_minor)::text AS balance_minor
FROM entries
JOIN accounts ON accounts.account_number = entries.account_number
WHERE entries.request_id = ANY($1)
GROUP BY accounts.product, accounts.currency
UNION ALL
SELECT
    'all loans' AS product,
    'settlement' AS part,
    currency::text AS currency,
    sum(CASE kind WHEN 'LOAN_COLLECTION' THEN amount_minor ELSE -amount_minor END)::text AS balance_minor
FROM outcomes
WHERE request_id = ANY($1) AND result = 'POSTED' AND kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION')
GROUP BY currency
