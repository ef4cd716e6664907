-- The sub-ledger of loans: what the general ledger must hold, per product or over all, part by part; a credit is
-- positive, so what borrowers owe is negative.
WITH sums AS (
    SELECT
        product,
        currency::text AS currency,
        coalesce(sum(principal_minor) FILTER (WHERE status NOT IN ('WRITTEN_OFF', 'RECOVERED')), 0) AS principal_minor,
        coalesce(sum(principal_minor) FILTER (WHERE status IN ('WRITTEN_OFF', 'RECOVERED')), 0) AS written_off_minor,
        sum(receivable_minor) AS receivable_minor,
        sum(memo_minor) AS memo_minor,
        sum(provision_minor) AS provision_minor
    FROM loans
    GROUP BY product, currency
)
SELECT part.product, part.part, sums.currency, sum(part.balance_minor)::text AS balance_minor
FROM sums
CROSS JOIN LATERAL (
    VALUES
    (sums.product, 'principal', -sums.principal_minor),
    (sums.product, 'interest', -sums.receivable_minor),
    ('all loans', 'provision', sums.provision_minor),
    ('all loans', 'memo', -sums.memo_minor),
    ('all loans', 'written off', -sums.written_off_minor)
) AS part (product, part, balance_minor)
GROUP BY part.product, part.part, sums.currency
