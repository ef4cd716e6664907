//! One test for each way of saying no, and for each way of asking badly.

use deposit::domain::Rejection;
use proto::deposit::v1 as pb;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::support::*;

fn nowhere() -> String {
    let cell = kernel::CellCode::try_new(999).unwrap();
    kernel::AccountNumber::from_parts(cell, 1).unwrap().to_string()
}

#[tokio::test]
async fn an_unknown_account_is_refused() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut client = service.client();

    assert_refused(client.transfer(transfer(&accounts[0], &nowhere(), 1)).await, "ACCOUNT_UNKNOWN");
    assert_refused(client.transfer(transfer(&nowhere(), &accounts[0], 1)).await, "ACCOUNT_UNKNOWN");
}

#[tokio::test]
async fn more_than_is_available_is_refused_to_the_cent() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();

    let too_much = client.transfer(transfer(&accounts[0], &accounts[1], 1_001)).await;
    assert_refused(too_much, "INSUFFICIENT_FUNDS");
    client.transfer(transfer(&accounts[0], &accounts[1], 1_000)).await.unwrap();
}

#[tokio::test]
async fn a_frozen_account_is_refused_and_a_debit_freeze_takes_credits() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 1_000]).await;
    let (mut client, mut teller) = (service.client(), service.teller());
    let freeze = |scope: pb::FreezeScope| pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
        scope: scope.into(),
    };

    teller.freeze_account(freeze(pb::FreezeScope::Debits)).await.unwrap();
    assert_refused(
        client.transfer(transfer(&accounts[0], &accounts[1], 1)).await,
        "ACCOUNT_FROZEN",
    );
    client.transfer(transfer(&accounts[1], &accounts[0], 1)).await.unwrap();
    teller.freeze_account(freeze(pb::FreezeScope::All)).await.unwrap();
    assert_refused(
        client.transfer(transfer(&accounts[1], &accounts[0], 1)).await,
        "ACCOUNT_FROZEN",
    );
    let again = teller.freeze_account(freeze(pb::FreezeScope::All)).await;
    assert_refused(again, "ILLEGAL_TRANSITION");
    let thaw = pb::UnfreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
    };
    teller.unfreeze_account(thaw).await.unwrap();
    client.transfer(transfer(&accounts[0], &accounts[1], 1)).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_is_refused_and_only_an_empty_one_closes() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let (mut client, mut teller) = (service.client(), service.teller());
    let close = |account: &str| pb::CloseAccountRequest {
        request_id: request_id(),
        account_number: account.into(),
    };

    assert_refused(teller.close_account(close(&accounts[0])).await, "ACCOUNT_NOT_EMPTY");
    client.transfer(transfer(&accounts[0], &accounts[1], 1_000)).await.unwrap();
    teller.close_account(close(&accounts[0])).await.unwrap();
    assert_refused(
        client.transfer(transfer(&accounts[1], &accounts[0], 1)).await,
        "ACCOUNT_CLOSED",
    );
    assert_refused(teller.close_account(close(&accounts[0])).await, "ACCOUNT_CLOSED");
}

#[tokio::test]
async fn another_currency_is_refused() {
    let service = Service::start().await;
    let accounts = service.open(&[(1_000, "CNY"), (1_000, "JPY")], service.owner).await;
    let mut client = service.client();
    let mut in_yen = transfer(&accounts[0], &accounts[1], 1);
    in_yen.amount = money(1, "JPY");

    assert_refused(client.transfer(in_yen).await, "CURRENCY_MISMATCH");
    let in_cny = client.transfer(transfer(&accounts[0], &accounts[1], 1)).await;
    assert_refused(in_cny, "CURRENCY_MISMATCH");
}

#[tokio::test]
async fn a_balance_that_would_not_fit_is_refused() {
    let service = Service::start().await;
    let accounts = service.accounts(&[i64::MAX, 1]).await;
    let mut client = service.client();

    let overflow = client.transfer(transfer(&accounts[1], &accounts[0], 1)).await;
    assert_refused(overflow, "BALANCE_OVERFLOW");
    assert_eq!(balance(&mut client, &accounts[1]).await.0, 1);
}

#[tokio::test]
async fn an_owner_with_open_accounts_is_not_closed_and_a_closed_owner_opens_none() {
    let service = Service::start().await;
    let owner = service.owner;
    let accounts = service.accounts(&[0]).await;
    let mut customer_service = service.customer_service();
    let close =
        || pb::CloseOwnerRequest { request_id: request_id(), customer_id: owner.to_string() };

    assert_refused(customer_service.close_owner(close()).await, "OWNER_HAS_ACCOUNTS");
    let close_account =
        pb::CloseAccountRequest { request_id: request_id(), account_number: accounts[0].clone() };
    service.teller().close_account(close_account).await.unwrap();
    customer_service.close_owner(close()).await.unwrap();
    assert_eq!(service.count("SELECT count(*) FROM owners WHERE closed").await, 1);
}

#[tokio::test]
async fn a_malformed_request_names_everything_that_is_wrong_and_is_not_recorded() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = pb::TransferRequest {
        request_id: "1".into(),
        debit_account_number: "123".into(),
        credit_account_number: nowhere(),
        amount: money(0, "CNY"),
    };

    let status = client.transfer(request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    for field in ["request_id", "debit_account_number", "amount.amount_minor"] {
        assert!(fields.iter().any(|named| named == field), "{field} in {fields:?}");
    }
    assert_eq!(service.count("SELECT count(*) FROM outcomes").await, 0);
}

#[tokio::test]
async fn bad_amounts_and_targets_are_bad_requests() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let good = || transfer(&accounts[0], &accounts[1], 1);
    let bad = [
        pb::TransferRequest { amount: cny(0), ..good() },
        pb::TransferRequest { amount: cny(-1), ..good() },
        pb::TransferRequest { amount: None, ..good() },
        pb::TransferRequest { amount: money(1, "RMB"), ..good() },
        pb::TransferRequest { credit_account_number: accounts[0].clone(), ..good() },
        pb::TransferRequest { request_id: uuid::Uuid::new_v4().to_string(), ..good() },
        pb::TransferRequest { request_id: "01800000-0000-7000-8000-000000000000".into(), ..good() },
    ];

    for request in bad {
        let (code, _) = reason(client.transfer(request.clone()).await);
        assert_eq!(code, Code::InvalidArgument, "{request:?}");
    }
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 1_000);
}

#[tokio::test]
async fn a_deadline_that_has_passed_before_the_batch_posts_nothing() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    // The account is locked by somebody else, so the first transfer's batch holds up the second.
    let mut admin = service.admin().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        .execute(&mut admin)
        .await
        .unwrap();
    let client_before = service.client();
    let late = || {
        let mut request = Request::new(transfer(&accounts[0], &accounts[1], 1));
        request.set_timeout(std::time::Duration::from_millis(300));
        let mut client = client_before.clone();
        tokio::spawn(async move { client.transfer(request).await })
    };
    // One after the other, until both lanes have a batch that waits for the lock.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock' AND query LIKE '%FOR NO KEY UPDATE%'";
    let mut begun = Vec::new();
    while service.count(waiting).await < 2 {
        begun.push(late());
    }
    let calls: Vec<_> = (0..20).map(|_| late()).collect();
    let first = i64::try_from(begun.len()).unwrap();
    for call in begun.into_iter().chain(calls) {
        let code = call.await.unwrap().unwrap_err().code();
        assert!(matches!(code, Code::DeadlineExceeded | Code::Cancelled), "{code:?}");
    }
    sqlx::raw_sql("COMMIT").execute(&mut admin).await.unwrap();

    // What a lane had begun before its deadline may be posted; what waited behind it must not be.
    client.transfer(transfer(&accounts[0], &accounts[1], 500)).await.unwrap();
    let posted = service.count("SELECT count(*) FROM outcomes WHERE amount_minor = 1").await;
    assert!(posted <= first, "{posted} were posted, and only {first} had begun before their time");
}

#[tokio::test]
async fn a_caller_without_the_role_is_turned_away() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0]).await;
    let freeze = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
        scope: pb::FreezeScope::All.into(),
    };

    let (code, why) = reason(service.client().freeze_account(freeze).await);

    assert_eq!((code, why.as_str()), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
}

/// A reason that is added without a test here is found by its absence.
#[test]
fn every_reason_is_reached_by_a_test() {
    let tests = [
        include_str!("refusals.rs"),
        include_str!("holds.rs"),
        include_str!("idempotency.rs"),
        include_str!("books.rs"),
        include_str!("card_payment.rs"),
        include_str!("../../src/domain/properties.rs"),
        include_str!("../../../shared/system-tests/tests/it/opening.rs"),
    ]
    .concat();
    for rejection in Rejection::ALL {
        let named = tests.contains(&format!("\"{}\"", rejection.code()))
            || tests.contains(&format!("Rejection::{rejection:?}"));
        assert!(named, "no test reaches {}", rejection.code());
    }
}
