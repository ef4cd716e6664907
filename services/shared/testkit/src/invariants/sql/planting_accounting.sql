-- Victims for the self-test, in temporary tables: a journal line of cash paid in, on an account that controls nothing,
-- and what its journal contributed to the ledger. `new_id` is a free journal id.
CREATE TEMPORARY TABLE victim_line ON COMMIT DROP AS
    SELECT
        journal_lines.journal_id,
        journal_lines.business_date,
        journal_lines.line_no,
        journal_lines.currency,
        journal_lines.gl_account,
        (left(journal_lines.journal_id::text, 24) || '5e1f7e570001')::uuid AS new_id
    FROM journal_lines
    JOIN journals
        ON journals.journal_id = journal_lines.journal_id
        AND journals.business_date = journal_lines.business_date
    WHERE journals.event = 'CASH_DEPOSITED' AND NOT journals.reversal AND journal_lines.side = 'D'
    LIMIT 1;
CREATE TEMPORARY TABLE victim_sums ON COMMIT DROP AS
    SELECT
        gl_account,
        currency,
        business_date,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'D'), 0) AS debit_minor,
        coalesce(sum(amount_minor) FILTER (WHERE side = 'C'), 0) AS credit_minor
    FROM journal_lines
    WHERE journal_id = (SELECT journal_id FROM victim_line)
    GROUP BY gl_account, currency, business_date;
