-- What some journals did to the general ledger.
SELECT
    gl_account,
    currency::text AS currency,
    sum(CASE side WHEN 'C' THEN amount_minor ELSE -amount_minor END)::text AS balance_minor
FROM journal_lines
WHERE journal_id = ANY($1)
GROUP BY gl_account, currency
