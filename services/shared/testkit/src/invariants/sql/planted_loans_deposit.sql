-- The deposit side of two sound loans for the self-test: an account that both were paid out to, and from which one of
-- them was paid back in part.
SELECT ensure_partitions('{date}', '{date}');
INSERT INTO accounts
    (account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, last_sequence, opened_at, customer_id,
        currency, product, status)
VALUES
    (9990000000000001, 159500, 0, 0, 0, 3, clock_timestamp(), '{id}c001', 'CNY', 'CURRENT', 'ACTIVE');
INSERT INTO outcomes
    (request_id, fingerprint, decided_at, debit_account, credit_account, amount_minor, business_date, currency, kind,
        result)
VALUES
    ('{id}0001', 0, clock_timestamp(), NULL, 9990000000000001, 120000, '{date}', 'CNY', 'LOAN_SETTLEMENT', 'POSTED'),
    ('{id}0002', 0, clock_timestamp(), 9990000000000001, NULL, 10500, '{date}', 'CNY', 'LOAN_COLLECTION', 'POSTED'),
    ('{id}0003', 0, clock_timestamp(), NULL, 9990000000000001, 50000, '{date}', 'CNY', 'LOAN_SETTLEMENT', 'POSTED');
INSERT INTO entries
    (account_number, sequence, amount_minor, balance_after_minor, request_id, business_date)
VALUES
    (9990000000000001, 1, 120000, 120000, '{id}0001', '{date}'),
    (9990000000000001, 2, -10500, 109500, '{id}0002', '{date}'),
    (9990000000000001, 3, 50000, 159500, '{id}0003', '{date}');
