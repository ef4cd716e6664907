//! Money that is reserved, taken and given back; and what is undone.

use std::time::Duration;

use proto::deposit::v1 as pb;

use crate::support::*;

fn capture(hold_id: &str, amount_minor: i64) -> pb::CaptureHoldRequest {
    pb::CaptureHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.into(),
        amount: cny(amount_minor),
        credit_account_number: String::new(),
        release_remainder: false,
    }
}

fn release(hold_id: &str) -> pb::ReleaseHoldRequest {
    pb::ReleaseHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.into(),
        fence_unknown: false,
    }
}

fn reverse(posting_id: &str) -> pb::ReversePostingRequest {
    pb::ReversePostingRequest { request_id: request_id(), posting_id: posting_id.into() }
}

async fn placed(client: &mut Client, account: &str, amount_minor: i64) -> String {
    let answer = client.place_hold(hold(account, amount_minor)).await.unwrap();
    answer.into_inner().posting.unwrap().posting_id
}

#[tokio::test]
async fn a_hold_reserves_and_a_capture_takes_and_a_release_gives_back() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();

    let held = placed(&mut client, &accounts[0], 600).await;
    assert_eq!(balance(&mut client, &accounts[0]).await, (1_000, 600, 400));
    assert_refused(client.place_hold(hold(&accounts[0], 401)).await, "INSUFFICIENT_FUNDS");
    client.capture_hold(capture(&held, 250)).await.unwrap();
    assert_eq!(balance(&mut client, &accounts[0]).await, (750, 350, 400));
    client.release_hold(release(&held)).await.unwrap();
    assert_eq!(balance(&mut client, &accounts[0]).await, (750, 0, 750));
}

#[tokio::test]
async fn a_capture_can_credit_an_account_and_release_the_rest() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let held = placed(&mut client, &accounts[0], 600).await;

    let request = pb::CaptureHoldRequest {
        credit_account_number: accounts[1].clone(),
        release_remainder: true,
        ..capture(&held, 200)
    };
    client.capture_hold(request).await.unwrap();

    assert_eq!(balance(&mut client, &accounts[0]).await, (800, 0, 800));
    assert_eq!(balance(&mut client, &accounts[1]).await, (200, 0, 200));
}

#[tokio::test]
async fn a_hold_ends_once_and_gives_no_more_than_it_has() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut client = service.client();
    let held = placed(&mut client, &accounts[0], 600).await;

    assert_refused(client.capture_hold(capture(&held, 601)).await, "CAPTURE_EXCEEDS_HOLD");
    client.release_hold(release(&held)).await.unwrap();
    assert_refused(client.release_hold(release(&held)).await, "HOLD_ENDED");
    assert_refused(client.capture_hold(capture(&held, 1)).await, "HOLD_ENDED");
    assert_refused(client.release_hold(release(&request_id())).await, "HOLD_UNKNOWN");
}

#[tokio::test]
async fn a_hold_expires_by_itself() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut client = service.client();
    placed(&mut client, &accounts[0], 600).await;
    let expire = "UPDATE holds SET expires_at = now() - interval '1 second'";
    sqlx::query(expire).execute(&mut service.admin().await).await.unwrap();

    let released = async {
        while balance(&mut client, &accounts[0]).await.1 > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };

    tokio::time::timeout(Duration::from_secs(30), released).await.unwrap();
    assert_eq!(service.count("SELECT count(*) FROM holds WHERE status = 'EXPIRED'").await, 1);
}

#[tokio::test]
async fn a_reversal_undoes_a_transfer_once() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let request = transfer(&accounts[0], &accounts[1], 300);
    client.transfer(request.clone()).await.unwrap();

    client.reverse_posting(reverse(&request.request_id)).await.unwrap();
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 1_000);
    let again = client.reverse_posting(reverse(&request.request_id)).await;
    assert_refused(again, "ALREADY_REVERSED");
}

#[tokio::test]
async fn a_reversal_that_arrives_first_fences_its_original() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let late = transfer(&accounts[0], &accounts[1], 300);

    client.reverse_posting(reverse(&late.request_id)).await.unwrap();
    assert_refused(client.transfer(late).await, "REVERSED_BEFORE_POSTED");
    assert_eq!(balance(&mut client, &accounts[0]).await.0, 1_000);
}

#[tokio::test]
async fn what_moved_nothing_or_belongs_to_another_day_is_not_reversed() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    let held = placed(&mut client, &accounts[0], 600).await;
    assert_refused(client.reverse_posting(reverse(&held)).await, "POSTING_NOT_REVERSIBLE");
    let request = transfer(&accounts[0], &accounts[1], 300);
    client.transfer(request.clone()).await.unwrap();
    let next_day = "UPDATE business_day SET business_date = business_date + 1";
    sqlx::query(next_day).execute(&mut service.admin().await).await.unwrap();

    let late = client.reverse_posting(reverse(&request.request_id)).await;
    assert_refused(late, "BUSINESS_DATE_PASSED");
}
