//! Trial balance, journal, tie-out.

use std::collections::BTreeMap;

use proto::accounting::v1 as pb;
use proto::card::v1 as card;
use proto::deposit::v1::DayTotal;
use proto::loan::v1 as loan;
use tonic::Code;

use crate::neighbour::{Card, Deposit, Loan};
use crate::support::*;

fn total(debit_minor: i64, credit_minor: i64) -> DayTotal {
    DayTotal {
        product_code: "CURRENT".into(),
        currency_code: "CNY".into(),
        debit_minor,
        credit_minor,
        entries: 1,
    }
}

/// Beside a loan and a card service that have booked nothing.
async fn beside_deposit() -> (Deposit, Service) {
    let ((deposit, address), (_, loan), (_, card)) =
        (Deposit::start(), Loan::start(), Card::start());
    (deposit, Service::start_beside(address, loan, card).await)
}

async fn tie_out(service: &Service) -> pb::GetTieOutResponse {
    let request = pb::GetTieOutRequest { business_date: String::new() };
    service.operator().get_tie_out(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_trial_balance_sums_to_zero_in_every_currency() {
    let service = Service::start().await;
    let usd = pb::BusinessEvent { currency_code: "USD".into(), ..cash(70) };
    let events = vec![
        cash(1_000),
        transfer(300),
        event(pb::EventKind::CashWithdrawn, 200),
        event(pb::EventKind::HoldCaptured, 50),
        usd,
    ];
    service.deliver(vec![batch(1, events)]).await.unwrap();
    service.cut_over(MONDAY).await.unwrap();
    service.deliver(vec![on(TUESDAY, batch(2, vec![transfer(9)]))]).await.unwrap();

    let tuesday = service.trial_balance(TUESDAY).await;

    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for line in &tuesday.lines {
        let (opening, closing) = sums.entry(&line.currency_code).or_default();
        *opening += line.opening_minor;
        *closing += line.closing_minor;
    }
    assert_eq!(sums, BTreeMap::from([("CNY", (0, 0)), ("USD", (0, 0))]));
    let deposits =
        tuesday.lines.iter().find(|l| l.gl_account == "2011" && l.currency_code == "CNY");
    let deposits = deposits.unwrap();
    assert_eq!(deposits.name, "Customer deposits, current");
    assert_eq!((deposits.opening_minor, deposits.closing_minor), (-750, -750));
    assert_eq!((deposits.debit_minor, deposits.credit_minor), (9, 9));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let service = Service::start().await;
    let mut operator = service.operator();
    let journal = pb::GetJournalRequest { posting_id: request_id() };
    let trial_balance = pb::GetTrialBalanceRequest { business_date: "2026-11-22".into() };
    let tie_out = pb::GetTieOutRequest { business_date: TUESDAY.into() };

    assert_eq!(reason(operator.get_journal(journal).await).0, Code::NotFound);
    assert_eq!(reason(operator.get_trial_balance(trial_balance).await).0, Code::NotFound);
    assert_eq!(reason(operator.get_tie_out(tie_out).await).0, Code::NotFound);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let service = Service::start().await;
    let mut operator = service.operator();
    let journal = pb::GetJournalRequest { posting_id: "7".into() };
    let trial_balance = pb::GetTrialBalanceRequest { business_date: "today".into() };

    assert_eq!(reason(operator.get_journal(journal).await).0, Code::InvalidArgument);
    let status = operator.get_trial_balance(trial_balance).await.unwrap_err();
    assert!(status.message().contains("business_date"), "{status:?}");
}

#[tokio::test]
async fn the_tie_out_agrees_while_both_ledgers_have_the_same_turnover() {
    let (deposit, service) = beside_deposit().await;
    assert!(tie_out(&service).await.agrees);
    service.deliver(vec![batch(1, vec![cash(100), transfer(30)])]).await.unwrap();
    deposit.says(vec![total(30, 130)], 0);

    let answer = tie_out(&service).await;

    assert!(answer.agrees, "{answer:?}");
    assert_eq!(answer.business_date, MONDAY);
    assert_eq!(answer.lines.len(), 1);
    assert_eq!(answer.lines[0].gl_account, "2011");
    assert_eq!(deposit.asked(), [MONDAY, MONDAY]);
}

#[tokio::test]
async fn the_tie_out_shows_a_difference_and_what_may_explain_it() {
    let (deposit, service) = beside_deposit().await;
    service.deliver(vec![batch(1, vec![cash(100)])]).await.unwrap();
    deposit.says(vec![total(0, 120)], 2);

    let answer = tie_out(&service).await;

    assert!(!answer.agrees);
    assert_eq!(answer.undelivered_batches, 2);
    let line = &answer.lines[0];
    assert_eq!((line.ledger_credit_minor, line.sub_ledger_credit_minor), (100, 120));
}

#[tokio::test]
async fn the_tie_out_without_the_sub_ledger_is_unavailable() {
    let service = Service::start().await;
    let request = pb::GetTieOutRequest { business_date: String::new() };

    let answer = service.operator().get_tie_out(request).await;

    assert_eq!(reason(answer), (Code::Unavailable, "SERVICE_UNAVAILABLE".into()));
}

#[tokio::test]
async fn principal_and_interest_of_loans_tie_out_each_by_itself() {
    let ((deposit, of_deposit), (loan, of_loan)) = (Deposit::start(), Loan::start());
    let (_, of_card) = Card::start();
    let service = Service::start_beside(of_deposit, of_loan, of_card).await;
    let accrued = [(pb::AmountKind::Interest, 40), (pb::AmountKind::Penalty, 2)];
    let events = vec![
        loan_event(pb::EventKind::LoanDisbursed, &[(pb::AmountKind::Principal, 1_000)]),
        loan_event(pb::EventKind::LoanInterestAccrued, &accrued),
    ];
    service.deliver_as("loan", vec![batch(1, events)]).await.unwrap();
    let settled = event(pb::EventKind::LoanSettledToAccount, 1_000);
    service.deliver(vec![batch(1, vec![settled])]).await.unwrap();
    deposit.says(vec![total(0, 1_000)], 1);
    let part = |part: loan::DayTotalPart, debit_minor| loan::DayTotal {
        product_code: "CONSUMER".into(),
        part: part.into(),
        currency_code: "CNY".into(),
        debit_minor,
        credit_minor: 0,
    };
    let principal = part(loan::DayTotalPart::Principal, 1_000);
    loan.says(vec![principal.clone(), part(loan::DayTotalPart::Interest, 42)], 2);

    let answer = tie_out(&service).await;

    assert!(answer.agrees, "{answer:?}");
    assert_eq!(answer.undelivered_batches, 3);
    let lines: Vec<_> = answer
        .lines
        .iter()
        .map(|line| (line.gl_account.as_str(), line.part(), line.product_code.as_str()))
        .collect();
    let expected = [
        ("113201", pb::ControlPart::Interest, "CONSUMER"),
        ("130301", pb::ControlPart::Principal, "CONSUMER"),
        ("2011", pb::ControlPart::Principal, "CURRENT"),
    ];
    assert_eq!(lines, expected);

    loan.says(vec![principal, part(loan::DayTotalPart::Interest, 41)], 0);
    let answer = tie_out(&service).await;
    assert!(!answer.agrees);
    let apart: Vec<_> = answer
        .lines
        .iter()
        .filter(|line| line.ledger_debit_minor != line.sub_ledger_debit_minor)
        .map(|line| line.gl_account.as_str())
        .collect();
    assert_eq!(apart, ["113201"]);
}

#[tokio::test]
async fn what_holders_of_cards_owe_ties_out_with_its_control_account() {
    let ((deposit, of_deposit), (_, of_loan)) = (Deposit::start(), Loan::start());
    let (cards, of_card) = Card::start();
    let service = Service::start_beside(of_deposit, of_loan, of_card).await;
    let owed = |amount_minor, reversal| pb::BusinessEvent {
        reversal,
        ..card_event(pb::EventKind::CardReceivable, &[(pb::AmountKind::Principal, amount_minor)])
    };
    let events = vec![owed(300, false), owed(100, true)];
    service.deliver_as("card", vec![batch(1, events)]).await.unwrap();
    let taken = event(pb::EventKind::CardDebited, 700);
    service.deliver(vec![batch(1, vec![taken])]).await.unwrap();
    deposit.says(vec![total(700, 0)], 1);
    let of_cards = |debit_minor, credit_minor| card::DayTotal {
        product_code: "DEBIT".into(),
        currency_code: "CNY".into(),
        debit_minor,
        credit_minor,
    };
    cards.says(vec![of_cards(300, 100)], 2);

    let answer = tie_out(&service).await;

    assert!(answer.agrees, "{answer:?}");
    assert_eq!(answer.undelivered_batches, 3);
    let lines: Vec<_> = answer
        .lines
        .iter()
        .map(|line| (line.gl_account.as_str(), line.part(), line.product_code.as_str()))
        .collect();
    let expected = [
        ("122101", pb::ControlPart::Principal, "DEBIT"),
        ("2011", pb::ControlPart::Principal, "CURRENT"),
    ];
    assert_eq!(lines, expected);

    cards.says(vec![of_cards(200, 0)], 0);
    assert!(!tie_out(&service).await.agrees);
}

#[tokio::test]
async fn the_tie_out_without_one_of_the_sub_ledgers_is_unavailable() {
    let ((_, deposit), (_, loan), (_, card)) = (Deposit::start(), Loan::start(), Card::start());
    let request = pb::GetTieOutRequest { business_date: String::new() };

    for (loan, card, silent) in [(nobody(), card, "loan"), (loan, nobody(), "card")] {
        let service = Service::start_beside(deposit, loan, card).await;
        let status = service.operator().get_tie_out(request.clone()).await.unwrap_err();

        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains(silent), "{status:?}");
    }
}
