//! The discrepancies that the self-test plants: what is done to the books, and which invariants must notice.
//!
//! Each is planted in database transactions that are rolled back, after `sql/planting_*.sql` has chosen victims
//! into temporary tables, or `planted_loans` and `planted_cards` have laid in loans and a card of their own (`loan_plants`,
//! `card_plants`). Every statement must change something: a plant that finds nothing to spoil proves nothing.

/// One way in which books can be wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plant {
    /// What is wrong, for people.
    pub(super) what: &'static str,
    /// The invariants that must report it; no other may. The first is the one that it is aimed at.
    pub(super) expected: &'static [&'static str],
    /// Where, and by which statements.
    pub(super) place: Place,
}

/// The database in which something is planted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Deposit(&'static [&'static str]),
    Accounting(&'static [&'static str]),
    /// Of loan, with sound loans laid in.
    Loan(&'static [&'static str]),
    /// Of accounting, with sound loans laid in.
    LoansInLedger(&'static [&'static str]),
    /// Of card, with a sound card laid in.
    Card(&'static [&'static str]),
    /// Of deposit, with a sound card laid in.
    CardsInDeposit(&'static [&'static str]),
    /// Of accounting, with a sound card laid in.
    CardsInLedger(&'static [&'static str]),
}

impl Place {
    /// By which statements.
    pub(super) const fn statements(self) -> &'static [&'static str] {
        match self {
            Self::Deposit(statements)
            | Self::Accounting(statements)
            | Self::Loan(statements)
            | Self::LoansInLedger(statements)
            | Self::Card(statements)
            | Self::CardsInDeposit(statements)
            | Self::CardsInLedger(statements) => statements,
        }
    }
}

use super::{card_plants, loan_plants};
use Place::{Accounting, Deposit};

/// All of them, by the invariant that they are aimed at.
pub(super) fn all() -> impl Iterator<Item = Plant> {
    LEDGER
        .into_iter()
        .chain(ACCOUNTS)
        .chain(TIE_OUT)
        .chain(loan_plants::TIE_OUT)
        .chain(card_plants::TIE_OUT)
        .chain(HOLDS)
        .chain(card_plants::USE)
        .chain(IN_FLIGHT)
        .chain(loan_plants::IN_FLIGHT)
        .chain(card_plants::IN_FLIGHT)
        .chain(loan_plants::SCHEDULES)
        .chain(card_plants::CLEARING)
}

const LEDGER: [Plant; 5] = [
    Plant {
        what: "a journal line's amount is one more",
        expected: &["V1"],
        place: Accounting(&["UPDATE journal_lines SET amount_minor = amount_minor + 1 FROM victim_line AS v
            WHERE (journal_lines.journal_id, journal_lines.business_date, journal_lines.line_no)
                = (v.journal_id, v.business_date, v.line_no)"]),
    },
    Plant {
        what: "a journal line is gone",
        expected: &["V1"],
        place: Accounting(&["DELETE FROM journal_lines USING victim_line AS v
            WHERE (journal_lines.journal_id, journal_lines.business_date, journal_lines.line_no)
                = (v.journal_id, v.business_date, v.line_no)"]),
    },
    Plant {
        what: "a general-ledger balance is off by one",
        expected: &["V1"],
        place: Accounting(&["UPDATE gl_balances SET debit_minor = gl_balances.debit_minor + 1 FROM victim_line AS v
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (v.gl_account, v.currency, v.business_date)"]),
    },
    Plant {
        what: "a one-sided line, in the ledger too: the trial balance is not zero",
        expected: &["V1"],
        place: Accounting(&[
            "INSERT INTO journal_lines (journal_id, amount_minor, business_date, line_no, side, currency, gl_account)
            SELECT journal_id, 1, business_date, 99, 'D', currency, gl_account FROM victim_line",
            "UPDATE gl_balances SET debit_minor = gl_balances.debit_minor + 1 FROM victim_line AS v
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (v.gl_account, v.currency, v.business_date)",
        ]),
    },
    Plant {
        what: "lines without a journal",
        expected: &["V1"],
        place: Accounting(&[
            "INSERT INTO journal_lines (journal_id, amount_minor, business_date, line_no, side, currency, gl_account)
            SELECT new_id, 1, business_date, n, side, currency, gl_account
            FROM victim_line, (VALUES (1, 'D'), (2, 'C')) AS two (n, side)",
            "UPDATE gl_balances
            SET debit_minor = gl_balances.debit_minor + 1, credit_minor = gl_balances.credit_minor + 1
            FROM victim_line AS v
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (v.gl_account, v.currency, v.business_date)",
        ]),
    },
];

const ACCOUNTS: [Plant; 9] = [
    Plant {
        what: "an account's balance is one more",
        expected: &["V2", "V3"],
        place: Deposit(&["UPDATE accounts SET balance_minor = balance_minor + 1
            WHERE account_number = (SELECT account_number FROM victim_entry)"]),
    },
    Plant {
        what: "one cent went from one account to another without a trace",
        expected: &["V2"],
        place: Deposit(&[
            "UPDATE accounts SET balance_minor = balance_minor + 1
            WHERE account_number = (SELECT account_number FROM victim_entry)",
            "UPDATE accounts SET balance_minor = balance_minor - 1
            WHERE account_number = (SELECT account_number FROM rich_account)",
        ]),
    },
    Plant {
        what: "an entry is missing: the sequence has a gap",
        expected: &["V2"],
        place: Deposit(&["DELETE FROM entries USING victim_entry AS v
            WHERE (entries.account_number, entries.sequence) = (v.account_number, v.sequence)"]),
    },
    Plant {
        what: "an entry's balance_after does not follow from the one before",
        expected: &["V2"],
        place: Deposit(&["UPDATE entries SET balance_after_minor = balance_after_minor + 1 FROM victim_entry AS v
            WHERE (entries.account_number, entries.sequence) = (v.account_number, v.sequence)"]),
    },
    Plant {
        what: "an entry too many, with a balance that agrees with it",
        expected: &["V2", "V3"],
        place: Deposit(&[
            "INSERT INTO entries (account_number, sequence, amount_minor, balance_after_minor, request_id, business_date)
            SELECT account_number, last_sequence + 1, 1, balance_minor + 1, new_id, business_date FROM rich_account",
            "UPDATE accounts SET balance_minor = accounts.balance_minor + 1, last_sequence = accounts.last_sequence + 1
            FROM rich_account AS r WHERE accounts.account_number = r.account_number",
        ]),
    },
    Plant {
        what: "an entry belongs to another request, both chains intact",
        expected: &["V2"],
        place: Deposit(&["UPDATE entries SET request_id = (SELECT new_id FROM rich_account) FROM victim_entry AS v
            WHERE (entries.account_number, entries.sequence) = (v.account_number, v.sequence)"]),
    },
    Plant {
        what: "an outcome is deleted",
        expected: &["V2", "V3"],
        place: Deposit(&["DELETE FROM outcomes USING victim_entry AS v WHERE outcomes.request_id = v.request_id"]),
    },
    Plant {
        what: "a posted outcome now says that it was refused",
        expected: &["V2", "V3"],
        place: Deposit(&["UPDATE outcomes SET result = 'INSUFFICIENT_FUNDS' FROM victim_entry AS v
            WHERE outcomes.request_id = v.request_id"]),
    },
    Plant {
        what: "a posted outcome now says another amount",
        expected: &["V2", "V3"],
        place: Deposit(&["UPDATE outcomes SET amount_minor = outcomes.amount_minor + 1 FROM victim_entry AS v
            WHERE outcomes.request_id = v.request_id"]),
    },
];

const TIE_OUT: [Plant; 3] = [
    Plant {
        what: "a journal is missing, with its lines and its share of the ledger",
        expected: &["V3"],
        place: Accounting(&[
            "UPDATE gl_balances SET debit_minor = gl_balances.debit_minor - s.debit_minor,
                credit_minor = gl_balances.credit_minor - s.credit_minor
            FROM victim_sums AS s
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (s.gl_account, s.currency, s.business_date)",
            "DELETE FROM journal_lines WHERE journal_id = (SELECT journal_id FROM victim_line)",
            "DELETE FROM journals WHERE journal_id = (SELECT journal_id FROM victim_line)",
        ]),
    },
    Plant {
        what: "a journal that no posting made, balanced and in the ledger",
        expected: &["V3"],
        place: Accounting(&[
            "INSERT INTO journals
                (journal_id, batch_number, booked_at, business_date, value_date, reversal, source, event)
            SELECT v.new_id, j.batch_number, j.booked_at, j.business_date, j.value_date, j.reversal, j.source, j.event
            FROM journals AS j JOIN victim_line AS v ON v.journal_id = j.journal_id",
            "INSERT INTO journal_lines (journal_id, amount_minor, business_date, line_no, side, currency, gl_account)
            SELECT v.new_id, l.amount_minor, l.business_date, l.line_no, l.side, l.currency, l.gl_account
            FROM journal_lines AS l JOIN victim_line AS v ON v.journal_id = l.journal_id",
            "UPDATE gl_balances SET debit_minor = gl_balances.debit_minor + s.debit_minor,
                credit_minor = gl_balances.credit_minor + s.credit_minor
            FROM victim_sums AS s
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (s.gl_account, s.currency, s.business_date)",
        ]),
    },
    Plant {
        what: "a journal of twice the amount, balanced and in the ledger",
        expected: &["V3"],
        place: Accounting(&[
            "UPDATE journal_lines SET amount_minor = amount_minor * 2
            WHERE journal_id = (SELECT journal_id FROM victim_line)",
            "UPDATE gl_balances SET debit_minor = gl_balances.debit_minor + s.debit_minor,
                credit_minor = gl_balances.credit_minor + s.credit_minor
            FROM victim_sums AS s
            WHERE (gl_balances.gl_account, gl_balances.currency, gl_balances.business_date)
                = (s.gl_account, s.currency, s.business_date)",
        ]),
    },
];

const PLACED: &str = "INSERT INTO outcomes
        (request_id, fingerprint, decided_at, debit_account, amount_minor, business_date, currency, kind, result)
    SELECT new_id, 0, clock_timestamp(), account_number, 1, business_date, currency, 'HOLD_PLACED', 'POSTED'
    FROM rich_account";
const HELD: &str = "UPDATE accounts SET held_minor = held_minor + 1
    WHERE account_number = (SELECT account_number FROM rich_account)";

const HOLDS: [Plant; 5] = [
    Plant {
        what: "an account's held amount is one more",
        expected: &["V4"],
        place: Deposit(&[HELD]),
    },
    Plant {
        what: "a hold that was released is active again",
        expected: &["V4"],
        place: Deposit(&[
            PLACED,
            "INSERT INTO outcomes (request_id, fingerprint, decided_at, debit_account, amount_minor, subject_id,
                business_date, currency, kind, result)
            SELECT other_id, 0, clock_timestamp(), account_number, 1, new_id, business_date, currency,
                'HOLD_RELEASED', 'POSTED'
            FROM rich_account",
            "INSERT INTO holds (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status)
            SELECT new_id, account_number, 1, 1, currency, clock_timestamp() + interval '1 day', 'ACTIVE'
            FROM rich_account",
            HELD,
        ]),
    },
    Plant {
        what: "a hold was placed and is not there",
        expected: &["V4"],
        place: Deposit(&[PLACED]),
    },
    Plant {
        what: "a hold ended and nothing ended it",
        expected: &["V4"],
        place: Deposit(&[
            PLACED,
            "INSERT INTO holds (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status)
            SELECT new_id, account_number, 1, 0, currency, clock_timestamp() + interval '1 day', 'RELEASED'
            FROM rich_account",
        ]),
    },
    Plant {
        what: "an account is below its limit",
        expected: &["V4"],
        place: Deposit(&["UPDATE accounts SET overdraft_minor = -balance_minor - 1
            WHERE account_number = (SELECT account_number FROM rich_account)"]),
    },
];

const IN_FLIGHT: [Plant; 3] = [
    Plant {
        what: "an outbox row that nobody delivers",
        expected: &["V6"],
        place: Deposit(&["INSERT INTO outbox (business_date, enqueued_at, payload)
            SELECT business_date, clock_timestamp() - interval '2 days', '' FROM business_day"]),
    },
    Plant {
        what: "a hold that is long past its expiry",
        expected: &["V6"],
        place: Deposit(&[
            PLACED,
            "INSERT INTO holds (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status)
            SELECT new_id, account_number, 1, 1, currency, clock_timestamp() - interval '2 days', 'ACTIVE'
            FROM rich_account",
            HELD,
        ]),
    },
    Plant {
        what: "a business date that never finishes closing",
        expected: &["V6"],
        place: Accounting(&[
            "UPDATE business_days SET opened_at = clock_timestamp() - interval '2 days' WHERE status = 'OPEN'",
            "INSERT INTO business_days (business_date, opened_at, status)
            VALUES ('1900-01-01', clock_timestamp() - interval '3 days', 'CLOSING')",
        ]),
    },
];
