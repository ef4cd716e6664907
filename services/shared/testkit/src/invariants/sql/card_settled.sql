-- What cards booked between accounts, holders and the scheme. Follows card_effects.sql.
SELECT product, part, currency, sum(amount_minor)::text AS balance_minor
FROM effects
WHERE part <> 'principal' AND amount_minor <> 0
GROUP BY product, part, currency
