//! What the events of loans book: the journal of each kind, as `docs/domain/ledger.md` says it.

use pb::AmountKind::{Compound, Fee, Interest, Penalty, Principal, Provision};
use proto::accounting::v1 as pb;

use crate::journal_lines::{journal, pairs};
use crate::support::*;

/// An event, and the pairs of lines that it makes.
type Case<'a> = (pb::EventKind, &'a [(pb::AmountKind, i64)], Vec<(&'a str, &'a str, i64)>);

#[tokio::test]
async fn each_event_of_a_loan_makes_its_journal() {
    let service = Service::start().await;
    let charges = [(Interest, 30), (Penalty, 20), (Compound, 10)];
    let paid = [(Principal, 400), (Interest, 30), (Penalty, 20), (Compound, 10), (Fee, 5)];
    let recovered = [(Principal, 400), (Interest, 30), (Penalty, 20), (Compound, 10)];
    let cases: [Case; 9] = [
        (pb::EventKind::LoanDisbursed, &[(Principal, 900)], vec![("130301", "3002", 900)]),
        (
            pb::EventKind::LoanRepaid,
            &paid,
            vec![
                ("3002", "130301", 400),
                ("3002", "113201", 30),
                ("3002", "113201", 20),
                ("3002", "113201", 10),
                ("3002", "6021", 5),
            ],
        ),
        (
            pb::EventKind::LoanInterestAccrued,
            &charges,
            vec![("113201", "6011", 30), ("113201", "6011", 20), ("113201", "6011", 10)],
        ),
        (
            pb::EventKind::LoanInterestRemoved,
            &charges,
            vec![("6011", "113201", 30), ("6011", "113201", 20), ("6011", "113201", 10)],
        ),
        (
            pb::EventKind::LoanInterestReceived,
            &charges,
            vec![("3002", "6011", 30), ("3002", "6011", 20), ("3002", "6011", 10)],
        ),
        (pb::EventKind::LoanProvisioned, &[(Provision, 9)], vec![("6701", "1304", 9)]),
        (pb::EventKind::LoanWrittenOff, &[(Principal, 500)], vec![("1304", "130301", 500)]),
        (
            pb::EventKind::LoanRecovered,
            &recovered,
            vec![
                ("3002", "6701", 400),
                ("3002", "6011", 30),
                ("3002", "6011", 20),
                ("3002", "6011", 10),
            ],
        ),
        (
            pb::EventKind::LoanMemo,
            &recovered,
            vec![
                ("9102", "9199", 400),
                ("9101", "9199", 30),
                ("9101", "9199", 20),
                ("9101", "9199", 10),
            ],
        ),
    ];
    let events: Vec<_> =
        cases.iter().map(|(kind, amounts, _)| loan_event(*kind, amounts)).collect();

    service.deliver_as("loan", vec![batch(1, events.clone())]).await.unwrap();

    for ((kind, _, lines), event) in cases.iter().zip(&events) {
        assert_eq!(journal(&service, event).await, pairs(lines), "{kind:?}");
    }
}

#[tokio::test]
async fn both_legs_of_a_loans_money_leave_nothing_in_transit() {
    let service = Service::start().await;
    let of_loan = vec![
        loan_event(pb::EventKind::LoanDisbursed, &[(Principal, 900)]),
        loan_event(pb::EventKind::LoanRepaid, &[(Principal, 80), (Interest, 20)]),
    ];
    let to = event(pb::EventKind::LoanSettledToAccount, 900);
    let from = event(pb::EventKind::LoanSettledFromAccount, 100);

    service.deliver_as("loan", vec![batch(1, of_loan)]).await.unwrap();
    let in_transit = "SELECT sum(debit_minor - credit_minor)::bigint FROM gl_balances \
        WHERE gl_account = '3002'";
    assert_eq!(service.count(in_transit).await, -800);
    service.deliver(vec![batch(1, vec![to.clone(), from.clone()])]).await.unwrap();

    assert_eq!(service.count(in_transit).await, 0);
    assert_eq!(journal(&service, &to).await, pairs(&[("3002", "2011", 900)]));
    assert_eq!(journal(&service, &from).await, pairs(&[("2011", "3002", 100)]));
}

#[tokio::test]
async fn a_reversal_gives_back_what_was_provided_and_takes_what_was_noted() {
    let service = Service::start().await;
    let back = |kind, amounts: &[(pb::AmountKind, i64)]| pb::BusinessEvent {
        reversal: true,
        ..loan_event(kind, amounts)
    };
    let released = back(pb::EventKind::LoanProvisioned, &[(Provision, 4)]);
    let left = back(pb::EventKind::LoanMemo, &[(Interest, 7)]);

    let batch = batch(1, vec![released.clone(), left.clone()]);
    service.deliver_as("loan", vec![batch]).await.unwrap();

    let released = journal(&service, &released).await;
    assert_eq!(released, [('C', "6701".to_owned(), 4), ('D', "1304".to_owned(), 4)]);
    let left = journal(&service, &left).await;
    assert_eq!(left, [('C', "9101".to_owned(), 7), ('D', "9199".to_owned(), 7)]);
}

#[tokio::test]
async fn two_sources_have_batch_numbers_of_their_own() {
    let service = Service::start().await;
    let disbursed = loan_event(pb::EventKind::LoanDisbursed, &[(Principal, 900)]);

    assert_eq!(service.deliver(vec![batch(1, vec![cash(5)])]).await.unwrap(), [1]);
    assert_eq!(service.deliver_as("loan", vec![batch(1, vec![disbursed])]).await.unwrap(), [1]);

    assert_eq!(service.count("SELECT count(*) FROM inbox").await, 2);
}

#[tokio::test]
async fn an_amount_that_its_event_does_not_have_is_not_booked() {
    let service = Service::start().await;
    let with_fee = loan_event(pb::EventKind::LoanInterestAccrued, &[(Interest, 5), (Fee, 1)]);
    let unknown_product = pb::BusinessEvent {
        product_code: "CURRENT".into(),
        ..loan_event(pb::EventKind::LoanInterestAccrued, &[(Interest, 5)])
    };

    for (number, event) in [(1, with_fee), (2, unknown_product)] {
        let answer = service.deliver_as("loan", vec![batch(number, vec![event])]).await;
        assert_refused(answer, "RULE_MISSING");
    }
}
