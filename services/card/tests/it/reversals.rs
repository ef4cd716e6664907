//! Taking back and completing: before, after, twice, late, and of what was posted.

use std::collections::HashSet;

use proto::card::v1 as pb;
use tonic::Status;

use crate::authorizations::{authorize, cash, code, usage};
use crate::support::*;

/// Takes an authorization back.
pub async fn reverse(service: &Service, id: &str) -> Result<pb::Authorization, Status> {
    let request = pb::ReverseAuthorizationRequest {
        request_id: request_id(),
        authorization_id: id.to_owned(),
    };
    let answer = service.scheme().reverse_authorization(request).await?;
    Ok(answer.into_inner().authorization.unwrap())
}

async fn complete(service: &Service, id: &str, minor: i64) -> Result<pb::Authorization, Status> {
    let request = pb::CompleteAuthorizationRequest {
        request_id: request_id(),
        authorization_id: id.to_owned(),
        amount: cny(minor),
    };
    let answer = service.scheme().complete_authorization(request).await?;
    Ok(answer.into_inner().authorization.unwrap())
}

fn preauthorization(plastic: &Plastic, minor: i64) -> pb::AuthorizeRequest {
    let kind = pb::AuthorizationKind::Preauthorization.into();
    pb::AuthorizeRequest { kind, ..plastic.purchase(minor) }
}

async fn wait_until_all_is_done(service: &Service) {
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
}

/// How many requests deposit had of a method, each however often.
fn requests(service: &Service, method: &str) -> usize {
    service.deposit.asked(method).into_iter().collect::<HashSet<_>>().len()
}

#[tokio::test]
async fn a_reversal_that_comes_first_declines_what_it_reverses() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let request = plastic.purchase(1_000);

    for _ in 0..2 {
        let fenced = reverse(&service, &request.request_id).await.unwrap();
        assert_eq!(fenced.status(), pb::AuthorizationStatus::Fenced);
    }
    for _ in 0..2 {
        assert_eq!(code(&service, request.clone()).await, "05");
    }

    wait_until_all_is_done(&service).await;
    assert_eq!(service.deposit.held(&service.account), 0);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [0; 4]);
    let found = service.authorization(&request.request_id).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Fenced);
}

#[tokio::test]
async fn five_reversals_give_back_once() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let kept = authorize(&service, plastic.purchase(300)).await;
    let id = authorize(&service, plastic.purchase(1_000)).await.authorization_id;

    let all = tokio::join!(
        reverse(&service, &id),
        reverse(&service, &id),
        reverse(&service, &id),
        reverse(&service, &id)
    );
    let last = reverse(&service, &id).await;

    for reversed in [all.0, all.1, all.2, all.3, last] {
        assert_eq!(reversed.unwrap().status(), pb::AuthorizationStatus::Reversed);
    }
    wait_until_all_is_done(&service).await;
    assert_eq!(service.deposit.held(&service.account), 300);
    assert_eq!(requests(&service, "ReleaseHold"), 1);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::Pos).await, [300, 1, 300, 1]);
    assert_eq!(
        service.authorization(&kept.authorization_id).await.status(),
        pb::AuthorizationStatus::Approved
    );
}

#[tokio::test]
async fn a_late_reversal_takes_off_where_it_was_counted_and_nowhere_else() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let pos = pb::CardBucket::Pos;
    let id = |request: &pb::AuthorizeRequest| request.request_id.clone();
    let (first, second, third) =
        (plastic.purchase(1_000), plastic.purchase(200), plastic.purchase(30));
    authorize(&service, first.clone()).await;
    service.on("2026-01-31").await;
    authorize(&service, second.clone()).await;
    assert_eq!(usage(&service, &plastic.card_id, pos).await, [200, 1, 1_200, 2]);

    // Of an earlier date of the month.
    reverse(&service, &id(&first)).await.unwrap();
    assert_eq!(usage(&service, &plastic.card_id, pos).await, [200, 1, 200, 1]);
    service.on("2026-02-01").await;
    authorize(&service, third.clone()).await;
    assert_eq!(usage(&service, &plastic.card_id, pos).await, [30, 1, 30, 1]);
    // Of an earlier month.
    reverse(&service, &id(&second)).await.unwrap();
    assert_eq!(usage(&service, &plastic.card_id, pos).await, [30, 1, 30, 1]);
    reverse(&service, &id(&third)).await.unwrap();
    assert_eq!(usage(&service, &plastic.card_id, pos).await, [0; 4]);
    service.wait_until_nothing_is_held().await;
}

#[tokio::test]
async fn what_was_posted_at_once_is_credited_when_it_is_reversed() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let id = authorize(&service, cash(&plastic, 5_000, PIN)).await.authorization_id;
    wait_until_all_is_done(&service).await;
    assert_eq!(service.deposit.balance(&service.account), 995_000);

    for _ in 0..3 {
        reverse(&service, &id).await.unwrap();
    }
    wait_until_all_is_done(&service).await;

    assert_eq!(service.deposit.balance(&service.account), 1_000_000);
    assert_eq!(requests(&service, "CreditCardPayment"), 1);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::Atm).await, [0; 4]);

    // And of a refund: what was given is taken.
    let kind = pb::AuthorizationKind::Refund.into();
    let refund = pb::AuthorizeRequest { kind, ..plastic.purchase(700) };
    let id = authorize(&service, refund).await.authorization_id;
    reverse(&service, &id).await.unwrap();
    wait_until_all_is_done(&service).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000);
    assert_eq!(service.card(&plastic.card_id).await.receivable_minor, 0);
}

#[tokio::test]
async fn what_is_declined_or_only_looked_at_has_nothing_to_take_back() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let declined = authorize(&service, plastic.purchase(2_000_000)).await;
    let inquiry = pb::AuthorizeRequest {
        kind: pb::AuthorizationKind::BalanceInquiry.into(),
        amount: None,
        post_now: false,
        ..cash(&plastic, 1, PIN)
    };
    let inquiry = authorize(&service, inquiry).await;

    for one in [declined, inquiry] {
        let reversed = reverse(&service, &one.authorization_id).await.unwrap();
        assert_eq!(reversed.status(), one.status());
    }
    assert_eq!(service.count("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn a_completion_takes_up_to_what_was_reserved_and_of_a_preauthorization_a_bit_more() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let purchase = authorize(&service, plastic.purchase(5_000)).await.authorization_id;
    let hotel = authorize(&service, preauthorization(&plastic, 10_000)).await.authorization_id;

    let above = complete(&service, &purchase, 5_001).await;
    assert_refused(above, "COMPLETION_ABOVE_AUTHORIZATION");
    let above = complete(&service, &hotel, 11_501).await;
    assert_refused(above, "COMPLETION_ABOVE_AUTHORIZATION");
    assert_refused(complete(&service, &request_id(), 1).await, "AUTHORIZATION_UNKNOWN");
    complete(&service, &purchase, 4_000).await.unwrap();
    complete(&service, &hotel, 11_500).await.unwrap();
    wait_until_all_is_done(&service).await;

    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 15_500);
    assert_eq!(service.deposit.held(&service.account), 0);
    complete(&service, &hotel, 11_500).await.unwrap();
    assert_refused(complete(&service, &hotel, 11_499).await, "AUTHORIZATION_ENDED");
    assert_refused(reverse(&service, &hotel).await, "ALREADY_CLEARED");
    let found = service.authorization(&hotel).await;
    assert_eq!((found.status(), found.cleared_minor), (pb::AuthorizationStatus::Cleared, 11_500));
    wait_until_all_is_done(&service).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 15_500);
}

#[tokio::test]
async fn nothing_is_completed_once_it_is_reversed() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let id = authorize(&service, preauthorization(&plastic, 10_000)).await.authorization_id;
    reverse(&service, &id).await.unwrap();

    assert_refused(complete(&service, &id, 10_000).await, "AUTHORIZATION_ENDED");
    let fenced = request_id();
    reverse(&service, &fenced).await.unwrap();
    assert_refused(complete(&service, &fenced, 10_000).await, "AUTHORIZATION_UNKNOWN");

    service.wait_until_nothing_is_held().await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000);
}

#[tokio::test]
async fn a_completion_is_not_declined_so_what_the_account_lacks_is_owed() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    let id = authorize(&service, preauthorization(&plastic, 1_000_000)).await.authorization_id;

    complete(&service, &id, 1_150_000).await.unwrap();
    wait_until_all_is_done(&service).await;

    assert_eq!(service.deposit.balance(&service.account), 0);
    assert_eq!(service.card(&plastic.card_id).await.receivable_minor, 150_000);
    let told = "SELECT count(*) FROM bookings WHERE kind = 'CARD_RECEIVABLE' AND NOT reversal \
                AND principal_minor = 150000";
    assert_eq!(service.count(told).await, 1);

    // It is asked for on each further date, and taken as far as it is there.
    service.stop().await;
    for (date, there, owed) in [("2026-01-21", 100_000, 50_000), ("2026-01-22", 60_000, 0)] {
        service.on(date).await;
        service.deposit.set_balance(&service.account, there);
        service.restart().await;
        service.wait_for("SELECT receivable_minor FROM cards", owed).await;
        service.stop().await;
    }
    assert_eq!(service.deposit.balance(&service.account), 10_000);
    let paid = "SELECT sum(principal_minor)::bigint FROM bookings WHERE reversal";
    assert_eq!(service.count(paid).await, 150_000);
}

#[tokio::test]
async fn an_approval_whose_time_is_up_reserves_nothing_and_still_counts() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let id = authorize(&service, plastic.purchase(1_000)).await.authorization_id;
    // As an approval of last month: orders about it need ids of today.
    service.plant("UPDATE authorizations SET expires_at = now() - interval '1 second'").await;

    service.wait_until_nothing_is_held().await;

    let found = service.authorization(&id).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Expired);
    assert_refused(complete(&service, &id, 1_000).await, "AUTHORIZATION_ENDED");
    let reversed = reverse(&service, &id).await.unwrap();
    assert_eq!(reversed.status(), pb::AuthorizationStatus::Expired);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::Pos).await, [1_000, 1, 1_000, 1]);
    wait_until_all_is_done(&service).await;
    assert_eq!(requests(&service, "ReleaseHold"), 1);
}
