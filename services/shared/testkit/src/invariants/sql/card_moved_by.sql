-- What some postings did, by product and part. Follows card_effects.sql; asked only while something is in transit.
SELECT product, part, currency, sum(amount_minor)::text AS balance_minor
FROM effects
WHERE booking_id = ANY($1) AND amount_minor <> 0
GROUP BY product, part, currency
