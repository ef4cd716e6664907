-- Two sound loans for the self-test. The first is being paid back: its first instalment was due and is paid, of the
-- second some interest has accrued. The second was written off, with interest that was off the books by then.
INSERT INTO loans
    (loan_id, customer_id, account_number, amount_minor, disbursed_minor, principal_minor, period_interest_minor,
        period_carried_minor, period_accrued_minor, receivable_minor, memo_minor, provision_minor, last_sequence, version,
        applied_at, rate_ppm, term_months, due_day, days_overdue, disbursed_on, calculated_through, period_start_on,
        next_due_on, non_accrual, currency, product, status, category, category_floor, applied_by, application_hash)
VALUES
    ('{id}a001', '{id}c001', 9990000000000001, 200000, 120000, 110000, 480, 0, 30, 30, 0, 1100, 2, 1,
        clock_timestamp(), 43500, 2, 1, 0, date '{date}' - 35, date '{date}' - 1, date '{date}' - 5,
        date '{date}' + 25, false, 'CNY', 'CONSUMER', 'ACTIVE', 'NORMAL', 'NORMAL', 'teller/planted',
        sha256('planted')),
    ('{id}b001', '{id}c001', 9990000000000001, 50000, 50000, 50000, 0, 0, 0, 0, 700, 0, 3, 1,
        clock_timestamp(), 43500, 1, 1, 370, date '{date}' - 400, date '{date}' - 1, NULL,
        NULL, true, 'CNY', 'CONSUMER', 'WRITTEN_OFF', 'LOSS', 'NORMAL', 'teller/planted',
        sha256('planted'));
INSERT INTO instalments
    (loan_id, number, period_start_on, due_on, principal_minor, interest_minor, rate_ppm, principal_paid_minor,
        interest_paid_minor, penalty_product, compound_product, penalty_booked_minor, penalty_paid_minor,
        compound_booked_minor, compound_paid_minor)
VALUES
    ('{id}a001', 1, date '{date}' - 35, date '{date}' - 5, 10000, 500, 43500, 10000, 500, 0, 0, 0, 0, 0, 0),
    ('{id}a001', 2, date '{date}' - 5, date '{date}' + 25, 110000, 480, 43500, 0, 0, 0, 0, 0, 0, 0, 0),
    ('{id}b001', 1, date '{date}' - 400, date '{date}' - 370, 50000, 600, 43500, 0, 0, 0, 0, 90, 0, 10, 0);
INSERT INTO loan_entries
    (loan_id, sequence, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor,
        principal_after_minor, deposit_posting_id, booked_at, business_date, value_date, kind)
VALUES
    ('{id}a001', 1, 120000, 0, 0, 0, 0, 120000, '{id}0001', clock_timestamp(), '{date}', '{date}', 'DISBURSED'),
    ('{id}a001', 2, 10000, 500, 0, 0, 0, 110000, '{id}0002', clock_timestamp(), '{date}', '{date}', 'REPAID'),
    ('{id}b001', 1, 50000, 0, 0, 0, 0, 50000, '{id}0003', clock_timestamp(), '{date}', '{date}', 'DISBURSED'),
    ('{id}b001', 2, 0, 600, 90, 10, 0, 50000, NULL, clock_timestamp(), '{date}', '{date}', 'NON_ACCRUAL'),
    ('{id}b001', 3, 50000, 0, 0, 0, 0, 50000, NULL, clock_timestamp(), '{date}', '{date}', 'WRITTEN_OFF');
INSERT INTO movements
    (movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, moved_minor, accepted_at,
        ended_at, business_date, value_date, currency, kind, status)
VALUES
    ('{id}0001', '{id}1001', 0, '{id}a001', '{id}c001', 9990000000000001, 120000, 120000, clock_timestamp(),
        clock_timestamp(), '{date}', '{date}', 'CNY', 'DISBURSEMENT', 'DONE'),
    ('{id}0002', '{id}1002', 0, '{id}a001', '{id}c001', 9990000000000001, 10500, 10500, clock_timestamp(),
        clock_timestamp(), '{date}', '{date}', 'CNY', 'REPAYMENT', 'DONE'),
    ('{id}0003', '{id}1003', 0, '{id}b001', '{id}c001', 9990000000000001, 50000, 50000, clock_timestamp(),
        clock_timestamp(), '{date}', '{date}', 'CNY', 'DISBURSEMENT', 'DONE');
INSERT INTO accruals
    (accrual_id, loan_id, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor, provision_minor,
        business_date, value_date, reversal, currency, product, kind)
VALUES
    ('{id}2001', '{id}a001', 120000, 0, 0, 0, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_DISBURSED'),
    ('{id}2002', NULL, 0, 530, 0, 0, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_INTEREST_ACCRUED'),
    ('{id}2003', '{id}a001', 10000, 500, 0, 0, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_REPAID'),
    ('{id}2004', '{id}a001', 0, 0, 0, 0, 0, 1200, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_PROVISIONED'),
    ('{id}2005', '{id}a001', 0, 0, 0, 0, 0, 100, '{date}', '{date}', true, 'CNY', 'CONSUMER', 'LOAN_PROVISIONED'),
    ('{id}2006', '{id}b001', 50000, 0, 0, 0, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_DISBURSED'),
    ('{id}2007', NULL, 0, 600, 90, 10, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_INTEREST_ACCRUED'),
    ('{id}2008', '{id}b001', 0, 600, 90, 10, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER',
        'LOAN_INTEREST_REMOVED'),
    ('{id}2009', '{id}b001', 50000, 600, 90, 10, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_MEMO'),
    ('{id}200a', '{id}b001', 0, 0, 0, 0, 0, 50000, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_PROVISIONED'),
    ('{id}200b', '{id}b001', 50000, 0, 0, 0, 0, 0, '{date}', '{date}', false, 'CNY', 'CONSUMER', 'LOAN_WRITTEN_OFF');
