-- The sub-ledger: what deposit accounts hold, per product and currency.
SELECT product, currency::text AS currency, sum(balance_minor)::text AS balance_minor
FROM accounts
GROUP BY product, currency
