-- What was booked on one date on the two control accounts of each product: principal, and receivable interest of all
-- kinds. Money that arrives outside the books (memo, recoveries, income in cash) is on neither. A reversal changes sides.
WITH sides AS (
    SELECT product, currency, false AS interest, (kind = 'LOAN_DISBURSED') <> reversal AS debit,
        principal_minor AS amount_minor
    FROM accruals
    WHERE business_date = $1 AND kind IN ('LOAN_DISBURSED', 'LOAN_REPAID', 'LOAN_WRITTEN_OFF')
    UNION ALL
    SELECT product, currency, true, (kind = 'LOAN_INTEREST_ACCRUED') <> reversal,
        interest_minor + penalty_minor + compound_minor
    FROM accruals
    WHERE business_date = $1 AND kind IN ('LOAN_INTEREST_ACCRUED', 'LOAN_INTEREST_REMOVED', 'LOAN_REPAID')
)
SELECT product, currency, interest,
    COALESCE(sum(amount_minor) FILTER (WHERE debit), 0)::bigint AS debit_minor,
    COALESCE(sum(amount_minor) FILTER (WHERE NOT debit), 0)::bigint AS credit_minor
FROM sides
GROUP BY product, currency, interest
HAVING sum(amount_minor) > 0
ORDER BY product, interest, currency
