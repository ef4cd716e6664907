//! What is done to cards in the self-test, after `planted_cards` has laid a sound one into the books, and which invariants
//! must notice.

use super::plants::{Place, Plant};
use Place::{Card, CardsInDeposit, CardsInLedger};

/// The card that was laid in, and its payment that is authorized and not cleared.
macro_rules! card {
    () => {
        "(SELECT card_id FROM cards WHERE account_number = 9990000000000002)"
    };
}
macro_rules! authorized {
    () => {
        "(SELECT authorization_id FROM authorizations
            WHERE account_number = 9990000000000002 AND status = 'APPROVED')"
    };
}

pub(super) const TIE_OUT: [Plant; 6] = [
    Plant {
        what: "the holder of a card owes one more",
        expected: &["V3", "V7"],
        place: Card(&[concat!(
            "UPDATE cards SET receivable_minor = receivable_minor + 1 WHERE card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "what was collected of a holder's debt is gone from what accounting was told",
        expected: &["V3", "V7"],
        place: Card(&[concat!(
            "DELETE FROM bookings WHERE reversal AND kind = 'CARD_RECEIVABLE' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "a settlement is gone from what accounting was told",
        expected: &["V3"],
        place: Card(&["DELETE FROM bookings WHERE kind = 'CARD_SETTLED' AND principal_minor = 5000"]),
    },
    Plant {
        what: "what the bank earned of a settlement is one more",
        expected: &["V3"],
        place: Card(&["UPDATE bookings SET fee_minor = fee_minor + 1
            WHERE kind = 'CARD_SETTLED' AND principal_minor = 5000"]),
    },
    Plant {
        what: "what a holder owes was booked as a difference with the scheme, balanced and in the ledger",
        expected: &["V3"],
        place: CardsInLedger(&[
            "UPDATE journal_lines SET gl_account = '122102'
            WHERE gl_account = '122101' AND journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE event = 'CARD_RECEIVABLE' AND NOT reversal)",
            "UPDATE gl_balances SET debit_minor = gl_balances.debit_minor + p.amount_minor
                * CASE gl_balances.gl_account WHEN '122102' THEN 1 ELSE -1 END
            FROM planted_pairs AS p, journals AS j
            WHERE p.event = 'CARD_RECEIVABLE' AND NOT p.reversal AND j.journal_id = p.journal_id
                AND gl_balances.gl_account IN ('122101', '122102') AND gl_balances.currency = 'CNY'
                AND gl_balances.business_date = j.business_date",
        ]),
    },
    Plant {
        what: "a difference with the scheme has no journal, nor a share of the ledger",
        expected: &["V3"],
        place: CardsInLedger(&[
            "UPDATE gl_balances SET
                debit_minor = debit_minor - CASE gl_account WHEN '122102' THEN 40 ELSE 0 END,
                credit_minor = credit_minor - CASE gl_account WHEN '3001' THEN 40 ELSE 0 END
            WHERE gl_account IN ('122102', '3001') AND currency = 'CNY' AND business_date =
                (SELECT j.business_date FROM journals AS j JOIN planted_pairs AS p ON p.journal_id = j.journal_id
                 WHERE p.amount_minor = 40)",
            "DELETE FROM journal_lines WHERE journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE amount_minor = 40)",
            "DELETE FROM journals WHERE journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE amount_minor = 40)",
        ]),
    },
];

pub(super) const USE: [Plant; 11] = [
    Plant {
        what: "a card counts one cent less on a day than was authorized",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE usage SET day_minor = day_minor - 1 WHERE bucket = 'POS' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "a card counts one use less on a day than was authorized",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE usage SET day_count = day_count - 1 WHERE bucket = 'ONLINE' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "a card counts one cent more in a month than was authorized",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE usage SET month_minor = month_minor + 1 WHERE bucket = 'POS' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "what was taken back still counts",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE usage SET day_minor = day_minor + 700, day_count = day_count + 1,
                month_minor = month_minor + 700, month_count = month_count + 1
            WHERE bucket = 'POS' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "a card was used and counts nothing",
        expected: &["V4"],
        place: Card(&[concat!("DELETE FROM usage WHERE bucket = 'ONLINE' AND card_id = ", card!())]),
    },
    Plant {
        what: "a card counts for a day before it was used",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE usage SET day = day - 40, month = date_trunc('month', day - 40)::date, day_minor = 0,
                day_count = 0, month_minor = 0, month_count = 0
            WHERE bucket = 'POS' AND card_id = ",
            card!()
        )]),
    },
    Plant {
        what: "an authorization was declined, and its money is still reserved",
        expected: &["V4"],
        place: Card(&[
            concat!(
                "UPDATE usage SET day_minor = 0, day_count = 0, month_minor = 0, month_count = 0
                WHERE bucket = 'POS' AND card_id = ",
                card!()
            ),
            concat!(
                "UPDATE authorizations SET status = 'DECLINED', counted_minor = 0 WHERE authorization_id = ",
                authorized!()
            ),
        ]),
    },
    Plant {
        what: "an authorization is of more than is reserved",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE authorizations SET amount_minor = amount_minor + 1 WHERE authorization_id = ",
            authorized!()
        )]),
    },
    Plant {
        what: "deposit has given back what is authorized",
        expected: &["V4"],
        place: CardsInDeposit(&[
            "INSERT INTO outcomes (request_id, fingerprint, decided_at, debit_account, amount_minor, subject_id,
                business_date, currency, kind, result)
            SELECT (left(hold_id::text, 32) || '0f0f')::uuid, 0, clock_timestamp(), account_number, 3000, hold_id,
                current_date, 'CNY', 'HOLD_RELEASED', 'POSTED'
            FROM holds WHERE account_number = 9990000000000002 AND status = 'ACTIVE'",
            "UPDATE holds SET status = 'RELEASED', remaining_minor = 0
            WHERE account_number = 9990000000000002 AND status = 'ACTIVE'",
            "UPDATE accounts SET held_minor = 0 WHERE account_number = 9990000000000002",
        ]),
    },
    Plant {
        what: "the hold of an authorization is on another account",
        expected: &["V4"],
        place: Card(&[concat!(
            "UPDATE authorizations SET account_number = 9990000000000003 WHERE authorization_id = ",
            authorized!()
        )]),
    },
    Plant {
        what: "money is reserved for cards, and no authorization ever knew it",
        expected: &["V4"],
        place: CardsInDeposit(&[
            "SELECT ensure_partitions('2001-01-01', '2001-01-01')",
            "INSERT INTO outcomes
                (request_id, fingerprint, decided_at, debit_account, amount_minor, business_date, currency, kind, result)
            SELECT (left(uuid_of_day('2001-01-01')::text, 14) || '7000-8000-5e1f7e570f0e')::uuid, 0, clock_timestamp(),
                9990000000000002, 1, current_date, 'CNY', 'HOLD_PLACED', 'POSTED'",
            "INSERT INTO holds
                (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status, reason)
            SELECT (left(uuid_of_day('2001-01-01')::text, 14) || '7000-8000-5e1f7e570f0e')::uuid, 9990000000000002, 1, 1,
                'CNY', clock_timestamp() + interval '1 day', 'ACTIVE', 'CARD'",
            "UPDATE accounts SET held_minor = held_minor + 1 WHERE account_number = 9990000000000002",
        ]),
    },
];

pub(super) const IN_FLIGHT: [Plant; 3] = [
    Plant {
        what: "what cards ask of deposit is never answered",
        expected: &["V6"],
        place: Card(&["INSERT INTO orders
            SELECT * FROM jsonb_populate_record(NULL::orders, (
                SELECT to_jsonb(o) || jsonb_build_object('order_id', left(order_id::text, 32) || '0f0d',
                    'kind', 'DEBIT', 'status', 'PENDING', 'moved_minor', 0, 'ended_at', NULL,
                    'created_at', clock_timestamp() - interval '2 days')
                FROM orders AS o WHERE kind = 'COLLECT' AND account_number = 9990000000000002))"]),
    },
    Plant {
        what: "a record of a clearing file is never posted",
        expected: &["V6"],
        place: Card(&[
            "UPDATE clearing_files SET received_at = clock_timestamp() - interval '2 days' WHERE file_id = 'PLANTED'",
            "UPDATE clearing_items SET status = 'POSTING' WHERE file_id = 'PLANTED' AND status = 'EXCEPTION'",
        ]),
    },
    Plant {
        what: "an outbox row of card that nobody delivers",
        expected: &["V6"],
        place: Card(&["INSERT INTO outbox (business_date, enqueued_at, payload)
            VALUES (current_date, clock_timestamp() - interval '2 days', '')"]),
    },
];

pub(super) const CLEARING: [Plant; 10] = [
    Plant {
        what: "an order moved one cent less than deposit says",
        expected: &["V7"],
        place: Card(&["UPDATE orders SET moved_minor = moved_minor - 1
            WHERE kind = 'COLLECT' AND account_number = 9990000000000002"]),
    },
    Plant {
        what: "deposit has moved money for a card, and the order is gone",
        expected: &["V7"],
        place: Card(&["DELETE FROM orders WHERE kind = 'COLLECT' AND account_number = 9990000000000002"]),
    },
    Plant {
        what: "deposit has moved money for a card, and the order says that it refused",
        expected: &["V7"],
        place: Card(&["UPDATE orders SET status = 'REFUSED', refusal = 'INSUFFICIENT_FUNDS', moved_minor = 0
            WHERE kind = 'COLLECT' AND account_number = 9990000000000002"]),
    },
    Plant {
        what: "an order is done, and deposit has moved nothing",
        expected: &["V7"],
        place: Card(&["INSERT INTO orders
            SELECT * FROM jsonb_populate_record(NULL::orders, (
                SELECT to_jsonb(o) || jsonb_build_object('order_id', left(order_id::text, 32) || '0f0d',
                    'kind', 'DEBIT')
                FROM orders AS o WHERE kind = 'COLLECT' AND account_number = 9990000000000002))"]),
    },
    Plant {
        what: "a record of a clearing file says that one cent less was posted",
        expected: &["V7"],
        place: Card(&["UPDATE clearing_items SET posted_minor = posted_minor - 1
            WHERE file_id = 'PLANTED' AND amount_minor = 5000"]),
    },
    Plant {
        what: "a record of a clearing file is posted, and was neither taken nor is owed",
        expected: &["V7"],
        place: Card(&["UPDATE clearing_items SET status = 'POSTED'
            WHERE file_id = 'PLANTED' AND status = 'EXCEPTION'"]),
    },
    Plant {
        what: "a record was sent back, and was posted all the same",
        expected: &["V7"],
        place: Card(&["UPDATE clearing_items SET status = 'RETURNED'
            WHERE file_id = 'PLANTED' AND amount_minor = 5000"]),
    },
    Plant {
        what: "an authorization is cleared by less than what was posted for it",
        expected: &["V7"],
        place: Card(&["UPDATE authorizations SET cleared_minor = cleared_minor - 1
            WHERE account_number = 9990000000000002 AND status = 'CLEARED'"]),
    },
    Plant {
        what: "two records of the scheme were taken for one payment that was posted at once",
        expected: &["V7"],
        place: Card(&[
            "INSERT INTO clearing_items
            SELECT * FROM jsonb_populate_record(NULL::clearing_items, (
                SELECT to_jsonb(i) || jsonb_build_object('item_id', left(item_id::text, 32) || '0f0c',
                    'line', 7, 'scheme_reference', 'PLANTED 6')
                FROM clearing_items AS i WHERE file_id = 'PLANTED' AND match = 'ALREADY_POSTED'))",
            "UPDATE authorizations SET matched_minor = 2 * matched_minor
            WHERE account_number = 9990000000000002 AND posted_now AND status = 'CLEARED'",
        ]),
    },
    Plant {
        what: "a payment was taken back, and what was credited is for something else",
        expected: &["V7"],
        place: Card(&["UPDATE orders SET authorization_id = NULL
            WHERE account_number = 9990000000000002 AND kind = 'CREDIT' AND authorization_id IS NOT NULL"]),
    },
];
