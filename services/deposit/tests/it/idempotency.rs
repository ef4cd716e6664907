//! The same request id always gets the same answer, and has one effect.

use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_moves_money_once() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let request = transfer(&accounts[0], &accounts[1], 300);

    let first = client.transfer(request.clone()).await.unwrap().into_inner();
    let again = client.transfer(request).await.unwrap().into_inner();

    assert_eq!(first, again);
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 700);
}

#[tokio::test]
async fn a_hundred_copies_at_once_have_one_effect_and_one_answer() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let request = transfer(&accounts[0], &accounts[1], 10);

    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (mut client, request) = (service.client(), request.clone());
        calls.spawn(async move { client.transfer(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;

    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(balance(&mut service.client(), &accounts[1]).await.0, 10);
}

#[tokio::test]
async fn a_request_id_with_another_body_is_refused_and_the_first_outcome_stays() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let request = transfer(&accounts[0], &accounts[1], 300);
    client.transfer(request.clone()).await.unwrap();

    let mut other = request.clone();
    other.amount = cny(301);
    assert_refused(client.transfer(other).await, "REQUEST_ID_REUSED");

    client.transfer(request).await.unwrap();
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 700);
}

#[tokio::test]
async fn a_request_id_is_one_across_operations() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let request = transfer(&accounts[0], &accounts[1], 300);
    client.transfer(request.clone()).await.unwrap();

    let mut other = hold(&accounts[0], 5);
    other.request_id = request.request_id;

    assert_refused(client.place_hold(other).await, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_refusal_is_repeated_even_when_the_money_has_come_since() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let early = transfer(&accounts[1], &accounts[0], 50);
    assert_refused(client.transfer(early.clone()).await, "INSUFFICIENT_FUNDS");
    client.transfer(transfer(&accounts[0], &accounts[1], 100)).await.unwrap();

    assert_refused(client.transfer(early).await, "INSUFFICIENT_FUNDS");
}

#[tokio::test]
async fn a_request_is_remembered_over_a_crash() {
    let mut service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let request = transfer(&accounts[0], &accounts[1], 300);
    let first = service.client().transfer(request.clone()).await.unwrap().into_inner();

    service.crash_and_restart().await;

    let mut client = service.client();
    let again = client.transfer(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 700);
}

#[tokio::test]
async fn a_crash_under_load_loses_no_acknowledged_transfer_and_doubles_none() {
    let mut service = Service::start().await;
    let accounts = service.accounts(&[1_000_000, 0]).await;
    let requests: Vec<_> = (0..400).map(|_| transfer(&accounts[0], &accounts[1], 7)).collect();
    let mut calls = JoinSet::new();
    for request in requests.clone() {
        let mut client = service.client();
        calls.spawn(async move { client.transfer(request).await.is_ok() });
    }
    // Some are answered, some are under way, some have not arrived.
    while service.count("SELECT count(*) FROM entries WHERE amount_minor = 7").await < 50 {}

    service.crash_and_restart().await;
    drop(calls.join_all().await);

    let mut client = service.client();
    for request in requests {
        client.transfer(request).await.unwrap();
    }
    assert_eq!(balance(&mut client, &accounts[1]).await.0, 400 * 7);
}

#[tokio::test]
async fn a_caller_who_goes_away_finds_the_outcome_later() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let request = transfer(&accounts[0], &accounts[1], 300);
    let (mut client, sent) = (service.client(), request.clone());
    let call = tokio::spawn(async move { client.transfer(sent).await });
    tokio::task::yield_now().await;
    call.abort();
    drop(call.await);

    let mut client = service.client();
    client.transfer(request).await.unwrap();

    assert_eq!(balance(&mut client, &accounts[1]).await.0, 300);
}
