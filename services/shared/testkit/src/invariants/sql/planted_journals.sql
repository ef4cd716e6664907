-- The journals, their lines and their share of the ledger, of what planted_pairs says.
INSERT INTO journals
    (journal_id, batch_number, booked_at, business_date, value_date, reversal, source, event)
SELECT DISTINCT journal_id, 1, transaction_timestamp(), date '{date}', date '{date}', reversal, source, event
FROM planted_pairs;
CREATE TEMPORARY TABLE planted_lines ON COMMIT DROP AS
    SELECT journal_id, pair_no * 2 + 1 AS line_no, 'D' AS side, debited AS gl_account, amount_minor FROM planted_pairs
    UNION ALL
    SELECT journal_id, pair_no * 2 + 2, 'C', credited, amount_minor FROM planted_pairs;
INSERT INTO journal_lines (journal_id, amount_minor, business_date, line_no, side, currency, gl_account)
SELECT journal_id, amount_minor, date '{date}', line_no, side, 'CNY', gl_account
FROM planted_lines;
INSERT INTO gl_balances (debit_minor, credit_minor, business_date, currency, gl_account)
SELECT
    coalesce(sum(amount_minor) FILTER (WHERE side = 'D'), 0),
    coalesce(sum(amount_minor) FILTER (WHERE side = 'C'), 0),
    date '{date}',
    'CNY',
    gl_account
FROM planted_lines
GROUP BY gl_account
ON CONFLICT (gl_account, currency, business_date) DO UPDATE SET
    debit_minor = gl_balances.debit_minor + excluded.debit_minor,
    credit_minor = gl_balances.credit_minor + excluded.credit_minor;
