-- The deposit side of a sound card for the self-test: its account with an opening, a hold that is active, one that was
-- taken, one that was given back, and what was taken and given besides.
SELECT ensure_partitions('{date}', '{date}');
INSERT INTO accounts
    (account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, last_sequence, opened_at, customer_id,
        currency, product, status)
VALUES
    (9990000000000002, 3100, 3000, 0, 0, 8, clock_timestamp(), '{id}c002', 'CNY', 'CURRENT', 'ACTIVE');
INSERT INTO outcomes
    (request_id, fingerprint, decided_at, debit_account, credit_account, amount_minor, subject_id, business_date,
        currency, kind, result)
VALUES
    ('{id}0100', 0, clock_timestamp(), NULL, 9990000000000002, 10000, NULL, '{date}', 'CNY', 'ACCOUNT_OPENED', 'POSTED'),
    ('{id}0101', 0, clock_timestamp(), 9990000000000002, NULL, 3000, NULL, '{date}', 'CNY', 'HOLD_PLACED', 'POSTED'),
    ('{id}0102', 0, clock_timestamp(), 9990000000000002, NULL, 5000, NULL, '{date}', 'CNY', 'HOLD_PLACED', 'POSTED'),
    ('{id}0103', 0, clock_timestamp(), 9990000000000002, NULL, 700, NULL, '{date}', 'CNY', 'HOLD_PLACED', 'POSTED'),
    ('{id}0104', 0, clock_timestamp(), 9990000000000002, NULL, 900, NULL, '{date}', 'CNY', 'HOLD_PLACED', 'POSTED'),
    ('{id}0105', 0, clock_timestamp(), 9990000000000002, NULL, 600, NULL, '{date}', 'CNY', 'HOLD_PLACED', 'POSTED'),
    ('{id}0205', 0, clock_timestamp(), 9990000000000002, NULL, 700, '{id}0103', '{date}', 'CNY', 'HOLD_RELEASED',
        'POSTED'),
    ('{id}0201', 0, clock_timestamp(), 9990000000000002, NULL, 5000, '{id}0102', '{date}', 'CNY', 'CARD_DEBIT', 'POSTED'),
    ('{id}0202', 0, clock_timestamp(), 9990000000000002, NULL, 1500, NULL, '{date}', 'CNY', 'CARD_DEBIT', 'POSTED'),
    ('{id}0203', 0, clock_timestamp(), 9990000000000002, NULL, 200, NULL, '{date}', 'CNY', 'CARD_DEBIT', 'POSTED'),
    ('{id}0204', 0, clock_timestamp(), NULL, 9990000000000002, 400, NULL, '{date}', 'CNY', 'CARD_CREDIT', 'POSTED'),
    ('{id}0206', 0, clock_timestamp(), 9990000000000002, NULL, 900, '{id}0104', '{date}', 'CNY', 'CARD_DEBIT', 'POSTED'),
    ('{id}0207', 0, clock_timestamp(), NULL, 9990000000000002, 900, NULL, '{date}', 'CNY', 'CARD_CREDIT', 'POSTED'),
    ('{id}0208', 0, clock_timestamp(), 9990000000000002, NULL, 600, '{id}0105', '{date}', 'CNY', 'CARD_DEBIT', 'POSTED');
INSERT INTO entries
    (account_number, sequence, amount_minor, balance_after_minor, request_id, business_date)
VALUES
    (9990000000000002, 1, 10000, 10000, '{id}0100', '{date}'),
    (9990000000000002, 2, -5000, 5000, '{id}0201', '{date}'),
    (9990000000000002, 3, -1500, 3500, '{id}0202', '{date}'),
    (9990000000000002, 4, -200, 3300, '{id}0203', '{date}'),
    (9990000000000002, 5, 400, 3700, '{id}0204', '{date}'),
    (9990000000000002, 6, -900, 2800, '{id}0206', '{date}'),
    (9990000000000002, 7, 900, 3700, '{id}0207', '{date}'),
    (9990000000000002, 8, -600, 3100, '{id}0208', '{date}');
INSERT INTO holds
    (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status, reason)
VALUES
    ('{id}0101', 9990000000000002, 3000, 3000, 'CNY', clock_timestamp() + interval '8 days', 'ACTIVE', 'CARD'),
    ('{id}0102', 9990000000000002, 5000, 0, 'CNY', clock_timestamp() + interval '8 days', 'CAPTURED', 'CARD'),
    ('{id}0103', 9990000000000002, 700, 0, 'CNY', clock_timestamp() + interval '8 days', 'RELEASED', 'CARD'),
    ('{id}0104', 9990000000000002, 900, 0, 'CNY', clock_timestamp() + interval '8 days', 'CAPTURED', 'CARD'),
    ('{id}0105', 9990000000000002, 600, 0, 'CNY', clock_timestamp() + interval '8 days', 'CAPTURED', 'CARD');
