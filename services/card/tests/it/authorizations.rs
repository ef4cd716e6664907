//! What the scheme is answered: each decline with its code, limits, repetitions, and what is not known.

use proto::card::v1 as pb;

use crate::neighbour::Mood;
use crate::support::*;

/// Asks as the scheme does.
pub async fn authorize(service: &Service, request: pb::AuthorizeRequest) -> pb::Authorization {
    let answer = service.scheme().authorize(request).await.unwrap().into_inner();
    answer.authorization.unwrap()
}

/// The response code of a request.
pub async fn code(service: &Service, request: pb::AuthorizeRequest) -> String {
    authorize(service, request).await.response_code
}

/// Cash from a machine, posted at once.
pub fn cash(plastic: &Plastic, minor: i64, pin: &str) -> pb::AuthorizeRequest {
    pb::AuthorizeRequest {
        kind: pb::AuthorizationKind::Cash.into(),
        channel: pb::CardBucket::Atm.into(),
        pin: Some(plastic.pin(pin)),
        post_now: true,
        ..plastic.purchase(minor)
    }
}

/// What a card counts in a bucket: sum and count of the date, sum and count of the month.
pub async fn usage(service: &Service, card_id: &str, bucket: pb::CardBucket) -> [i64; 4] {
    let used = service.card(card_id).await.usage;
    let one = used.into_iter().find(|one| one.bucket() == bucket).unwrap_or_default();
    [one.day_minor, one.day_count.into(), one.month_minor, one.month_count.into()]
}

/// Sets a limit of the holder on everything.
pub async fn limit(service: &Service, plastic: &Plastic, limit: pb::CardLimit) {
    let limit = pb::CardLimit { bucket: pb::CardBucket::All.into(), ..limit };
    let request = pb::SetCardLimitsRequest {
        request_id: request_id(),
        card_id: plastic.card_id.clone(),
        limits: vec![limit],
    };
    service.client().set_card_limits(request).await.unwrap();
}

#[tokio::test]
async fn each_decline_has_its_code_and_reserves_nothing() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let fine = || plastic.purchase(1_000);
    let online = || pb::AuthorizeRequest { channel: pb::CardBucket::Online.into(), ..fine() };
    let dollars = proto::common::v1::Money { currency_code: "USD".into(), amount_minor: 1_000 };
    let other_year = if plastic.expiry == "3001" { "3002" } else { "3001" };
    let contactless = pb::CardBucket::Contactless.into();
    let declined = [
        ("14", pb::AuthorizeRequest { card_number: "4111111111111111".into(), ..fine() }),
        ("14", pb::AuthorizeRequest { card_number: "4111111111111112".into(), ..fine() }),
        ("54", pb::AuthorizeRequest { expiry: other_year.into(), ..fine() }),
        ("57", pb::AuthorizeRequest { abroad: true, ..fine() }),
        ("05", online()),
        ("05", pb::AuthorizeRequest { cvv2: wrong(&plastic.cvv2), ..online() }),
        ("05", pb::AuthorizeRequest { cvv2: wrong(&plastic.cvv2), ..fine() }),
        ("55", pb::AuthorizeRequest { pin: None, ..cash(&plastic, 1_000, PIN) }),
        ("55", pb::AuthorizeRequest { pin: Some(plastic.pin("9999")), ..fine() }),
        ("12", pb::AuthorizeRequest { amount: Some(dollars), ..fine() }),
        ("61", plastic.purchase(5_000_001)),
        ("61", cash(&plastic, 500_001, PIN)),
        (
            "61",
            pb::AuthorizeRequest { merchant_category: "7995".into(), ..plastic.purchase(100_001) },
        ),
        ("61", pb::AuthorizeRequest { channel: contactless, ..plastic.purchase(100_001) }),
        ("51", plastic.purchase(1_000_001)),
    ];

    for (expected, request) in declined {
        let decided = authorize(&service, request.clone()).await;
        assert_eq!(decided.response_code, expected, "{request:?}");
        assert_eq!(decided.status(), pb::AuthorizationStatus::Declined);
        assert!(decided.approval_code.is_empty() && decided.expires_at.is_none());
        assert_eq!(authorize(&service, request).await, decided, "a repetition");
    }
    for (why, expected) in [("ACCOUNT_FROZEN", "62"), ("ACCOUNT_CLOSED", "14")] {
        service.deposit.block(&service.account, why);
        assert_eq!(code(&service, fine()).await, expected, "{why}");
    }

    assert_eq!(service.deposit.held(&service.account), 0);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [0; 4]);
}

fn wrong(cvv2: &str) -> String {
    if cvv2 == "000" { "001".into() } else { "000".into() }
}

#[tokio::test]
async fn a_card_that_is_not_usable_says_why() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let codes = [
        ("INACTIVE", "57"),
        ("BLOCKED", "62"),
        ("LOST", "41"),
        ("STOLEN", "43"),
        ("EXPIRED", "54"),
        ("CANCELLED", "14"),
        ("ACTIVE", "00"),
    ];

    for (status, expected) in codes {
        service.plant(&format!("UPDATE cards SET status = '{status}'")).await;
        assert_eq!(code(&service, plastic.purchase(100)).await, expected, "{status}");
    }
    // The business date decides, before the card's status has followed it.
    service.on("2031-02-01").await;
    assert_eq!(code(&service, plastic.purchase(100)).await, "54");
    let expired = "SELECT count(*) FROM cards WHERE status = 'EXPIRED'";
    service.wait_for(expired, 1).await;
}

#[tokio::test]
async fn limits_hold_for_a_date_and_are_free_again_on_the_next() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let day = pb::CardLimit { day_minor: Some(3_000), ..pb::CardLimit::default() };
    limit(&service, &plastic, pb::CardLimit { day_count: Some(3), ..day }).await;

    for (minor, expected) in [(2_000, "00"), (1_001, "61"), (500, "00"), (500, "00"), (1, "61")] {
        assert_eq!(code(&service, plastic.purchase(minor)).await, expected, "{minor}");
    }
    limit(&service, &plastic, pb::CardLimit { day_minor: Some(4_000), day_count: Some(3), ..day })
        .await;
    assert_eq!(code(&service, plastic.purchase(1)).await, "65");
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [3_000, 3, 3_000, 3]);

    service.on("2026-01-21").await;
    assert_eq!(code(&service, plastic.purchase(3_500)).await, "00");
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::Pos).await, [3_500, 1, 6_500, 4]);
}

#[tokio::test]
async fn a_repetition_has_the_first_answer_whatever_has_become_of_the_card() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let request = plastic.purchase(1_000);
    let first = authorize(&service, request.clone()).await;
    service.plant("UPDATE cards SET status = 'STOLEN'").await;

    let again = authorize(&service, request.clone()).await;
    let other = pb::AuthorizeRequest { amount: cny(1_001), ..request };

    assert_eq!(again, first);
    assert_refused(service.scheme().authorize(other).await, "REQUEST_ID_REUSED");
    assert_eq!(service.deposit.held(&service.account), 1_000);
    assert_eq!(service.count("SELECT count(*) FROM authorizations").await, 1);
}

#[tokio::test]
async fn what_deposit_may_have_reserved_is_given_back_when_it_is_declined() {
    let service = Service::start().await;
    let plastic = service.active().await;
    service.deposit.set_mood(Mood::Forgetful);
    let request = plastic.purchase(1_000);

    assert_eq!(code(&service, request.clone()).await, "91");
    assert_eq!(service.deposit.holds().len(), 1, "it was reserved all the same");
    service.deposit.set_mood(Mood::Well);

    service.wait_until_nothing_is_held().await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    assert_eq!(code(&service, request).await, "91", "that is what was decided");
    assert_eq!(service.deposit.held(&service.account), 0);
}

#[tokio::test]
async fn a_refund_is_paid_and_counts_nothing() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let kind = pb::AuthorizationKind::Refund.into();
    let request = pb::AuthorizeRequest { kind, ..plastic.purchase(700) };

    assert_eq!(code(&service, request.clone()).await, "00");
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'DONE'", 1).await;
    assert_eq!(code(&service, request.clone()).await, "00");

    assert_eq!(service.deposit.balance(&service.account), 1_000_700);
    assert_eq!(usage(&service, &plastic.card_id, pb::CardBucket::All).await, [0; 4]);
    let found = service.authorization(&request.request_id).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Cleared);
}

#[tokio::test]
async fn a_blocked_pin_stays_blocked_whatever_comes_with_the_right_one() {
    let service = Service::start().await;
    let plastic = service.active().await;
    for expected in ["55", "55", "75"] {
        assert_eq!(code(&service, cash(&plastic, 100, "9999")).await, expected);
    }
    let pin = Some(plastic.pin(PIN));
    let kind = pb::AuthorizationKind::Refund.into();
    let refund = pb::AuthorizeRequest { kind, pin, ..plastic.purchase(100) };

    assert_eq!(code(&service, refund).await, "00");
    assert_eq!(code(&service, cash(&plastic, 100, PIN)).await, "75");

    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 3);
    assert_eq!(code(&service, plastic.purchase(100)).await, "00", "without a PIN it is usable");
}
