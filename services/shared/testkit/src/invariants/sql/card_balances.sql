-- The sub-ledger of cards: what their holders owe, per product; a credit is positive, so it is negative.
SELECT product, 'principal' AS part, currency::text AS currency, (-sum(receivable_minor))::text AS balance_minor
FROM cards
GROUP BY product, currency
