//! The money of cards on deposit accounts: from the hold first, how much of it, what becomes of the hold, and that it
//! stays.

use super::properties::{Card, What, decisions, run, step};
use super::{Decision, EventKind, Hold, HoldStatus, Kind, Rejection};

const POSTED: Decision = Decision::Posted;
const REFUSED: fn(Rejection) -> Decision = Decision::Refused;
/// All of it or nothing, without a hold.
const PLAIN: Card = Card { own: true, hold: None, keep: false, part: false };

fn of_hold(hold: u8) -> Card {
    Card { hold: Some(hold), ..PLAIN }
}

fn debit(minor: i64, card: Card) -> What {
    What::Debit(0, minor, card)
}

fn standing(hold: &Hold) -> (HoldStatus, i64) {
    (hold.status, hold.remaining_minor)
}

#[test]
fn a_debit_and_a_credit_move_the_account_and_tell_accounting() {
    let steps = [step(1, debit(400, PLAIN)), step(2, What::Credit(0, 150, true))];
    let (outcomes, changes) = run(&steps);

    let kinds: Vec<_> = outcomes.iter().map(|one| (one.kind, one.decision)).collect();
    assert_eq!(kinds, [(Kind::CardDebit, POSTED), (Kind::CardCredit, POSTED)]);
    assert_eq!((outcomes[0].credit_account, outcomes[1].debit_account), (None, None));
    let told: Vec<_> = changes.events.iter().map(|one| (one.kind, one.amount_minor)).collect();
    assert_eq!(told, [(EventKind::CardDebited, 400), (EventKind::CardCredited, 150)]);
    assert_eq!(changes.accounts[0].balance_minor, 750);
}

#[test]
fn what_is_cleared_below_the_hold_gives_the_rest_back() {
    let (outcomes, changes) = run(&[step(1, What::Hold(0, 600)), step(2, debit(400, of_hold(1)))]);

    assert_eq!((outcomes[1].decision, outcomes[1].amount_minor), (POSTED, 400));
    assert_eq!(outcomes[1].subject_id, Some(outcomes[0].request_id.as_uuid()));
    assert_eq!(standing(&changes.placed[0]), (HoldStatus::Captured, 0));
    let account = &changes.accounts[0];
    assert_eq!((account.balance_minor, account.held_minor), (600, 0));
    assert_eq!(changes.entries.len(), 1);
}

#[test]
fn what_is_cleared_in_parts_keeps_the_rest_until_the_last() {
    let first = [
        step(1, What::Hold(0, 600)),
        step(2, debit(200, Card { keep: true, ..of_hold(1) })),
        step(3, debit(100, Card { keep: true, ..of_hold(1) })),
    ];
    let (_, changes) = run(&first);
    assert_eq!(standing(&changes.placed[0]), (HoldStatus::Active, 300));
    assert_eq!(changes.accounts[0].held_minor, 300);

    let (_, changes) = run(&[&first[..], &[step(4, debit(50, of_hold(1)))]].concat());
    assert_eq!(standing(&changes.placed[0]), (HoldStatus::Captured, 0));
    assert_eq!((changes.accounts[0].balance_minor, changes.accounts[0].held_minor), (650, 0));
}

#[test]
fn keeping_the_rest_of_a_hold_that_has_none_ends_it() {
    let keep = Card { keep: true, ..of_hold(1) };
    let (_, changes) = run(&[step(1, What::Hold(0, 600)), step(2, debit(600, keep))]);

    assert_eq!(standing(&changes.placed[0]), (HoldStatus::Captured, 0));
}

#[test]
fn what_is_cleared_above_the_hold_comes_from_what_is_available() {
    let steps = [
        step(1, What::Hold(0, 300)),
        step(2, What::Hold(0, 500)),
        // 200 are available besides the two holds.
        step(3, debit(501, of_hold(1))),
        step(4, debit(500, of_hold(1))),
    ];
    let (outcomes, changes) = run(&steps);

    assert_eq!(outcomes[2].decision, REFUSED(Rejection::InsufficientFunds));
    assert_eq!((outcomes[3].decision, outcomes[3].amount_minor), (POSTED, 500));
    let account = &changes.accounts[0];
    assert_eq!((account.balance_minor, account.held_minor), (500, 500));
    assert_eq!(changes.entries.iter().map(|one| one.amount_minor).collect::<Vec<_>>(), [-500]);
}

#[test]
fn a_debit_that_is_refused_leaves_its_hold() {
    let (outcomes, changes) =
        run(&[step(1, What::Hold(0, 600)), step(2, debit(1_001, of_hold(1)))]);

    assert_eq!(outcomes[1].decision, REFUSED(Rejection::InsufficientFunds));
    assert_eq!(standing(&changes.placed[0]), (HoldStatus::Active, 600));
    assert_eq!(changes.accounts[0].held_minor, 600);
}

#[test]
fn a_partial_debit_takes_the_hold_and_what_is_available() {
    let part = Card { part: true, ..of_hold(1) };
    let steps =
        [step(1, What::Hold(0, 300)), step(2, What::Hold(0, 500)), step(3, debit(9_000, part))];
    let (outcomes, changes) = run(&steps);

    assert_eq!((outcomes[2].decision, outcomes[2].amount_minor), (POSTED, 500));
    let account = &changes.accounts[0];
    assert_eq!(
        (account.balance_minor, account.held_minor, account.available_minor()),
        (500, 500, 0)
    );
}

#[test]
fn a_partial_debit_takes_no_more_than_was_asked_for_and_is_refused_where_nothing_is() {
    let part = Card { part: true, ..PLAIN };
    let steps = [step(1, debit(300, part)), step(2, What::Out(0, 700)), step(3, debit(1, part))];
    let (outcomes, _) = run(&steps);

    assert_eq!((outcomes[0].decision, outcomes[0].amount_minor), (POSTED, 300));
    assert_eq!(outcomes[2].decision, REFUSED(Rejection::InsufficientFunds));
}

#[test]
fn a_hold_that_is_unknown_ended_or_elsewhere_is_as_none() {
    let steps = [
        step(1, What::Hold(0, 100)),
        step(2, What::Release(1)),
        step(3, What::Hold(1, 100)),
        step(4, debit(5, of_hold(1))),
        step(5, debit(5, of_hold(3))),
        step(6, debit(5, of_hold(40))),
    ];
    let (outcomes, changes) = run(&steps);

    for outcome in &outcomes[3..] {
        assert_eq!((outcome.decision, outcome.subject_id), (POSTED, None));
    }
    let elsewhere = changes.placed.iter().find(|hold| hold.status == HoldStatus::Active).unwrap();
    assert_eq!(standing(elsewhere), (HoldStatus::Active, 100));
    assert_eq!(changes.accounts[0].balance_minor, 985);
}

#[test]
fn a_repeated_debit_answers_what_it_took_and_takes_no_more() {
    let part = debit(5_000, Card { part: true, ..PLAIN });
    let (outcomes, changes) = run(&[step(1, part), step(2, What::In(0, 700)), step(1, part)]);

    assert_eq!(outcomes[0], outcomes[2]);
    assert_eq!(outcomes[2].amount_minor, 1_000);
    assert_eq!(changes.accounts[0].balance_minor, 700);
}

#[test]
fn an_account_of_another_customer_is_unknown_to_a_card() {
    let steps = [
        step(1, debit(1, Card { own: false, ..PLAIN })),
        step(2, What::Credit(0, 1, false)),
        step(3, What::Credit(9, 1, true)),
        step(4, What::Debit(9, 1, PLAIN)),
    ];

    assert_eq!(decisions(&steps), [REFUSED(Rejection::AccountUnknown); 4]);
}

#[test]
fn a_frozen_account_keeps_what_is_reserved_and_takes_what_comes_back() {
    let part = Card { part: true, ..of_hold(1) };
    let steps = [
        step(1, What::Hold(0, 1_000)),
        step(2, What::Freeze(0, false)),
        step(3, debit(5, part)),
        step(4, debit(5, Card { part: true, ..PLAIN })),
        step(5, What::Credit(0, 5, true)),
        step(6, What::Freeze(0, true)),
        step(7, What::Credit(0, 5, true)),
    ];

    let frozen = REFUSED(Rejection::AccountFrozen);
    assert_eq!(decisions(&steps), [POSTED, POSTED, frozen, frozen, POSTED, POSTED, frozen]);
}

#[test]
fn the_money_of_a_card_is_not_given_back_by_a_reversal() {
    let steps = [
        step(1, debit(5, PLAIN)),
        step(2, What::Reverse(1)),
        step(3, What::Credit(0, 5, true)),
        step(4, What::Reverse(3)),
    ];

    let not_reversible = REFUSED(Rejection::PostingNotReversible);
    assert_eq!(decisions(&steps), [POSTED, not_reversible, POSTED, not_reversible]);
}

#[test]
fn a_release_that_comes_first_fences_the_hold() {
    let (outcomes, changes) = run(&[step(2, What::Fence(1)), step(1, What::Hold(0, 5))]);

    assert_eq!((outcomes[0].decision, outcomes[0].amount_minor), (POSTED, 0));
    assert_eq!(outcomes[1].decision, REFUSED(Rejection::ReversedBeforePosted));
    assert!(changes.placed.is_empty());
    assert_eq!(changes.outcomes.iter().filter(|one| one.kind == Kind::Fenced).count(), 1);
}

#[test]
fn a_hold_that_is_known_is_released_and_one_that_was_refused_needs_no_fence() {
    let steps = [
        step(1, What::Hold(0, 600)),
        step(2, What::Fence(1)),
        step(3, What::Fence(1)),
        step(4, What::Hold(0, 5_000)),
        step(5, What::Fence(4)),
        // A request that fences itself is a release of nothing.
        step(6, What::Fence(6)),
    ];
    let (outcomes, changes) = run(&steps);

    let too_little = REFUSED(Rejection::InsufficientFunds);
    let decisions: Vec<_> = outcomes.iter().map(|one| one.decision).collect();
    let ended = REFUSED(Rejection::HoldEnded);
    assert_eq!(decisions, [POSTED, POSTED, ended, too_little, POSTED, POSTED]);
    assert_eq!((outcomes[1].amount_minor, outcomes[4].amount_minor), (600, 0));
    assert!(changes.outcomes.iter().all(|one| one.kind != Kind::Fenced));
}
