//! Many at once, and dying in between.

use kernel::{Clock, ManualClock, RequestId, SystemClock};
use proto::card::v1 as pb;
use tokio::task::JoinSet;

use crate::authorizations::{authorize, cash, code, limit, usage};
use crate::reversals::reverse;
use crate::support::*;

/// Asks all at once, and answers the codes in order.
async fn at_once(service: &Service, requests: Vec<pb::AuthorizeRequest>) -> Vec<String> {
    let mut calls = JoinSet::new();
    for request in requests {
        let mut scheme = service.scheme();
        calls.spawn(async move { scheme.authorize(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    let mut codes: Vec<_> =
        answers.into_iter().map(|answer| answer.authorization.unwrap().response_code).collect();
    codes.sort();
    codes
}

/// Waits until so much is reserved on the usual account.
async fn wait_until_held(service: &Service, minor: i64) {
    let reached = async {
        while service.deposit.held(&service.account) != minor {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap();
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_decided_once() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let request = plastic.purchase(1_000);

    let codes = at_once(&service, vec![request; 10]).await;

    assert_eq!(codes, ["00"; 10]);
    assert_eq!(service.deposit.held(&service.account), 1_000);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::Pos).await, [1_000, 1, 1_000, 1]);
    assert_eq!(service.count("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn no_more_is_approved_at_once_than_one_after_the_other() {
    let service = Service::start().await;
    let plastic = service.active().await;
    // Deposit: no more than is there.
    let many = (0..6).map(|_| plastic.purchase(300_000)).collect();
    assert_eq!(at_once(&service, many).await, ["00", "00", "00", "51", "51", "51"]);
    assert_eq!(service.deposit.held(&service.account), 900_000);

    // The limits: no more often than allowed, and what was reserved beyond that is given back.
    limit(&service, &plastic, pb::CardLimit { day_count: Some(5), ..pb::CardLimit::default() })
        .await;
    let many = (0..6).map(|_| plastic.purchase(1_000)).collect();
    assert_eq!(at_once(&service, many).await, ["00", "00", "65", "65", "65", "65"]);
    wait_until_held(&service, 902_000).await;
    let all = usage(&service, &plastic.card_id, pb::CardBucket::All).await;
    assert_eq!(all, [902_000, 5, 902_000, 5]);
}

#[tokio::test]
async fn wrong_pins_at_once_are_each_counted_and_the_third_blocks() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let many = (0..6).map(|_| cash(&plastic, 1_000, "9999")).collect();

    let codes = at_once(&service, many).await;

    assert_eq!(codes, ["55", "55", "75", "75", "75", "75"]);
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 3);
    assert_eq!(service.deposit.held(&service.account), 0);
}

#[tokio::test]
async fn a_request_and_its_reversal_at_once_leave_nothing_reserved() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let request = plastic.purchase(1_000);
        let (mut asking, mut reversing) = (service.scheme(), service.scheme());
        let reversal = pb::ReverseAuthorizationRequest {
            request_id: request_id(),
            authorization_id: request.request_id.clone(),
        };
        calls.spawn(async move { drop(asking.authorize(request).await.unwrap()) });
        calls.spawn(async move { drop(reversing.reverse_authorization(reversal).await.unwrap()) });
    }
    calls.join_all().await;

    service.wait_until_nothing_is_held().await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    let ended = "SELECT count(*) FROM authorizations WHERE status IN ('REVERSED', 'FENCED')";
    assert_eq!(service.count(ended).await, 20);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [0; 4]);
}

#[tokio::test]
async fn a_card_that_is_blocked_while_money_is_reserved_declines_and_gives_back() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut admin = service.admin().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM cards FOR UPDATE").execute(&mut admin).await.unwrap();

    let (asked, ()) = tokio::join!(code(&service, plastic.purchase(1_000)), async {
        wait_until_held(&service, 1_000).await;
        let block = "UPDATE cards SET status = 'STOLEN'; COMMIT";
        sqlx::raw_sql(block).execute(&mut admin).await.unwrap();
    });

    assert_eq!(asked, "43");
    service.wait_until_nothing_is_held().await;
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [0; 4]);
}

#[tokio::test]
async fn who_dies_between_reserving_and_deciding_is_repeated_or_reversed() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    let (repeated, reversed) = (plastic.purchase(1_000), plastic.purchase(200));
    let mut admin = service.admin().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM cards FOR UPDATE").execute(&mut admin).await.unwrap();
    for request in [repeated.clone(), reversed.clone()] {
        let mut scheme = service.scheme();
        tokio::spawn(async move { drop(scheme.authorize(request).await) });
    }
    wait_until_held(&service, 1_200).await;

    service.kill().await;
    sqlx::raw_sql("ROLLBACK").execute(&mut admin).await.unwrap();
    service.restart().await;
    assert_eq!(service.count("SELECT count(*) FROM authorizations").await, 0);

    assert_eq!(authorize(&service, repeated).await.response_code, "00");
    let fenced = reverse(&service, &reversed.request_id).await.unwrap();
    assert_eq!(fenced.status(), pb::AuthorizationStatus::Fenced);
    wait_until_held(&service, 1_000).await;
    assert_eq!(code(&service, reversed).await, "05");
}

#[tokio::test]
async fn a_hold_that_nobody_decided_on_is_found_and_given_back() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    let kept = plastic.purchase(1_000);
    authorize(&service, kept).await;
    service.stop().await;
    // Older than anything that can still be decided: 20 minutes.
    let long_ago = SystemClock.now() - chrono::TimeDelta::minutes(30);
    let orphan = RequestId::generate(&ManualClock::at(long_ago));
    service.deposit.plant_hold(&orphan.to_string(), &service.account, 700);
    service.plant("UPDATE sweeps SET swept_until = now() - interval '1 hour'").await;

    service.restart().await;

    wait_until_held(&service, 1_000).await;
    let released =
        "SELECT count(*) FROM orders WHERE kind = 'RELEASE' AND authorization_id IS NULL";
    assert_eq!(service.count(released).await, 1);
}
