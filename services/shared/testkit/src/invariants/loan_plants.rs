//! What is done to loans in the self-test, after `planted_loans` has laid sound ones into the books, and which
//! invariants must notice.

use super::plants::{Place, Plant};
use Place::{Loan, LoansInLedger};

/// The first of the sound loans, which is being paid back; and the one that was written off.
macro_rules! paying {
    () => {
        "(SELECT loan_id FROM loans WHERE applied_by = 'teller/planted' AND status = 'ACTIVE')"
    };
}
macro_rules! written_off {
    () => {
        "(SELECT loan_id FROM loans WHERE applied_by = 'teller/planted' AND status = 'WRITTEN_OFF')"
    };
}

pub(super) const TIE_OUT: [Plant; 12] = [
    Plant {
        what: "a loan's outstanding principal is one more",
        expected: &["V3", "V7"],
        place: Loan(&[concat!(
            "UPDATE loans SET principal_minor = principal_minor + 1 WHERE loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "a loan's interest receivable is one more",
        expected: &["V3", "V7"],
        place: Loan(&[concat!(
            "UPDATE loans SET receivable_minor = receivable_minor + 1 WHERE loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "what is set aside for a loan is one less",
        expected: &["V3"],
        place: Loan(&[concat!(
            "UPDATE loans SET provision_minor = provision_minor - 1 WHERE loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "interest that is noted off the balance sheet is one less",
        expected: &["V3", "V7"],
        place: Loan(&[concat!(
            "UPDATE loans SET memo_minor = memo_minor - 1 WHERE loan_id = ",
            written_off!()
        )]),
    },
    Plant {
        what: "a loan that was written off is not, and nobody is told",
        expected: &["V3"],
        place: Loan(&[concat!("UPDATE loans SET status = 'ACTIVE' WHERE loan_id = ", written_off!())]),
    },
    Plant {
        what: "a day's interest is gone from what accounting was told",
        expected: &["V3"],
        place: Loan(&["DELETE FROM accruals USING movements AS m
            WHERE accruals.kind = 'LOAN_INTEREST_ACCRUED' AND m.account_number = 9990000000000001
                AND left(accruals.accrual_id::text, 32) = left(m.movement_id::text, 32)"]),
    },
    Plant {
        what: "interest of a loan was booked as its principal, balanced and in the ledger",
        expected: &["V3"],
        place: LoansInLedger(&[
            "UPDATE journal_lines SET gl_account = '130301'
            WHERE gl_account = '113201' AND journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE event = 'LOAN_REPAID')",
            "UPDATE gl_balances SET credit_minor = gl_balances.credit_minor + p.amount_minor
                * CASE gl_balances.gl_account WHEN '130301' THEN 1 ELSE -1 END
            FROM planted_pairs AS p, journals AS j
            WHERE p.event = 'LOAN_REPAID' AND p.credited = '113201' AND j.journal_id = p.journal_id
                AND gl_balances.gl_account IN ('113201', '130301') AND gl_balances.currency = 'CNY'
                AND gl_balances.business_date = j.business_date",
        ]),
    },
    Plant {
        what: "what was set aside for a loan has no journal, nor a share of the ledger",
        expected: &["V3"],
        place: LoansInLedger(&[
            "UPDATE gl_balances SET
                debit_minor = debit_minor - CASE gl_account WHEN '6701' THEN 1200 ELSE 0 END,
                credit_minor = credit_minor - CASE gl_account WHEN '1304' THEN 1200 ELSE 0 END
            WHERE gl_account IN ('6701', '1304') AND currency = 'CNY' AND business_date IN
                (SELECT j.business_date FROM journals AS j JOIN planted_pairs AS p ON p.journal_id = j.journal_id
                WHERE p.amount_minor = 1200)",
            "DELETE FROM journal_lines WHERE journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE amount_minor = 1200)",
            "DELETE FROM journals WHERE journal_id IN
                (SELECT journal_id FROM planted_pairs WHERE amount_minor = 1200)",
        ]),
    },
    Plant {
        what: "a loan does not know of money that deposit has paid out for it",
        expected: &["V3"],
        place: Loan(&["DELETE FROM movements WHERE account_number = 9990000000000001 AND moved_minor = 120000"]),
    },
    Plant {
        what: "deposit was asked for money, gave it, and the loan says that it refused",
        expected: &["V3"],
        place: Loan(&["UPDATE movements SET status = 'REFUSED', refusal = 'INSUFFICIENT_FUNDS', moved_minor = 0
            WHERE account_number = 9990000000000001 AND kind = 'REPAYMENT'"]),
    },
    Plant {
        what: "a movement is done, and deposit has moved nothing",
        expected: &["V3"],
        place: Loan(&["INSERT INTO movements
                (movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, moved_minor,
                    accepted_at, ended_at, business_date, value_date, currency, kind, status)
            SELECT (left(movement_id::text, 32) || '0009')::uuid, (left(movement_id::text, 32) || '1009')::uuid, 0,
                loan_id, customer_id, account_number, 5, 5, accepted_at, ended_at, business_date, value_date, currency,
                'COLLECTION', 'DONE'
            FROM movements WHERE account_number = 9990000000000001 AND moved_minor = 120000"]),
    },
    Plant {
        what: "more has moved than the loan's entry says",
        expected: &["V3", "V7"],
        place: Loan(&[concat!(
            "UPDATE loan_entries SET interest_minor = interest_minor - 1 WHERE kind = 'REPAID' AND loan_id = ",
            paying!()
        )]),
    },
];

pub(super) const IN_FLIGHT: [Plant; 2] = [
    Plant {
        what: "money that never arrives between a loan and an account",
        expected: &["V6"],
        place: Loan(&["INSERT INTO movements
                (movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, moved_minor,
                    accepted_at, business_date, value_date, currency, kind, status)
            SELECT (left(movement_id::text, 32) || '0009')::uuid, (left(movement_id::text, 32) || '1009')::uuid, 0,
                loan_id, customer_id, account_number, 5, 0, clock_timestamp() - interval '2 days', business_date,
                value_date, currency, 'COLLECTION', 'PENDING'
            FROM movements WHERE account_number = 9990000000000001 AND moved_minor = 120000"]),
    },
    Plant {
        what: "an outbox row of loan that nobody delivers",
        expected: &["V6"],
        place: Loan(&["INSERT INTO outbox (business_date, enqueued_at, payload)
            VALUES (current_date, clock_timestamp() - interval '2 days', '')"]),
    },
];

pub(super) const SCHEDULES: [Plant; 8] = [
    Plant {
        what: "an instalment asks for one more",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE instalments SET principal_minor = principal_minor + 1 WHERE number = 2 AND loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "an instalment is gone",
        expected: &["V7"],
        place: Loan(&[concat!(
            "DELETE FROM instalments WHERE number = 2 AND loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "more was paid out than the schedule and the entries say",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE loans SET disbursed_minor = disbursed_minor + 1 WHERE loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "principal of an instalment is paid, and no entry says so",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE instalments SET principal_paid_minor = 1 WHERE number = 2 AND loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "penalty interest of an instalment is paid, and no entry says so",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE instalments SET penalty_booked_minor = 1, penalty_paid_minor = 1 WHERE number = 1 AND loan_id = ",
            paying!()
        )]),
    },
    Plant {
        what: "an entry of a loan is gone: the sequence has a gap",
        expected: &["V7"],
        place: Loan(&[concat!(
            "DELETE FROM loan_entries WHERE sequence = 2 AND loan_id = ",
            written_off!()
        )]),
    },
    Plant {
        what: "what is left after an entry does not follow from the one before",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE loan_entries SET principal_after_minor = principal_after_minor + 1
            WHERE sequence = 1 AND loan_id = ",
            written_off!()
        )]),
    },
    Plant {
        what: "the schedule asks for interest that is not on the books",
        expected: &["V7"],
        place: Loan(&[concat!(
            "UPDATE instalments SET interest_minor = interest_minor + 1 WHERE number = 1 AND loan_id = ",
            written_off!()
        )]),
    },
];
