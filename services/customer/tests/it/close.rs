//! Closing asks loan, card and deposit first, and survives everything that can go wrong in between.

use std::time::Duration;

use proto::customer::v1::CustomerStatus::{Active, Closed, Pending};
use proto::loan::v1::LoanStatus;
use tonic::Code;

use crate::support::{
    Service, Step, get, reason, register, register_active, request_id, step, step_again,
};

#[tokio::test]
async fn deposit_is_asked_with_an_id_that_is_derived_from_the_request() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let close = request_id();

    step_again(&mut client, Step::Close, &id, &close).await.unwrap();

    let calls = service.deposit.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].customer_id, id);
    assert_ne!(calls[0].request_id, close);
    // The time of the request, so that it is in deposit's window as long as in ours.
    assert_eq!(calls[0].request_id[..13], close[..13]);
}

#[tokio::test]
async fn a_customer_with_accounts_is_closed_by_a_new_request_once_they_are_gone() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let close = request_id();

    service.deposit.has_accounts(true);
    let refused = step_again(&mut client, Step::Close, &id, &close).await.unwrap_err();
    service.deposit.has_accounts(false);
    let again = step_again(&mut client, Step::Close, &id, &close).await.unwrap_err();

    assert_eq!(reason(&refused).1, "CUSTOMER_HAS_PRODUCTS");
    assert_eq!(reason(&again).1, "CUSTOMER_HAS_PRODUCTS");
    assert_eq!(get(&mut client, &id).await.status(), Active);
    assert_eq!(step(&mut client, Step::Close, &id).await.unwrap().status(), Closed);
}

#[tokio::test]
async fn a_customer_who_owes_on_any_loan_is_not_closed_and_deposit_is_not_asked() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let past = [LoanStatus::Declined, LoanStatus::Settled, LoanStatus::Recovered];

    for owed in [LoanStatus::Active, LoanStatus::WrittenOff] {
        service.loan.lists(&[past.as_slice(), &[owed]].concat());
        let refused = step(&mut client, Step::Close, &id).await.unwrap_err();
        assert_eq!(reason(&refused).1, "CUSTOMER_HAS_PRODUCTS");
    }

    assert!(service.deposit.calls().is_empty());
    service.loan.lists(&past);
    assert_eq!(step(&mut client, Step::Close, &id).await.unwrap().status(), Closed);
}

#[tokio::test]
async fn a_customer_who_owes_on_any_card_is_not_closed_and_deposit_is_not_asked() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;

    service.card.lists(&[0, 0, 1]);
    let refused = step(&mut client, Step::Close, &id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "OWNER_OWES_ON_CARD");
    assert_eq!(get(&mut client, &id).await.status(), Active);

    assert!(service.deposit.calls().is_empty());
    service.card.lists(&[0, 0, 0]);
    assert_eq!(step(&mut client, Step::Close, &id).await.unwrap().status(), Closed);
}

#[tokio::test]
async fn deposit_is_not_asked_for_what_is_refused_anyway() {
    let service = Service::start().await;
    let mut client = service.client();
    let pending = register(&mut client, "P1000001").await.customer_id;

    let refused = step(&mut client, Step::Close, &pending).await.unwrap_err();
    let unknown = step(&mut client, Step::Close, &request_id()).await.unwrap_err();

    assert_eq!(reason(&refused).1, "ILLEGAL_TRANSITION");
    assert_eq!(reason(&unknown).1, "CUSTOMER_UNKNOWN");
    assert_eq!(get(&mut client, &pending).await.status(), Pending);
    assert!(service.deposit.calls().is_empty());
}

#[tokio::test]
async fn a_repeated_close_is_answered_without_asking_deposit_again() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let close = request_id();

    let first = step_again(&mut client, Step::Close, &id, &close).await.unwrap();
    let again = step_again(&mut client, Step::Close, &id, &close).await.unwrap();

    assert_eq!(first, again);
    assert_eq!(service.deposit.calls().len(), 1);
}

#[tokio::test]
async fn an_id_that_was_used_before_never_reaches_deposit() {
    let service = Service::start().await;
    let mut client = service.client();
    let one = register_active(&mut client, "P1000001").await.customer_id;
    let other = register_active(&mut client, "P1000002").await.customer_id;
    let used = request_id();
    step_again(&mut client, Step::Freeze, &one, &used).await.unwrap();

    let refused = step_again(&mut client, Step::Close, &other, &used).await.unwrap_err();

    assert_eq!(reason(&refused).1, "REQUEST_ID_REUSED");
    assert!(service.deposit.calls().is_empty());
}

#[tokio::test]
async fn a_crash_after_deposit_decided_is_finished_by_the_same_request() {
    let mut service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let close = request_id();

    service.deposit.silent(true);
    let call = {
        let (id, close) = (id.clone(), close.clone());
        tokio::spawn(async move { step_again(&mut client, Step::Close, &id, &close).await })
    };
    let asked = async {
        while service.deposit.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
    service.crash().await;
    assert!(call.await.unwrap().is_err());
    service.deposit.silent(false);
    service.start_again().await;
    let mut client = service.client();

    assert_eq!(get(&mut client, &id).await.status(), Active);
    let closed = step_again(&mut client, Step::Close, &id, &close).await.unwrap();
    assert_eq!(closed.status(), Closed);
    let calls = service.deposit.calls();
    assert_eq!(calls.first(), calls.last());
}

#[tokio::test]
async fn without_deposit_nothing_is_recorded_and_the_same_request_may_be_sent_again() {
    let service = Service::start_without_deposit().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let close = request_id();

    let failed = step_again(&mut client, Step::Close, &id, &close).await.unwrap_err();

    assert_eq!(failed.code(), Code::Unavailable);
    assert_eq!(reason(&failed).1, "SERVICE_UNAVAILABLE");
    assert_eq!(get(&mut client, &id).await.status(), Active);
    assert_eq!(service.count("SELECT count(*) FROM requests WHERE kind = 'CLOSE'").await, 0);
}
