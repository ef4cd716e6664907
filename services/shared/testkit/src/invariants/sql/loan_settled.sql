-- The loans' side of what moves between loans and deposit accounts. Follows loan_effects.sql.
SELECT product, part, currency, sum(amount_minor)::text AS balance_minor
FROM effects
WHERE part = 'settlement' AND amount_minor <> 0
GROUP BY product, part, currency
