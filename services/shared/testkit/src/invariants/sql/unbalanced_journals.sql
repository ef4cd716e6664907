-- Every journal against its lines: it has some, they carry its date, and per currency the debits are the credits.
-- One row per journal and currency that disagrees; `lines` is 0 for a journal without lines.
WITH sums AS (
    SELECT
        journal_id,
        business_date,
        currency,
        count(*) AS lines,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'D'), 0) AS debit_minor,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'C'), 0) AS credit_minor
    FROM journal_lines
    GROUP BY journal_id, business_date, currency
)
SELECT
    coalesce(sums.journal_id, journals.journal_id) AS journal_id,
    coalesce(sums.business_date, journals.business_date) AS business_date,
    journals.journal_id IS NULL AS orphan,
    coalesce(sums.currency, '') AS currency,
    coalesce(sums.lines, 0) AS lines,
    coalesce(sums.debit_minor, 0)::text AS debit_minor,
    coalesce(sums.credit_minor, 0)::text AS credit_minor
FROM sums
FULL JOIN journals ON journals.journal_id = sums.journal_id AND journals.business_date = sums.business_date
WHERE
    sums.journal_id IS NULL
    OR journals.journal_id IS NULL
    OR sums.debit_minor <> sums.credit_minor
ORDER BY 1
