//! What the loan service asks of deposit: money to a borrower's account, and from it.

use proto::deposit::v1 as pb;
use tonic::Code;

use crate::support::*;

fn settle(service: &Service, account: &str, amount_minor: i64) -> pb::SettleToAccountRequest {
    pb::SettleToAccountRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: cny(amount_minor),
        customer_id: service.owner.to_string(),
    }
}

fn collect(service: &Service, account: &str, amount_minor: i64) -> pb::CollectFromAccountRequest {
    pb::CollectFromAccountRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: cny(amount_minor),
        customer_id: service.owner.to_string(),
        allow_partial: false,
    }
}

fn some_of_it(request: pb::CollectFromAccountRequest) -> pb::CollectFromAccountRequest {
    pb::CollectFromAccountRequest { allow_partial: true, ..request }
}

#[tokio::test]
async fn a_settlement_arrives_on_the_account_and_its_statement_says_so() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0]).await;
    let mut loans = service.loan_service();
    let request = settle(&service, &accounts[0], 5_000);

    let answer = loans.settle_to_account(request.clone()).await.unwrap().into_inner();

    let posting = answer.posting.unwrap();
    assert_eq!(posting.posting_id, request.request_id);
    assert_eq!(posting.kind(), pb::PostingKind::LoanSettlement);
    assert_eq!(posting.credit_account_number, accounts[0]);
    assert_eq!((posting.debit_account_number.as_str(), posting.amount), ("", cny(5_000)));
    let request = pb::ListEntriesRequest {
        account_number: accounts[0].clone(),
        ..pb::ListEntriesRequest::default()
    };
    let statement = service.client().list_entries(request).await.unwrap().into_inner();
    assert_eq!(statement.entries[0].kind(), pb::PostingKind::LoanSettlement);
    assert_eq!(statement.entries[0].balance_after, cny(5_000));
    assert_eq!(statement.entries[0].counterparty_account_number, "");
}

#[tokio::test]
async fn a_collection_takes_all_of_it_or_nothing() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut loans = service.loan_service();

    let too_much = loans.collect_from_account(collect(&service, &accounts[0], 1_001)).await;
    assert_refused(too_much, "INSUFFICIENT_FUNDS");
    let answer = loans.collect_from_account(collect(&service, &accounts[0], 1_000)).await;

    let posting = answer.unwrap().into_inner().posting.unwrap();
    assert_eq!(posting.kind(), pb::PostingKind::LoanCollection);
    assert_eq!(posting.debit_account_number, accounts[0]);
    assert_eq!((posting.credit_account_number.as_str(), posting.amount), ("", cny(1_000)));
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (0, 0, 0));
}

#[tokio::test]
async fn a_partial_collection_leaves_what_is_held_and_is_remembered_as_what_it_took() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 500]).await;
    let (mut client, mut loans) = (service.client(), service.loan_service());
    client.place_hold(hold(&accounts[0], 300)).await.unwrap();
    let request = some_of_it(collect(&service, &accounts[0], 5_000));

    let first = loans.collect_from_account(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.posting.clone().unwrap().amount, cny(700));
    let nothing = some_of_it(collect(&service, &accounts[0], 5_000));
    assert_refused(loans.collect_from_account(nothing).await, "INSUFFICIENT_FUNDS");
    client.transfer(transfer(&accounts[1], &accounts[0], 500)).await.unwrap();
    let again = loans.collect_from_account(request).await.unwrap().into_inner();

    assert_eq!(first, again);
    assert_eq!(balance(&mut client, &accounts[0]).await, (800, 300, 500));
}

#[tokio::test]
async fn a_repeated_settlement_moves_money_once_and_another_body_is_refused() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0]).await;
    let mut loans = service.loan_service();
    let request = settle(&service, &accounts[0], 5_000);
    let first = loans.settle_to_account(request.clone()).await.unwrap().into_inner();

    let again = loans.settle_to_account(request.clone()).await.unwrap().into_inner();
    let other = pb::SettleToAccountRequest { amount: cny(5_001), ..request };

    assert_eq!(first, again);
    assert_refused(loans.settle_to_account(other).await, "REQUEST_ID_REUSED");
    assert_eq!(balance(&mut service.client(), &accounts[0]).await.0, 5_000);
}

#[tokio::test]
async fn an_account_of_another_customer_is_answered_as_one_that_does_not_exist() {
    let service = Service::start().await;
    let accounts = service.open(&[(1_000, "CNY")], new_customer(9)).await;
    let mut loans = service.loan_service();

    let settled = loans.settle_to_account(settle(&service, &accounts[0], 1)).await;
    assert_refused(settled, "ACCOUNT_UNKNOWN");
    let collected = some_of_it(collect(&service, &accounts[0], 1));
    assert_refused(loans.collect_from_account(collected).await, "ACCOUNT_UNKNOWN");
    let cell = kernel::CellCode::try_new(999).unwrap();
    let nowhere = kernel::AccountNumber::from_parts(cell, 1).unwrap().to_string();
    let settled = loans.settle_to_account(settle(&service, &nowhere, 1)).await;
    assert_refused(settled, "ACCOUNT_UNKNOWN");
    assert_eq!(balance(&mut service.teller(), &accounts[0]).await.0, 1_000);
}

#[tokio::test]
async fn a_debit_freeze_lets_a_loan_be_paid_out_and_nothing_be_collected() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let (mut teller, mut loans) = (service.teller(), service.loan_service());
    let freeze = |scope: pb::FreezeScope| pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
        scope: scope.into(),
    };

    teller.freeze_account(freeze(pb::FreezeScope::Debits)).await.unwrap();
    loans.settle_to_account(settle(&service, &accounts[0], 5)).await.unwrap();
    let collected = some_of_it(collect(&service, &accounts[0], 5));
    assert_refused(loans.collect_from_account(collected).await, "ACCOUNT_FROZEN");
    teller.freeze_account(freeze(pb::FreezeScope::All)).await.unwrap();
    let settled = loans.settle_to_account(settle(&service, &accounts[0], 5)).await;
    assert_refused(settled, "ACCOUNT_FROZEN");
    assert_eq!(balance(&mut service.client(), &accounts[0]).await.0, 1_005);
}

#[tokio::test]
async fn a_closed_account_neither_receives_nor_pays() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0]).await;
    let mut loans = service.loan_service();
    let close =
        pb::CloseAccountRequest { request_id: request_id(), account_number: accounts[0].clone() };
    service.teller().close_account(close).await.unwrap();

    let settled = loans.settle_to_account(settle(&service, &accounts[0], 5)).await;
    assert_refused(settled, "ACCOUNT_CLOSED");
    let collected = loans.collect_from_account(collect(&service, &accounts[0], 5)).await;
    assert_refused(collected, "ACCOUNT_CLOSED");
}

#[tokio::test]
async fn another_currency_and_a_balance_that_would_not_fit_are_refused() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut loans = service.loan_service();
    let in_yen = money(5, "JPY");

    let settled =
        pb::SettleToAccountRequest { amount: in_yen.clone(), ..settle(&service, &accounts[0], 5) };
    assert_refused(loans.settle_to_account(settled).await, "CURRENCY_MISMATCH");
    let collected = pb::CollectFromAccountRequest {
        amount: in_yen,
        ..some_of_it(collect(&service, &accounts[0], 5))
    };
    assert_refused(loans.collect_from_account(collected).await, "CURRENCY_MISMATCH");
    let settled = loans.settle_to_account(settle(&service, &accounts[0], i64::MAX)).await;
    assert_refused(settled, "BALANCE_OVERFLOW");
}

#[tokio::test]
async fn the_money_of_a_loan_is_not_given_back_by_a_reversal() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut loans = service.loan_service();
    let settled = settle(&service, &accounts[0], 5);
    let collected = collect(&service, &accounts[0], 5);
    loans.settle_to_account(settled.clone()).await.unwrap();
    loans.collect_from_account(collected.clone()).await.unwrap();

    for posting_id in [settled.request_id, collected.request_id] {
        let reverse = pb::ReversePostingRequest { request_id: request_id(), posting_id };
        let answer = service.teller().reverse_posting(reverse).await;
        assert_refused(answer, "POSTING_NOT_REVERSIBLE");
    }
}

#[tokio::test]
async fn nobody_but_the_loan_service_may_ask() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;

    for mut client in [service.client(), service.teller(), service.client_as("service/card")] {
        let settled = client.settle_to_account(settle(&service, &accounts[0], 5)).await;
        assert_eq!(reason(settled), (Code::PermissionDenied, "ROLE_NOT_ALLOWED".into()));
        let collected = client.collect_from_account(collect(&service, &accounts[0], 5)).await;
        assert_eq!(reason(collected), (Code::PermissionDenied, "ROLE_NOT_ALLOWED".into()));
    }
}

#[tokio::test]
async fn accounting_is_told_of_each_movement_and_each_moves_what_its_outcome_says() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut loans = service.loan_service();
    let before = service.count("SELECT count(*) FROM outbox").await;

    loans.settle_to_account(settle(&service, &accounts[0], 5)).await.unwrap();
    let collected = some_of_it(collect(&service, &accounts[0], 9_000));
    loans.collect_from_account(collected).await.unwrap();

    assert_eq!(service.count("SELECT count(*) FROM outbox").await, before + 2);
    let agree = "SELECT count(*) FROM outcomes AS o JOIN entries AS e ON e.request_id = o.request_id \
        WHERE (o.kind, e.amount_minor) IN (('LOAN_SETTLEMENT', o.amount_minor), ('LOAN_COLLECTION', -o.amount_minor))";
    assert_eq!(service.count(agree).await, 2);
}

#[tokio::test]
async fn a_request_without_a_customer_or_an_amount_is_a_bad_request() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut loans = service.loan_service();
    let settled = || settle(&service, &accounts[0], 5);
    let bad = [
        pb::SettleToAccountRequest { customer_id: String::new(), ..settled() },
        pb::SettleToAccountRequest { amount: None, ..settled() },
        pb::SettleToAccountRequest { amount: cny(0), ..settled() },
        pb::SettleToAccountRequest { account_number: "1".into(), ..settled() },
        pb::SettleToAccountRequest { request_id: "1".into(), ..settled() },
    ];

    for request in bad {
        let (code, _) = reason(loans.settle_to_account(request.clone()).await);
        assert_eq!(code, Code::InvalidArgument, "{request:?}");
    }
    let collected =
        pb::CollectFromAccountRequest { amount: cny(-1), ..collect(&service, &accounts[0], 5) };
    assert_eq!(reason(loans.collect_from_account(collected).await).0, Code::InvalidArgument);
}
