-- What each journal of one source did to some accounts, by journal id: the general ledger's side of the tie-out, posting
-- by posting.
SELECT
    journals.journal_id AS posting_id,
    journals.business_date,
    coalesce(sum(lines.amount_minor) FILTER (WHERE lines.side = 'D'), 0)::bigint AS debit_minor,
    coalesce(sum(lines.amount_minor) FILTER (WHERE lines.side = 'C'), 0)::bigint AS credit_minor
FROM journals
LEFT JOIN journal_lines AS lines
    ON lines.journal_id = journals.journal_id
    AND lines.business_date = journals.business_date
    AND lines.gl_account = ANY($1)
WHERE journals.source = $2
GROUP BY journals.journal_id, journals.business_date
ORDER BY journals.journal_id
