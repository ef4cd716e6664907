-- The general ledger against its lines, per account, currency and business date. One row per sum that disagrees.
WITH sums AS (
    SELECT
        gl_account,
        currency,
        business_date,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'D'), 0) AS debit_minor,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'C'), 0) AS credit_minor
    FROM journal_lines
    GROUP BY gl_account, currency, business_date
)
SELECT
    coalesce(sums.gl_account, gl_balances.gl_account) AS gl_account,
    coalesce(sums.currency, gl_balances.currency)::text AS currency,
    coalesce(sums.business_date, gl_balances.business_date) AS business_date,
    coalesce(gl_balances.debit_minor, 0) AS debit_minor,
    coalesce(gl_balances.credit_minor, 0) AS credit_minor,
    coalesce(sums.debit_minor, 0)::text AS line_debit_minor,
    coalesce(sums.credit_minor, 0)::text AS line_credit_minor
FROM sums
FULL JOIN gl_balances
    ON gl_balances.gl_account = sums.gl_account
    AND gl_balances.currency = sums.currency
    AND gl_balances.business_date = sums.business_date
WHERE
    coalesce(gl_balances.debit_minor, 0) <> coalesce(sums.debit_minor, 0)
    OR coalesce(gl_balances.credit_minor, 0) <> coalesce(sums.credit_minor, 0)
ORDER BY 1, 2, 3
