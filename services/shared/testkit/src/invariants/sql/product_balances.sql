-- The sub-ledger: what deposit accounts hold, per product and currency; and their side of what moves between them and
-- loans. A credit is positive.
SELECT product, 'principal' AS part, currency::text AS currency, sum(balance_minor)::text AS balance_minor
FROM accounts
GROUP BY product, currency
UNION ALL
SELECT
    'all loans' AS product,
    'settlement' AS part,
    currency::text AS currency,
    sum(CASE kind WHEN 'LOAN_COLLECTION' THEN amount_minor ELSE -amount_minor END)::text AS balance_minor
FROM outcomes
WHERE result = 'POSTED' AND kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION')
GROUP BY currency
