//! What the bank says no to about cards, and a card's renewal.

use proto::card::v1 as pb;
use proto::customer::v1::CustomerStatus;

use crate::authorizations::code;
use crate::support::*;

/// A request id of its own, and this card.
fn named(card_id: &str) -> (String, String) {
    (request_id(), card_id.to_owned())
}

fn renew(card_id: &str) -> pb::RenewCardRequest {
    let (request_id, card_id) = named(card_id);
    pb::RenewCardRequest { request_id, card_id }
}

#[tokio::test]
async fn a_card_is_issued_to_an_active_customer_on_a_product_that_is_offered() {
    let service = Service::start().await;
    let mut client = service.teller();
    let stranger = pb::IssueCardRequest {
        request_id: request_id(),
        customer_id: new_customer(9).to_string(),
        ..service.issue()
    };
    for _ in 0..2 {
        assert_refused(client.issue_card(stranger.clone()).await, "CUSTOMER_UNKNOWN");
    }
    service.customer.knows(&stranger.customer_id, CustomerStatus::Frozen);
    let frozen = pb::IssueCardRequest { request_id: request_id(), ..stranger.clone() };
    assert_refused(client.issue_card(frozen).await, "CUSTOMER_NOT_ACTIVE");
    service.customer.knows(&stranger.customer_id, CustomerStatus::Active);
    let not_theirs = pb::IssueCardRequest { request_id: request_id(), ..stranger };
    assert_refused(client.issue_card(not_theirs).await, "ACCOUNT_UNKNOWN");

    let platinum = pb::IssueCardRequest { product_code: "PLATINUM".into(), ..service.issue() };
    assert_refused(client.issue_card(platinum).await, "PRODUCT_UNKNOWN");
    service.deposit.block(&service.account, "ACCOUNT_CLOSED");
    assert_refused(client.issue_card(service.issue()).await, "ACCOUNT_CLOSED");
    service.deposit.block(&service.account, "");
    service.plant("SELECT setval('card_serials', 10000000)").await;
    assert_refused(client.issue_card(service.issue()).await, "BIN_EXHAUSTED");
    assert_eq!(service.count("SELECT count(*) FROM cards").await, 0);
}

#[tokio::test]
async fn a_holder_sets_no_limit_above_the_product_s_and_a_lowered_product_holds_for_all() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let set = |day_minor: i64| {
        let (request_id, card_id) = named(&plastic.card_id);
        let limit = pb::CardLimit {
            bucket: pb::CardBucket::Contactless.into(),
            day_minor: Some(day_minor),
            ..Default::default()
        };
        pb::SetCardLimitsRequest { request_id, card_id, limits: vec![limit] }
    };

    let above = service.client().set_card_limits(set(500_001)).await;
    assert_refused(above, "LIMIT_ABOVE_PRODUCT");
    service.client().set_card_limits(set(400_000)).await.unwrap();
    // As if the product's had been higher when it was set.
    service.plant("UPDATE card_limits SET day_minor = 900000").await;
    let card = service.card(&plastic.card_id).await;
    let contactless = |limit: &&pb::CardLimit| limit.bucket() == pb::CardBucket::Contactless;
    let now = card.limits.iter().find(contactless).unwrap();
    assert_eq!(now.day_minor, Some(500_000));
}

#[tokio::test]
async fn a_pin_that_is_not_there_or_cannot_be_read_is_no_wrong_one() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let bare = service.issued().await;
    let verify = |card_id: &str, pin: pb::PinBlock| {
        let (request_id, card_id) = named(card_id);
        pb::VerifyPinRequest { request_id, card_id, pin: Some(pin) }
    };

    let unset = service.client().verify_pin(verify(&bare.card_id, plastic.pin(PIN))).await;
    assert_refused(unset, "PIN_NOT_SET");
    let garbled = pb::PinBlock { block: vec![7; 16], ..plastic.pin(PIN) };
    let unreadable = service.client().verify_pin(verify(&plastic.card_id, garbled)).await;
    assert_refused(unreadable, "PIN_BLOCK_INVALID");
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 0);
}

#[tokio::test]
async fn a_right_pin_ends_the_count_of_wrong_ones_whatever_it_is_declined_for() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let with = |digits: &str, minor: i64| pb::AuthorizeRequest {
        pin: Some(plastic.pin(digits)),
        ..plastic.purchase(minor)
    };

    for _ in 0..2 {
        assert_eq!(code(&service, with("8052", 100)).await, "55");
    }
    assert_eq!(code(&service, with(PIN, 5_000_001)).await, "61");
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 0);
    assert_eq!(code(&service, with("8052", 100)).await, "55");
    assert_eq!(code(&service, with(PIN, 100)).await, "00");
}

#[tokio::test]
async fn a_renewed_card_keeps_number_and_pin_and_has_another_expiry_and_cvv2() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut teller = service.teller();
    assert_refused(teller.renew_card(renew(&plastic.card_id)).await, "RENEWED_TOO_EARLY");

    service.on("2030-06-01").await;
    let request = renew(&plastic.card_id);
    let renewed = teller.renew_card(request.clone()).await.unwrap().into_inner().card.unwrap();
    let again = teller.renew_card(request).await.unwrap().into_inner().card.unwrap();
    assert_eq!(again, renewed, "a repetition renews nothing");

    let (request_id, card_id) = named(&plastic.card_id);
    let mut client = service.client();
    let shown = client.reveal_card(pb::RevealCardRequest { request_id, card_id }).await;
    let shown = shown.unwrap().into_inner();
    assert_eq!((shown.number.as_str(), shown.expiry.as_str()), (plastic.pan.expose(), "3506"));
    assert_ne!(plastic.expiry, shown.expiry);
    let old = pb::AuthorizeRequest { expiry: plastic.expiry.clone(), ..plastic.purchase(100) };
    assert_eq!(code(&service, old).await, "54");
    let (request_id, card_id) = named(&plastic.card_id);
    let pin = Some(plastic.pin(PIN));
    service.client().verify_pin(pb::VerifyPinRequest { request_id, card_id, pin }).await.unwrap();
}

#[tokio::test]
async fn a_number_is_shown_to_nobody_once_the_card_is_blocked_and_each_time_is_written_down() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let (id, card_id) = named(&plastic.card_id);
    let reveal = pb::RevealCardRequest { request_id: id, card_id };
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'REVEAL_CARD'";
    let before = service.count(audited).await;
    for _ in 0..2 {
        service.client().reveal_card(reveal.clone()).await.unwrap();
    }
    assert_eq!(service.count(audited).await, before + 2);

    let (request_id, card_id) = named(&plastic.card_id);
    let block = pb::BlockCardRequest { request_id, card_id, reason: "mislaid".into() };
    service.client().block_card(block).await.unwrap();
    assert_refused(service.client().reveal_card(reveal).await, "ILLEGAL_TRANSITION");
}

/// One request id, used for another request of every kind.
#[tokio::test]
async fn a_request_id_that_was_used_is_refused_for_anything_else() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut teller = service.teller();
    let id = request_id();
    let card_id = plastic.card_id.clone();
    let reason = || "asked".to_owned();
    let block =
        pb::BlockCardRequest { request_id: id.clone(), card_id: card_id.clone(), reason: reason() };
    teller.block_card(block.clone()).await.unwrap();
    let pin = || Some(plastic.pin(PIN));

    macro_rules! refused {
        ($($method:ident($Request:ident { $($field:ident: $value:expr),* });)+) => {
            $(
                let request = pb::$Request { request_id: id.clone(), $($field: $value),* };
                let answer = teller.$method(request).await;
                assert_refused(answer, "REQUEST_ID_REUSED");
            )+
        };
    }
    refused! {
        activate_card(ActivateCardRequest { card_id: card_id.clone() });
        set_pin(SetPinRequest { card_id: card_id.clone(), new_pin: pin() });
        change_pin(ChangePinRequest {
            card_id: card_id.clone(), current_pin: pin(), new_pin: pin()
        });
        verify_pin(VerifyPinRequest { card_id: card_id.clone(), pin: pin() });
        block_card(BlockCardRequest { card_id: card_id.clone(), reason: "another".into() });
        unblock_card(UnblockCardRequest { card_id: card_id.clone(), reason: reason() });
        report_card_missing(ReportCardMissingRequest {
            card_id: card_id.clone(), missing_as: pb::CardStatus::Lost.into()
        });
        replace_card(ReplaceCardRequest { card_id: card_id.clone() });
        renew_card(RenewCardRequest { card_id: card_id.clone() });
        cancel_card(CancelCardRequest { card_id: card_id.clone(), reason: reason() });
    }
    let issue = pb::IssueCardRequest { request_id: id.clone(), ..service.issue() };
    assert_refused(teller.issue_card(issue).await, "REQUEST_ID_REUSED");

    // And the first keeps its outcome.
    let card = teller.block_card(block).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.status(), pb::CardStatus::Blocked);
}
