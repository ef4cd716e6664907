-- The general ledger of two sound loans for the self-test: the journal of each of their postings, and of deposit's.
SELECT ensure_partitions('{date}', '{date}');
CREATE TEMPORARY TABLE planted_pairs (
    journal_id uuid, source text, event text, reversal boolean, pair_no integer, debited text, credited text,
    amount_minor bigint
) ON COMMIT DROP;
INSERT INTO planted_pairs
VALUES
    ('{id}0001', 'deposit', 'LOAN_SETTLED_TO_ACCOUNT', false, 0, '3002', '2011', 120000),
    ('{id}0002', 'deposit', 'LOAN_SETTLED_FROM_ACCOUNT', false, 0, '2011', '3002', 10500),
    ('{id}0003', 'deposit', 'LOAN_SETTLED_TO_ACCOUNT', false, 0, '3002', '2011', 50000),
    ('{id}2001', 'loan', 'LOAN_DISBURSED', false, 0, '130301', '3002', 120000),
    ('{id}2002', 'loan', 'LOAN_INTEREST_ACCRUED', false, 0, '113201', '6011', 530),
    ('{id}2003', 'loan', 'LOAN_REPAID', false, 0, '3002', '130301', 10000),
    ('{id}2003', 'loan', 'LOAN_REPAID', false, 1, '3002', '113201', 500),
    ('{id}2004', 'loan', 'LOAN_PROVISIONED', false, 0, '6701', '1304', 1200),
    ('{id}2005', 'loan', 'LOAN_PROVISIONED', true, 0, '1304', '6701', 100),
    ('{id}2006', 'loan', 'LOAN_DISBURSED', false, 0, '130301', '3002', 50000),
    ('{id}2007', 'loan', 'LOAN_INTEREST_ACCRUED', false, 0, '113201', '6011', 600),
    ('{id}2007', 'loan', 'LOAN_INTEREST_ACCRUED', false, 1, '113201', '6011', 90),
    ('{id}2007', 'loan', 'LOAN_INTEREST_ACCRUED', false, 2, '113201', '6011', 10),
    ('{id}2008', 'loan', 'LOAN_INTEREST_REMOVED', false, 0, '6011', '113201', 600),
    ('{id}2008', 'loan', 'LOAN_INTEREST_REMOVED', false, 1, '6011', '113201', 90),
    ('{id}2008', 'loan', 'LOAN_INTEREST_REMOVED', false, 2, '6011', '113201', 10),
    ('{id}2009', 'loan', 'LOAN_MEMO', false, 0, '9102', '9199', 50000),
    ('{id}2009', 'loan', 'LOAN_MEMO', false, 1, '9101', '9199', 600),
    ('{id}2009', 'loan', 'LOAN_MEMO', false, 2, '9101', '9199', 90),
    ('{id}2009', 'loan', 'LOAN_MEMO', false, 3, '9101', '9199', 10),
    ('{id}200a', 'loan', 'LOAN_PROVISIONED', false, 0, '6701', '1304', 50000),
    ('{id}200b', 'loan', 'LOAN_WRITTEN_OFF', false, 0, '1304', '130301', 50000);
