//! The life of a card over gRPC.

use proto::card::v1 as pb;
use tonic::Code;

use crate::support::*;

fn named(card_id: &str) -> (String, String) {
    (request_id(), card_id.to_owned())
}

#[tokio::test]
async fn a_card_is_issued_activated_blocked_and_ended() {
    let service = Service::start().await;
    let request = service.issue();
    let mut client = service.client();
    let issued = client.issue_card(request.clone()).await.unwrap().into_inner().card.unwrap();
    let again = client.issue_card(request).await.unwrap().into_inner().card.unwrap();

    assert_eq!(issued, again, "the same request has the same card");
    assert_eq!(issued.status(), pb::CardStatus::Inactive);
    assert_eq!(issued.account_number, service.account);
    assert_eq!(issued.currency_code, "CNY");
    assert!(issued.last_four.len() == 4 && !issued.has_pin);

    let (request_id, card_id) = named(&issued.card_id);
    let request = pb::ActivateCardRequest { request_id, card_id };
    let card = client.activate_card(request.clone()).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.status(), pb::CardStatus::Active);
    client.activate_card(request).await.unwrap();
    let (request_id, card_id) = named(&issued.card_id);
    let again = client.activate_card(pb::ActivateCardRequest { request_id, card_id }).await;
    assert_refused(again, "ILLEGAL_TRANSITION");

    let (request_id, card_id) = named(&issued.card_id);
    let reason = "mislaid".to_owned();
    let request = pb::BlockCardRequest { request_id, card_id, reason };
    let card = client.block_card(request).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.status(), pb::CardStatus::Blocked);
    let (request_id, card_id) = named(&issued.card_id);
    let request = pb::UnblockCardRequest { request_id, card_id, reason: "found".into() };
    let unblocked = client.unblock_card(request.clone()).await;
    assert_eq!(unblocked.unwrap_err().code(), Code::PermissionDenied);
    let card = service.teller().unblock_card(request).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.status(), pb::CardStatus::Active);

    let (request_id, card_id) = named(&issued.card_id);
    let request = pb::CancelCardRequest { request_id, card_id, reason: "wanted".into() };
    let card = service.teller().cancel_card(request).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.status(), pb::CardStatus::Cancelled);
}

#[tokio::test]
async fn many_cards_are_issued_at_once_each_with_its_own_outcome() {
    let service = Service::start().await;
    let unknown = account_number(99);
    let items: Vec<_> = (0..5)
        .map(|index| {
            let wrong = if index == 3 { unknown.clone() } else { service.account.clone() };
            pb::IssueCardRequest { account_number: wrong, ..service.issue() }
        })
        .collect();
    let request = pb::BatchIssueCardsRequest { items: items.clone() };
    let mut teller = service.teller();

    let first = teller.batch_issue_cards(request.clone()).await.unwrap().into_inner().results;
    let again = teller.batch_issue_cards(request).await.unwrap().into_inner().results;

    assert_eq!(first, again);
    for (index, (item, result)) in items.iter().zip(&first).enumerate() {
        assert_eq!(item.request_id, result.request_id);
        let why = if index == 3 { "ACCOUNT_UNKNOWN" } else { "" };
        assert_eq!(result.refusal_reason, why);
        assert_eq!(result.card_id.is_empty(), index == 3);
    }
    assert_eq!(service.count("SELECT count(*) FROM cards").await, 4);
    assert_eq!(service.count("SELECT count(DISTINCT pan_digest) FROM cards").await, 4);
}

#[tokio::test]
async fn a_pin_is_set_verified_changed_and_blocked_by_three_wrong_ones() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut client = service.client();
    let verify = |digits: &str| {
        let (request_id, card_id) = named(&plastic.card_id);
        pb::VerifyPinRequest { request_id, card_id, pin: Some(plastic.pin(digits)) }
    };
    client.verify_pin(verify(PIN)).await.unwrap();

    let change = |current: &str, new: &str| {
        let (request_id, card_id) = named(&plastic.card_id);
        let (current_pin, new_pin) = (Some(plastic.pin(current)), Some(plastic.pin(new)));
        pb::ChangePinRequest { request_id, card_id, current_pin, new_pin }
    };
    assert_refused(client.change_pin(change(PIN, "1234")).await, "PIN_TOO_SIMPLE");
    client.change_pin(change(PIN, "8052")).await.unwrap();
    client.verify_pin(verify("8052")).await.unwrap();
    for _ in 0..2 {
        assert_refused(client.verify_pin(verify(PIN)).await, "PIN_WRONG");
    }
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 2);
    client.verify_pin(verify("8052")).await.unwrap();
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 0, "a right one ends the count");
    for _ in 0..2 {
        assert_refused(client.verify_pin(verify(PIN)).await, "PIN_WRONG");
    }
    let third = client.verify_pin(verify(PIN)).await;
    assert!(matches!(reason(third).1.as_str(), "PIN_WRONG" | "PIN_BLOCKED"));
    assert_refused(client.verify_pin(verify("8052")).await, "PIN_BLOCKED");

    let (request_id, card_id) = named(&plastic.card_id);
    let new_pin = Some(plastic.pin("6307"));
    let request = pb::SetPinRequest { request_id, card_id, new_pin };
    assert_refused(client.set_pin(request.clone()).await, "PIN_ALREADY_SET");
    let request = pb::SetPinRequest { request_id: crate::support::request_id(), ..request };
    service.teller().set_pin(request).await.unwrap();
    client.verify_pin(verify("6307")).await.unwrap();
}

#[tokio::test]
async fn a_replacement_takes_over_limits_and_switches_and_has_another_number() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut client = service.client();
    let (request_id, card_id) = named(&plastic.card_id);
    let switches = pb::CardSwitches { atm: true, pos: true, ..pb::CardSwitches::default() };
    let request = pb::SetCardSwitchesRequest { request_id, card_id, switches: Some(switches) };
    client.set_card_switches(request).await.unwrap();
    let (request_id, card_id) = named(&plastic.card_id);
    let limit = pb::CardLimit {
        bucket: pb::CardBucket::Pos.into(),
        day_minor: Some(12_300),
        ..pb::CardLimit::default()
    };
    let request = pb::SetCardLimitsRequest { request_id, card_id, limits: vec![limit] };
    client.set_card_limits(request).await.unwrap();
    let (request_id, card_id) = named(&plastic.card_id);
    let missing_as = pb::CardStatus::Lost.into();
    let request = pb::ReportCardMissingRequest { request_id, card_id, missing_as };
    client.report_card_missing(request).await.unwrap();

    let (request_id, card_id) = named(&plastic.card_id);
    let request = pb::ReplaceCardRequest { request_id, card_id };
    let new = client.replace_card(request).await.unwrap().into_inner().card.unwrap();

    assert_eq!(new.switches, Some(switches));
    let pos = new.limits.iter().find(|one| one.bucket() == pb::CardBucket::Pos).unwrap();
    assert_eq!(pos.day_minor, Some(12_300));
    assert!(!new.has_pin);
    let old = service.card(&plastic.card_id).await;
    assert_eq!(old.status(), pb::CardStatus::Lost);
    assert_eq!(old.replaced_by_card_id, new.card_id);
    let (request_id, card_id) = named(&plastic.card_id);
    let again = client.replace_card(pb::ReplaceCardRequest { request_id, card_id }).await;
    assert_refused(again, "ALREADY_REPLACED");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_named_at_once_and_not_repeated() {
    let service = Service::start().await;
    let request = pb::AuthorizeRequest {
        card_number: "12".into(),
        acquirer: "A".into(),
        terminal: String::new(),
        trace_number: "1".into(),
        merchant_category: "54".into(),
        ..pb::AuthorizeRequest::default()
    };

    let status = service.scheme().authorize(request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let details = tonic_types::StatusExt::get_details_bad_request(&status).unwrap();
    let fields: Vec<_> = details.field_violations.iter().map(|one| one.field.as_str()).collect();
    for field in
        ["request_id", "card_number", "kind", "channel", "acquirer", "terminal", "trace_number"]
    {
        assert!(fields.contains(&field), "{field} of {fields:?}");
    }
}

#[tokio::test]
async fn the_scheme_authorizes_reverses_and_completes_over_grpc_as_well() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut scheme = service.scheme();
    let request = plastic.purchase(5_000);
    let answer = scheme.authorize(request.clone()).await.unwrap().into_inner();
    let approved = answer.authorization.unwrap();
    assert_eq!(
        (approved.response_code.as_str(), approved.status()),
        ("00", pb::AuthorizationStatus::Approved)
    );
    assert_eq!(approved.authorization_id, request.request_id);
    assert_eq!(service.deposit.held(&service.account), 5_000);

    let reverse = pb::ReverseAuthorizationRequest {
        request_id: request_id(),
        authorization_id: approved.authorization_id,
    };
    let reversed = scheme.reverse_authorization(reverse).await.unwrap().into_inner();
    let reversed = reversed.authorization.unwrap();
    assert_eq!(reversed.status(), pb::AuthorizationStatus::Reversed);
    service.wait_until_nothing_is_held().await;

    let request = plastic.purchase(5_000);
    scheme.authorize(request.clone()).await.unwrap();
    let complete = pb::CompleteAuthorizationRequest {
        request_id: request_id(),
        authorization_id: request.request_id,
        amount: cny(4_000),
    };
    scheme.complete_authorization(complete).await.unwrap();
    service.wait_until_nothing_is_held().await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    assert_eq!(service.deposit.balance(&service.account), 996_000);
}

#[tokio::test]
async fn a_card_of_somebody_else_is_answered_as_one_that_is_not_there() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut other = service.client_for(new_customer(9));
    let seen = |status: tonic::Status| {
        (status.code(), status.message().to_owned(), status.details().to_vec())
    };
    for (mine, absent) in [(plastic.card_id.clone(), request_id())] {
        let get = |id: &str| pb::GetCardRequest { card_id: id.into(), consistency: primary() };
        let hidden = seen(other.get_card(get(&mine)).await.unwrap_err());
        assert_eq!(hidden, seen(other.get_card(get(&absent)).await.unwrap_err()));
        let reveal = |id: &str| {
            let (request_id, card_id) = named(id);
            pb::RevealCardRequest { request_id, card_id }
        };
        let hidden = seen(other.reveal_card(reveal(&mine)).await.unwrap_err());
        assert_eq!(hidden, seen(other.reveal_card(reveal(&absent)).await.unwrap_err()));
        let list = |id: &str| pb::ListAuthorizationsRequest {
            card_id: id.into(),
            page_size: 0,
            page_token: String::new(),
            consistency: primary(),
        };
        let hidden = seen(other.list_authorizations(list(&mine)).await.unwrap_err());
        assert_eq!(hidden, seen(other.list_authorizations(list(&absent)).await.unwrap_err()));
    }
    let list = pb::ListCardsRequest {
        customer_id: service.holder.to_string(),
        page_size: 0,
        page_token: String::new(),
        consistency: primary(),
    };
    assert!(other.list_cards(list.clone()).await.unwrap().into_inner().cards.is_empty());
    assert_eq!(service.client().list_cards(list).await.unwrap().into_inner().cards.len(), 1);
}
