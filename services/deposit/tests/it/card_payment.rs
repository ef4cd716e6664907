//! What the card service asks of deposit: to take what the scheme clears, to pay what it gives back, and to find and fence
//! the holds of authorizations.

use kernel::{Clock, RequestId, SystemClock};
use prost_types::Timestamp;
use proto::deposit::v1 as pb;
use tonic::Code;

use crate::support::*;

fn debit(service: &Service, account: &str, amount_minor: i64) -> pb::DebitCardPaymentRequest {
    pb::DebitCardPaymentRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: cny(amount_minor),
        customer_id: service.owner.to_string(),
        hold_id: String::new(),
        keep_remainder: false,
        allow_partial: false,
    }
}

fn of_hold(hold_id: &str, request: pb::DebitCardPaymentRequest) -> pb::DebitCardPaymentRequest {
    pb::DebitCardPaymentRequest { hold_id: hold_id.into(), ..request }
}

fn credit(service: &Service, account: &str, amount_minor: i64) -> pb::CreditCardPaymentRequest {
    pb::CreditCardPaymentRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: cny(amount_minor),
        customer_id: service.owner.to_string(),
    }
}

fn card_hold(account: &str, amount_minor: i64) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest { reason: pb::HoldReason::Card.into(), ..hold(account, amount_minor) }
}

fn fence(hold_id: &str) -> pb::ReleaseHoldRequest {
    pb::ReleaseHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.into(),
        fence_unknown: true,
    }
}

async fn placed(client: &mut Client, request: pb::PlaceHoldRequest) -> String {
    client.place_hold(request).await.unwrap().into_inner().posting.unwrap().posting_id
}

/// Holds of cards whose ids were made around now.
fn of_today(page_size: i32, page_token: String) -> pb::ListHoldsRequest {
    use proto::common::v1::read_consistency::Freshness;
    let now = SystemClock.now().timestamp();
    let primary = proto::common::v1::ReadConsistency { freshness: Some(Freshness::Primary(true)) };
    pb::ListHoldsRequest {
        reason: pb::HoldReason::Card.into(),
        made_from: Some(Timestamp { seconds: now - 3_600, nanos: 0 }),
        made_before: Some(Timestamp { seconds: now + 3_600, nanos: 0 }),
        page_size,
        page_token,
        consistency: Some(primary),
    }
}

#[tokio::test]
async fn a_cleared_payment_takes_its_hold_first_and_gives_the_rest_back() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let held = placed(&mut card, card_hold(&accounts[0], 600)).await;

    let request = of_hold(&held, debit(&service, &accounts[0], 400));
    let answer = card.debit_card_payment(request.clone()).await.unwrap().into_inner();

    let posting = answer.posting.unwrap();
    assert_eq!(posting.posting_id, request.request_id);
    assert_eq!(posting.kind(), pb::PostingKind::CardDebit);
    assert_eq!(posting.debit_account_number, accounts[0]);
    assert_eq!((posting.credit_account_number.as_str(), posting.amount), ("", cny(400)));
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (600, 0, 600));
    let ended = "SELECT count(*) FROM holds WHERE status = 'CAPTURED' AND remaining_minor = 0 AND reason = 'CARD'";
    assert_eq!(service.count(ended).await, 1);
    let request = pb::ListEntriesRequest {
        account_number: accounts[0].clone(),
        ..pb::ListEntriesRequest::default()
    };
    let statement = service.client().list_entries(request).await.unwrap().into_inner();
    assert_eq!(statement.entries[0].kind(), pb::PostingKind::CardDebit);
    assert_eq!(statement.entries[0].balance_after, cny(600));
}

#[tokio::test]
async fn a_payment_cleared_in_parts_keeps_what_is_still_to_come() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let held = placed(&mut card, card_hold(&accounts[0], 600)).await;
    let part = pb::DebitCardPaymentRequest {
        keep_remainder: true,
        ..of_hold(&held, debit(&service, &accounts[0], 200))
    };

    card.debit_card_payment(part).await.unwrap();
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (800, 400, 400));
    let last = of_hold(&held, debit(&service, &accounts[0], 500));
    card.debit_card_payment(last).await.unwrap();
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (300, 0, 300));
}

#[tokio::test]
async fn more_than_is_there_is_refused_or_taken_in_part_and_remembered_so() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 500]).await;
    let (mut client, mut card) = (service.client(), service.card_service());
    let held = placed(&mut card, card_hold(&accounts[0], 300)).await;
    client.place_hold(hold(&accounts[0], 200)).await.unwrap();

    let all = of_hold(&held, debit(&service, &accounts[0], 801));
    assert_refused(card.debit_card_payment(all).await, "INSUFFICIENT_FUNDS");
    assert_eq!(balance(&mut client, &accounts[0]).await, (1_000, 500, 500));
    let part = pb::DebitCardPaymentRequest {
        allow_partial: true,
        ..of_hold(&held, debit(&service, &accounts[0], 9_000))
    };
    let first = card.debit_card_payment(part.clone()).await.unwrap().into_inner();
    assert_eq!(first.posting.clone().unwrap().amount, cny(800));
    let nothing = pb::DebitCardPaymentRequest { request_id: request_id(), ..part.clone() };
    assert_refused(card.debit_card_payment(nothing).await, "INSUFFICIENT_FUNDS");
    client.transfer(transfer(&accounts[1], &accounts[0], 500)).await.unwrap();
    let again = card.debit_card_payment(part.clone()).await.unwrap().into_inner();

    assert_eq!(first, again);
    assert_eq!(balance(&mut client, &accounts[0]).await, (700, 200, 500));
    let other = pb::DebitCardPaymentRequest { keep_remainder: true, ..part };
    assert_refused(card.debit_card_payment(other).await, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_hold_that_is_unknown_ended_or_on_another_account_is_as_none() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 1_000]).await;
    let mut card = service.card_service();
    let ended = placed(&mut card, card_hold(&accounts[0], 100)).await;
    card.release_hold(fence(&ended)).await.unwrap();
    let elsewhere = placed(&mut card, card_hold(&accounts[1], 100)).await;

    for held in [ended, elsewhere, request_id()] {
        let request = of_hold(&held, debit(&service, &accounts[0], 10));
        card.debit_card_payment(request).await.unwrap();
    }

    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (970, 0, 970));
    assert_eq!(balance(&mut service.client(), &accounts[1]).await, (1_000, 100, 900));
}

#[tokio::test]
async fn what_the_scheme_gives_back_arrives_once() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0]).await;
    let mut card = service.card_service();
    let request = credit(&service, &accounts[0], 250);

    let first = card.credit_card_payment(request.clone()).await.unwrap().into_inner();
    let again = card.credit_card_payment(request.clone()).await.unwrap().into_inner();

    assert_eq!(first, again);
    let posting = first.posting.unwrap();
    assert_eq!(posting.kind(), pb::PostingKind::CardCredit);
    assert_eq!(posting.credit_account_number, accounts[0]);
    assert_eq!(balance(&mut service.client(), &accounts[0]).await.0, 250);
    let other = pb::CreditCardPaymentRequest { amount: cny(251), ..request };
    assert_refused(card.credit_card_payment(other).await, "REQUEST_ID_REUSED");
    let too_much = credit(&service, &accounts[0], i64::MAX);
    assert_refused(card.credit_card_payment(too_much).await, "BALANCE_OVERFLOW");
}

#[tokio::test]
async fn an_account_that_is_not_the_holders_or_does_not_take_it_is_refused() {
    let service = Service::start().await;
    let strangers = service.open(&[(1_000, "CNY")], new_customer(9)).await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let (mut teller, mut card) = (service.teller(), service.card_service());

    let taken = card.debit_card_payment(debit(&service, &strangers[0], 1)).await;
    assert_refused(taken, "ACCOUNT_UNKNOWN");
    let paid = card.credit_card_payment(credit(&service, &strangers[0], 1)).await;
    assert_refused(paid, "ACCOUNT_UNKNOWN");
    let in_yen =
        pb::DebitCardPaymentRequest { amount: money(5, "JPY"), ..debit(&service, &accounts[0], 5) };
    assert_refused(card.debit_card_payment(in_yen).await, "CURRENCY_MISMATCH");
    let freeze = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
        scope: pb::FreezeScope::Debits.into(),
    };
    teller.freeze_account(freeze).await.unwrap();
    let taken = card.debit_card_payment(debit(&service, &accounts[0], 5)).await;
    assert_refused(taken, "ACCOUNT_FROZEN");
    card.credit_card_payment(credit(&service, &accounts[0], 5)).await.unwrap();
    let close =
        pb::CloseAccountRequest { request_id: request_id(), account_number: accounts[1].clone() };
    teller.close_account(close).await.unwrap();
    let paid = card.credit_card_payment(credit(&service, &accounts[1], 5)).await;
    assert_refused(paid, "ACCOUNT_CLOSED");
}

#[tokio::test]
async fn the_money_of_a_card_is_not_given_back_by_a_reversal() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let (taken, paid) = (debit(&service, &accounts[0], 5), credit(&service, &accounts[0], 5));
    card.debit_card_payment(taken.clone()).await.unwrap();
    card.credit_card_payment(paid.clone()).await.unwrap();

    for posting_id in [taken.request_id, paid.request_id] {
        let reverse = pb::ReversePostingRequest { request_id: request_id(), posting_id };
        let answer = service.teller().reverse_posting(reverse).await;
        assert_refused(answer, "POSTING_NOT_REVERSIBLE");
    }
}

#[tokio::test]
async fn a_fenced_hold_is_refused_when_it_comes_and_a_known_one_is_released() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let late = card_hold(&accounts[0], 600);

    let release = fence(&late.request_id);
    let first = card.release_hold(release.clone()).await.unwrap().into_inner();
    assert_eq!(first.posting.clone().unwrap().amount, None);
    assert_refused(card.place_hold(late.clone()).await, "REVERSED_BEFORE_POSTED");
    assert_eq!(card.release_hold(release).await.unwrap().into_inner(), first);
    card.release_hold(fence(&late.request_id)).await.unwrap();
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (1_000, 0, 1_000));

    let held = placed(&mut card, card_hold(&accounts[0], 600)).await;
    let released = card.release_hold(fence(&held)).await.unwrap().into_inner();
    assert_eq!(released.posting.unwrap().amount, cny(600));
    assert_refused(card.release_hold(fence(&held)).await, "HOLD_ENDED");
    assert_eq!(service.count("SELECT count(*) FROM outcomes WHERE kind = 'FENCED'").await, 1);
}

#[tokio::test]
async fn what_a_card_has_reserved_nobody_else_takes_or_gives_back() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let hold_id = placed(&mut service.card_service(), card_hold(&accounts[0], 600)).await;
    let release = pb::ReleaseHoldRequest { fence_unknown: false, ..fence(&hold_id) };
    let capture = pb::CaptureHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.clone(),
        amount: cny(100),
        ..Default::default()
    };

    assert_refused(service.teller().release_hold(release).await, "HOLD_OF_CARD");
    assert_refused(service.teller().capture_hold(capture).await, "HOLD_OF_CARD");
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (1_000, 600, 400));
    service.card_service().release_hold(fence(&hold_id)).await.unwrap();
    assert_eq!(balance(&mut service.client(), &accounts[0]).await, (1_000, 0, 1_000));
}

#[tokio::test]
async fn a_hold_that_can_never_come_needs_no_fence_and_one_from_the_future_gets_none() {
    let service = Service::start().await;
    let mut card = service.card_service();
    let made = |minutes: i64| {
        let at = SystemClock.now() + chrono::TimeDelta::minutes(minutes);
        RequestId::generate(&kernel::ManualClock::at(at)).to_string()
    };

    card.release_hold(fence(&made(-60 * 24 * 30))).await.unwrap();
    let (code, _) = reason(card.release_hold(fence(&made(120))).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(service.count("SELECT count(*) FROM outcomes WHERE kind = 'FENCED'").await, 0);
}

#[tokio::test]
async fn active_holds_of_cards_are_listed_page_by_page_in_order() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(placed(&mut card, card_hold(&accounts[0], 10)).await);
    }
    service.client().place_hold(hold(&accounts[0], 10)).await.unwrap();
    let ended = held.pop().unwrap();
    card.release_hold(fence(&ended)).await.unwrap();
    held.sort();

    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let answer = card.list_holds(of_today(3, token)).await.unwrap().into_inner();
        found.extend(answer.hold_ids);
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, held);

    let now = SystemClock.now().timestamp();
    let earlier = pb::ListHoldsRequest {
        made_before: Some(Timestamp { seconds: now - 1_800, nanos: 0 }),
        ..of_today(0, String::new())
    };
    assert!(card.list_holds(earlier).await.unwrap().into_inner().hold_ids.is_empty());
    let general = pb::ListHoldsRequest {
        reason: pb::HoldReason::General.into(),
        ..of_today(0, String::new())
    };
    assert_eq!(card.list_holds(general).await.unwrap().into_inner().hold_ids.len(), 1);
}

#[tokio::test]
async fn a_list_of_holds_needs_a_reason_and_a_period() {
    let service = Service::start().await;
    let mut card = service.card_service();
    let today = || of_today(0, String::new());
    let bad = [
        pb::ListHoldsRequest { reason: pb::HoldReason::Unspecified.into(), ..today() },
        pb::ListHoldsRequest { made_from: None, ..today() },
        pb::ListHoldsRequest { made_before: None, ..today() },
        pb::ListHoldsRequest { made_before: today().made_from, ..today() },
        pb::ListHoldsRequest { made_from: Some(Timestamp { seconds: -1, nanos: 0 }), ..today() },
        pb::ListHoldsRequest { page_size: 5_001, ..today() },
        pb::ListHoldsRequest { page_token: "x".into(), ..today() },
    ];

    for request in bad {
        let (code, _) = reason(card.list_holds(request.clone()).await);
        assert_eq!(code, Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn nobody_but_the_card_service_may_ask() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let denied = || (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned());

    for mut client in [service.client(), service.teller(), service.loan_service()] {
        let taken = client.debit_card_payment(debit(&service, &accounts[0], 5)).await;
        assert_eq!(reason(taken), denied());
        let paid = client.credit_card_payment(credit(&service, &accounts[0], 5)).await;
        assert_eq!(reason(paid), denied());
        assert_eq!(reason(client.list_holds(of_today(0, String::new())).await), denied());
        assert_eq!(reason(client.place_hold(card_hold(&accounts[0], 5)).await), denied());
        assert_eq!(reason(client.release_hold(fence(&request_id())).await), denied());
    }
    assert_eq!(service.count("SELECT count(*) FROM holds").await, 0);
}

#[tokio::test]
async fn accounting_is_told_of_each_movement_and_each_moves_what_its_outcome_says() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let before = service.count("SELECT count(*) FROM outbox").await;

    card.credit_card_payment(credit(&service, &accounts[0], 5)).await.unwrap();
    let part =
        pb::DebitCardPaymentRequest { allow_partial: true, ..debit(&service, &accounts[0], 9_000) };
    card.debit_card_payment(part).await.unwrap();

    assert_eq!(service.count("SELECT count(*) FROM outbox").await, before + 2);
    let agree = "SELECT count(*) FROM outcomes AS o JOIN entries AS e ON e.request_id = o.request_id \
        WHERE (o.kind, e.amount_minor) IN (('CARD_CREDIT', o.amount_minor), ('CARD_DEBIT', -o.amount_minor))";
    assert_eq!(service.count(agree).await, 2);
}

#[tokio::test]
async fn a_payment_without_a_holder_or_an_amount_is_a_bad_request() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut card = service.card_service();
    let asked = || debit(&service, &accounts[0], 5);
    let bad = [
        pb::DebitCardPaymentRequest { customer_id: String::new(), ..asked() },
        pb::DebitCardPaymentRequest { amount: None, ..asked() },
        pb::DebitCardPaymentRequest { amount: cny(0), ..asked() },
        pb::DebitCardPaymentRequest { account_number: "1".into(), ..asked() },
        pb::DebitCardPaymentRequest { hold_id: "1".into(), ..asked() },
    ];

    for request in bad {
        let (code, _) = reason(card.debit_card_payment(request.clone()).await);
        assert_eq!(code, Code::InvalidArgument, "{request:?}");
    }
    let paid =
        pb::CreditCardPaymentRequest { amount: cny(-1), ..credit(&service, &accounts[0], 5) };
    assert_eq!(reason(card.credit_card_payment(paid).await).0, Code::InvalidArgument);
}
