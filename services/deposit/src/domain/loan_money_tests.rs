//! The money of loans on deposit accounts: which account, how much of it, and that it stays.

use super::properties::{What, decisions, run, step};
use super::{Decision, EventKind, Kind, Rejection};

const REFUSED: fn(Rejection) -> Decision = Decision::Refused;

#[test]
fn a_settlement_credits_the_account_and_a_collection_debits_it() {
    let steps =
        [step(1, What::Settle(0, 500, true)), step(2, What::Collect(0, 1_500, true, false))];
    let (outcomes, changes) = run(&steps);

    let kinds: Vec<_> = outcomes.iter().map(|one| (one.kind, one.decision)).collect();
    let posted = Decision::Posted;
    assert_eq!(kinds, [(Kind::LoanSettlement, posted), (Kind::LoanCollection, posted)]);
    assert_eq!((outcomes[0].debit_account, outcomes[1].credit_account), (None, None));
    let told: Vec<_> = changes.events.iter().map(|one| (one.kind, one.amount_minor)).collect();
    let (to, from) = (EventKind::LoanSettledToAccount, EventKind::LoanSettledFromAccount);
    assert_eq!(told, [(to, 500), (from, 1_500)]);
    assert_eq!(changes.accounts[0].balance_minor, 0);
}

#[test]
fn a_partial_collection_takes_what_is_available_and_says_how_much() {
    let steps = [step(1, What::Hold(0, 400)), step(2, What::Collect(0, 5_000, true, true))];
    let (outcomes, changes) = run(&steps);

    assert_eq!((outcomes[1].decision, outcomes[1].amount_minor), (Decision::Posted, 600));
    assert_eq!(changes.accounts[0].available_minor(), 0);
    assert_eq!(changes.entries[0].amount_minor, -600);
}

#[test]
fn a_partial_collection_takes_no_more_than_was_asked_for() {
    let (outcomes, _) = run(&[step(1, What::Collect(0, 300, true, true))]);

    assert_eq!((outcomes[0].decision, outcomes[0].amount_minor), (Decision::Posted, 300));
}

#[test]
fn a_collection_of_all_or_nothing_takes_nothing_where_less_is_available() {
    let steps = [
        step(1, What::Collect(0, 1_001, true, false)),
        step(2, What::Out(0, 1_000)),
        step(3, What::Collect(0, 1, true, true)),
    ];

    let too_little = REFUSED(Rejection::InsufficientFunds);
    assert_eq!(decisions(&steps), [too_little, Decision::Posted, too_little]);
}

#[test]
fn a_repeated_partial_collection_answers_what_it_took_and_takes_no_more() {
    let collect = What::Collect(0, 5_000, true, true);
    let (outcomes, changes) = run(&[step(1, collect), step(2, What::In(0, 700)), step(1, collect)]);

    assert_eq!(outcomes[0], outcomes[2]);
    assert_eq!(outcomes[2].amount_minor, 1_000);
    assert_eq!(changes.accounts[0].balance_minor, 700);
}

#[test]
fn an_account_of_another_customer_is_unknown_to_a_loan() {
    let steps = [
        step(1, What::Settle(0, 1, false)),
        step(2, What::Collect(0, 1, false, true)),
        step(3, What::Settle(9, 1, true)),
    ];

    assert_eq!(decisions(&steps), [REFUSED(Rejection::AccountUnknown); 3]);
}

#[test]
fn a_debit_freeze_lets_a_loan_be_paid_out_and_nothing_be_collected() {
    let steps = [
        step(1, What::Freeze(0, false)),
        step(2, What::Settle(0, 5, true)),
        step(3, What::Collect(0, 5, true, true)),
        step(4, What::Freeze(0, true)),
        step(5, What::Settle(0, 5, true)),
        step(6, What::Collect(0, 5, true, true)),
    ];

    let (posted, frozen) = (Decision::Posted, REFUSED(Rejection::AccountFrozen));
    assert_eq!(decisions(&steps), [posted, posted, frozen, posted, frozen, frozen]);
}

#[test]
fn a_settlement_that_would_not_fit_is_refused() {
    let steps = [step(1, What::Settle(0, i64::MAX, true))];

    assert_eq!(decisions(&steps), [REFUSED(Rejection::BalanceOverflow)]);
}

#[test]
fn the_money_of_a_loan_is_not_given_back_by_a_reversal() {
    let steps = [
        step(1, What::Settle(0, 5, true)),
        step(2, What::Reverse(1)),
        step(3, What::Collect(0, 5, true, false)),
        step(4, What::Reverse(3)),
    ];

    let not_reversible = REFUSED(Rejection::PostingNotReversible);
    let posted = Decision::Posted;
    assert_eq!(decisions(&steps), [posted, not_reversible, posted, not_reversible]);
}
