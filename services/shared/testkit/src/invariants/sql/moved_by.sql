-- What some postings did to the sub-ledger. Reads the whole of entries: asked only while something is in transit.
SELECT accounts.product, accounts.currency::text AS currency, sum(entries.amount_minor)::text AS balance_minor
FROM entries
JOIN accounts ON accounts.account_number = entries.account_number
WHERE entries.request_id = ANY($1)
GROUP BY accounts.product, accounts.currency
