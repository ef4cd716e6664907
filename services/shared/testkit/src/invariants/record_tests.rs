//! Each way in which a client's record and the books can differ is found, and agreement passes.

use super::*;

fn sent(number: u128, answer: Answer) -> Recorded {
    Recorded {
        request_id: Uuid::from_u128(number),
        kind: "TRANSFER",
        debit_account: Some(1),
        credit_account: Some(2),
        amount_minor: Some(100),
        answer,
    }
}

fn booked(number: u128, result: &str) -> BookedOutcome {
    BookedOutcome {
        request_id: Uuid::from_u128(number),
        kind: "TRANSFER".to_owned(),
        result: result.to_owned(),
        debit_account: Some(1),
        credit_account: Some(2),
        amount_minor: 100,
    }
}

fn refused(reason: &str) -> Answer {
    Answer::Refused(reason.to_owned())
}

#[track_caller]
fn assert_found(check: &Check, text: &str) {
    assert!(!check.passed);
    assert_eq!(check.violations.len(), 1, "{:?}", check.violations);
    assert!(check.violations[0].contains(text), "{:?}", check.violations);
}

#[test]
fn a_record_that_agrees_with_the_books_passes() {
    let record = [
        sent(3, refused("INSUFFICIENT_FUNDS")),
        sent(1, Answer::Posted),
        sent(2, Answer::TurnedAway),
    ];
    let books = [booked(1, "POSTED"), booked(3, "INSUFFICIENT_FUNDS")];

    let check = check_record(record, books);

    assert!(check.passed, "{:?}", check.violations);
    assert_eq!(check.examined, 3);
}

#[test]
fn an_acknowledged_request_that_the_books_lost_is_found() {
    assert_found(&check_record([sent(1, Answer::Posted)], []), "the books have it 0×");
}

#[test]
fn a_recorded_refusal_that_the_books_lost_is_found() {
    assert_found(&check_record([sent(1, refused("HOLD_ENDED"))], []), "the books have it 0×");
}

#[test]
fn an_outcome_that_is_in_the_books_twice_is_found() {
    let check = check_record([sent(1, Answer::Posted)], [booked(1, "POSTED"), booked(1, "POSTED")]);

    assert_found(&check, "the books have it 2×");
}

#[test]
fn an_outcome_that_nobody_sent_is_found() {
    for number in [1, 3, 5] {
        let record = [sent(2, Answer::Posted), sent(4, Answer::Posted)];
        let books = [booked(2, "POSTED"), booked(4, "POSTED"), booked(number, "POSTED")];

        assert_found(&check_record(record, books), "never sent it");
    }
}

#[test]
fn an_altered_amount_is_found() {
    let mut altered = booked(1, "POSTED");
    altered.amount_minor = 101;

    assert_found(&check_record([sent(1, Answer::Posted)], [altered]), "the amount was 100");
}

#[test]
fn another_account_is_found() {
    let mut debit = booked(1, "POSTED");
    debit.debit_account = Some(7);
    let mut credit = booked(1, "POSTED");
    credit.credit_account = None;

    assert_found(&check_record([sent(1, Answer::Posted)], [debit]), "the debited account was 1");
    assert_found(&check_record([sent(1, Answer::Posted)], [credit]), "the credited account was 2");
}

#[test]
fn another_kind_is_found() {
    let mut altered = booked(1, "POSTED");
    altered.kind = "CASH_DEPOSIT".to_owned();

    assert_found(&check_record([sent(1, Answer::Posted)], [altered]), "asked for TRANSFER");
}

#[test]
fn another_result_is_found() {
    let posted = check_record([sent(1, refused("ACCOUNT_FROZEN"))], [booked(1, "POSTED")]);
    let refusal = check_record([sent(1, Answer::Posted)], [booked(1, "ACCOUNT_FROZEN")]);
    let reason = check_record([sent(1, refused("ACCOUNT_FROZEN"))], [booked(1, "ACCOUNT_CLOSED")]);

    assert_found(&posted, "was answered ACCOUNT_FROZEN, the books say POSTED");
    assert_found(&refusal, "was answered POSTED, the books say ACCOUNT_FROZEN");
    assert_found(&reason, "was answered ACCOUNT_FROZEN, the books say ACCOUNT_CLOSED");
}

#[test]
fn a_request_that_was_turned_away_but_posted_is_found() {
    let check = check_record([sent(1, Answer::TurnedAway)], [booked(1, "POSTED")]);

    assert_found(&check, "turned away");
}

#[test]
fn an_unresolved_request_is_a_violation_whatever_the_books_say() {
    assert_found(&check_record([sent(1, Answer::Unknown)], []), "never resolved");
    let check = check_record([sent(1, Answer::Unknown)], [booked(1, "POSTED")]);
    assert_found(&check, "unknown");
}

#[test]
fn a_request_id_used_twice_by_the_client_is_found() {
    let check =
        check_record([sent(1, Answer::Posted), sent(1, Answer::Posted)], [booked(1, "POSTED")]);

    assert_found(&check, "twice in the client's record");
}
