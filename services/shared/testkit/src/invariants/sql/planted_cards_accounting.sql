-- The general ledger of a sound card for the self-test: the pairs of each of its postings, and of deposit's.
-- planted_journals.sql follows.
SELECT ensure_partitions('{date}', '{date}');
CREATE TEMPORARY TABLE planted_pairs (
    journal_id uuid, source text, event text, reversal boolean, pair_no integer, debited text, credited text,
    amount_minor bigint
) ON COMMIT DROP;
INSERT INTO planted_pairs
VALUES
    ('{id}0100', 'deposit', 'CASH_DEPOSITED', false, 0, '1001', '2011', 10000),
    ('{id}0201', 'deposit', 'CARD_DEBITED', false, 0, '2011', '3001', 5000),
    ('{id}0202', 'deposit', 'CARD_DEBITED', false, 0, '2011', '3001', 1500),
    ('{id}0203', 'deposit', 'CARD_DEBITED', false, 0, '2011', '3001', 200),
    ('{id}0204', 'deposit', 'CARD_CREDITED', false, 0, '3001', '2011', 400),
    ('{id}0206', 'deposit', 'CARD_DEBITED', false, 0, '2011', '3001', 900),
    ('{id}0207', 'deposit', 'CARD_CREDITED', false, 0, '3001', '2011', 900),
    ('{id}0208', 'deposit', 'CARD_DEBITED', false, 0, '2011', '3001', 600),
    ('{id}0301', 'card', 'CARD_RECEIVABLE', false, 0, '122101', '3001', 500),
    ('{id}0302', 'card', 'CARD_RECEIVABLE', true, 0, '3001', '122101', 200),
    ('{id}0303', 'card', 'CARD_SETTLED', false, 0, '3001', '1003', 5000),
    ('{id}0303', 'card', 'CARD_SETTLED', false, 1, '1003', '6021', 25),
    ('{id}0304', 'card', 'CARD_DIFFERENCE', false, 0, '122102', '3001', 40);
