-- A sound card for the self-test: one payment is authorized, one is cleared, one was taken back; of two that were posted at
-- once, one has been named by the scheme, and one was taken back. A record that nobody had
-- authorized was taken in part and is owed in part, of which something was collected; one was refunded; one waits for a
-- person. One is settled, and the scheme and the bank differ about another.
SELECT ensure_partitions('{date}', '{date}');
INSERT INTO cards
    (card_id, customer_id, account_number, receivable_minor, version, issued_at, expires_on, atm, pos, online,
        contactless, abroad, currency, last_four, product, status, pan_digest, pan_sealed)
VALUES
    ('{id}d001', '{id}c002', 9990000000000002, 300, 1, clock_timestamp(), date '{date}' + 1000, true, true, true,
        true, true, 'CNY', '0000', 'DEBIT', 'ACTIVE', sha256('planted'), '');
INSERT INTO usage
    (card_id, day_minor, month_minor, day_count, month_count, day, month, bucket)
VALUES
    ('{id}d001', 3600, 3600, 2, 2, '{date}', date_trunc('month', date '{date}'), 'POS'),
    ('{id}d001', 5000, 5000, 1, 1, '{date}', date_trunc('month', date '{date}'), 'ONLINE');
INSERT INTO authorizations
    (authorization_id, fingerprint, card_id, customer_id, account_number, hold_id, amount_minor, cleared_minor,
        matched_minor, counted_minor, decided_at, transmitted_at, expires_at, business_date, restricted, posted_now, currency,
        response_code, merchant_category, approval_code, kind, channel, status, acquirer, terminal,
        retrieval_reference, trace_number)
VALUES
    ('{id}e001', 1, '{id}d001', '{id}c002', 9990000000000002, '{id}0101', 3000, 0, 0, 3000, clock_timestamp(),
        clock_timestamp(), clock_timestamp() + interval '7 days', '{date}', false, false, 'CNY', '00', '5411',
        '123456', 'PURCHASE', 'POS', 'APPROVED', '00000004711', 'PLANTED1', 'PLANTED00001', '000001'),
    ('{id}e002', 2, '{id}d001', '{id}c002', 9990000000000002, '{id}0102', 5000, 5000, 0, 5000, clock_timestamp(),
        clock_timestamp(), clock_timestamp() + interval '7 days', '{date}', false, false, 'CNY', '00', '5411',
        '123457', 'PURCHASE', 'ONLINE', 'CLEARED', '00000004711', 'PLANTED1', 'PLANTED00002', '000002'),
    ('{id}e003', 3, '{id}d001', '{id}c002', 9990000000000002, '{id}0103', 700, 0, 0, 700, clock_timestamp(),
        clock_timestamp(), clock_timestamp() + interval '7 days', '{date}', false, false, 'CNY', '00', '5411',
        '123458', 'PURCHASE', 'POS', 'REVERSED', '00000004711', 'PLANTED1', 'PLANTED00003', '000003'),
    ('{id}e004', 4, '{id}d001', '{id}c002', 9990000000000002, '{id}0104', 900, 900, 0, 900, clock_timestamp(),
        clock_timestamp(), clock_timestamp() + interval '7 days', '{date}', false, true, 'CNY', '00', '5411',
        '123459', 'PURCHASE', 'POS', 'REVERSED', '00000004711', 'PLANTED1', 'PLANTED00004', '000004'),
    ('{id}e005', 5, '{id}d001', '{id}c002', 9990000000000002, '{id}0105', 600, 600, 600, 600, clock_timestamp(),
        clock_timestamp(), clock_timestamp() + interval '7 days', '{date}', false, true, 'CNY', '00', '5411',
        '123460', 'PURCHASE', 'POS', 'CLEARED', '00000004711', 'PLANTED1', 'PLANTED00005', '000005');
INSERT INTO clearing_files
    (file_id, clearing_date, received_at, finished_at, parts, lines, records, debit_minor, credit_minor, fee_minor,
        status)
VALUES
    ('PLANTED', '{date}', clock_timestamp(), NULL, 1, 7, 5, 7700, 400, 25, 'ACCEPTED');
INSERT INTO clearing_items
    (item_id, card_id, authorization_id, amount_minor, fee_minor, posted_minor, receivable_minor, line, attempt,
        currency, last_four, file_id, scheme_reference, kind, part, status, match, exception, settled_by)
VALUES
    ('{id}f001', '{id}d001', '{id}e002', 5000, 25, 5000, 0, 2, 0, 'CNY', '0000', 'PLANTED', 'PLANTED 1', 'PURCHASE',
        'WHOLE', 'POSTED', 'FULL', NULL, 'PLANTED'),
    ('{id}f002', '{id}d001', '{id}e00f', 2000, 0, 1500, 500, 3, 0, 'CNY', '0000', 'PLANTED', 'PLANTED 2', 'PURCHASE',
        'WHOLE', 'POSTED', 'NONE', NULL, NULL),
    ('{id}f003', '{id}d001', '{id}e00e', 400, 0, 400, 0, 4, 0, 'CNY', '0000', 'PLANTED', 'PLANTED 3', 'REFUND',
        'WHOLE', 'POSTED', 'NONE', NULL, NULL),
    ('{id}f004', NULL, '{id}e00d', 100, 0, 0, 0, 5, 0, 'CNY', '1111', 'PLANTED', 'PLANTED 4', 'PURCHASE',
        'WHOLE', 'EXCEPTION', NULL, 'CARD_UNKNOWN', NULL),
    ('{id}f005', '{id}d001', '{id}e005', 600, 0, 600, 0, 6, 0, 'CNY', '0000', 'PLANTED', 'PLANTED 5', 'PURCHASE',
        'WHOLE', 'POSTED', 'ALREADY_POSTED', NULL, NULL);
INSERT INTO orders
    (order_id, authorization_id, item_id, card_id, customer_id, account_number, hold_id, amount_minor, moved_minor,
        created_at, ended_at, business_date, keep_remainder, currency, kind, status)
VALUES
    ('{id}0201', '{id}e002', '{id}f001', '{id}d001', '{id}c002', 9990000000000002, '{id}0102', 5000, 5000,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'DEBIT', 'DONE'),
    ('{id}0202', NULL, '{id}f002', '{id}d001', '{id}c002', 9990000000000002, NULL, 2000, 1500,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'DEBIT', 'DONE'),
    ('{id}0203', NULL, NULL, '{id}d001', '{id}c002', 9990000000000002, NULL, 500, 200,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'COLLECT', 'DONE'),
    ('{id}0204', NULL, '{id}f003', '{id}d001', '{id}c002', 9990000000000002, NULL, 400, 400,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'CREDIT', 'DONE'),
    ('{id}0205', '{id}e003', NULL, '{id}d001', '{id}c002', 9990000000000002, '{id}0103', 0, 0,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'RELEASE', 'DONE'),
    ('{id}0206', '{id}e004', NULL, '{id}d001', '{id}c002', 9990000000000002, '{id}0104', 900, 900,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'DEBIT', 'DONE'),
    ('{id}0207', '{id}e004', NULL, '{id}d001', '{id}c002', 9990000000000002, NULL, 900, 900,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'CREDIT', 'DONE'),
    ('{id}0208', '{id}e005', NULL, '{id}d001', '{id}c002', 9990000000000002, '{id}0105', 600, 600,
        clock_timestamp(), clock_timestamp(), '{date}', false, 'CNY', 'DEBIT', 'DONE');
INSERT INTO bookings
    (booking_id, card_id, principal_minor, fee_minor, business_date, reversal, currency, product, kind)
VALUES
    ('{id}0301', '{id}d001', 500, 0, '{date}', false, 'CNY', 'DEBIT', 'CARD_RECEIVABLE'),
    ('{id}0302', '{id}d001', 200, 0, '{date}', true, 'CNY', 'DEBIT', 'CARD_RECEIVABLE'),
    ('{id}0303', NULL, 5000, 25, '{date}', false, 'CNY', 'DEBIT', 'CARD_SETTLED'),
    ('{id}0304', NULL, 40, 0, '{date}', false, 'CNY', 'DEBIT', 'CARD_DIFFERENCE');
