//! What the scheme asks over ISO 8583 and what it gets, with the money behind it.

use proto::card::v1 as pb;
use scheme::{Channel, Kind, Mti, words};

use crate::gateway_line::*;
use crate::neighbour::Mood;
use crate::support::*;

#[tokio::test]
async fn nothing_but_network_management_before_sign_on_and_after_sign_off() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::silent(&service).await;

    assert_eq!(line.code(&purchase(&plastic, 100)).await, "58");
    assert_eq!(line.manage(words::ECHO).await, "00");
    assert_eq!(line.manage(words::SIGN_ON).await, "00");
    assert_eq!(line.manage("161").await, "12");
    assert_eq!(line.code(&purchase(&plastic, 100)).await, "00");
    assert_eq!(line.manage(words::SIGN_OFF).await, "00");
    assert_eq!(line.code(&purchase(&plastic, 100)).await, "58");
    assert_eq!(line.manage(words::ECHO).await, "00");
}

#[tokio::test]
async fn a_purchase_is_reserved_and_its_answer_names_the_request() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 12_345);

    let answer = line.ask(&asked).await;

    assert_eq!((answer.mti(), code(&answer).as_str()), (Mti::AUTHORIZATION_ANSWER, "00"));
    for field in [3, 4, 7, 11, 32, 37, 41, 49] {
        assert_eq!(answer.get(field), asked.get(field), "{field}");
    }
    let approval = answer.text(38).unwrap();
    assert!(approval.len() == 6 && approval.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(service.deposit.held(&service.account), 12_345);
    let found = service.authorization(&authorization_id(&answer)).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Approved);
    assert_eq!((found.card_id, found.approval_code.as_str()), (plastic.card_id, approval));
    assert_eq!(
        (found.trace_number.as_str(), found.acquirer.as_str()),
        (asked.text(11).unwrap(), "00000012345")
    );
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_however_often_it_comes() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let (mut line, mut other) = (Line::to(&service).await, Line::to(&service).await);
    let asked = purchase(&plastic, 1_000);

    // Twice at once, on two connections, and once more as a repetition.
    let (first, second) = tokio::join!(line.ask(&asked), other.ask(&asked));
    let third = line.ask(&repeated(&asked)).await;

    assert_eq!([code(&first), code(&second), code(&third)], ["00", "00", "00"]);
    assert_eq!((first.text(38), first.text(63)), (second.text(38), second.text(63)));
    assert_eq!((first.text(38), first.text(63)), (third.text(38), third.text(63)));
    assert_eq!(service.deposit.held(&service.account), 1_000);
    let mut changed = asked.clone();
    words::set_amount(&mut changed, 2_000, kernel::Currency::CNY).unwrap();
    assert_eq!(line.code(&changed).await, "12", "the same request with another amount");
    assert_eq!(service.deposit.held(&service.account), 1_000);
}

#[tokio::test]
async fn a_reversal_gives_back_and_may_come_again() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    let answer = line.ask(&asked).await;
    let taken_back = reversal(&asked);

    let reversed = line.ask(&taken_back).await;

    assert_eq!((reversed.mti(), code(&reversed).as_str()), (Mti::REVERSAL_ANSWER, "00"));
    assert_eq!(line.code(&repeated(&taken_back)).await, "00");
    assert_eq!(line.code(&reversal(&asked)).await, "00");
    service.wait_until_nothing_is_held().await;
    let found = service.authorization(&authorization_id(&answer)).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Reversed);
}

#[tokio::test]
async fn a_reversal_that_comes_first_wins() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);

    assert_eq!(line.code(&reversal(&asked)).await, "00");
    assert_eq!(line.code(&asked).await, "05");

    service.wait_until_nothing_is_held().await;
    assert_eq!(line.code(&repeated(&asked)).await, "05");
}

#[tokio::test]
async fn a_completion_takes_the_final_amount_and_gives_back_the_rest() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let wanted = (Kind::Preauthorization, Channel::Pos);
    let asked = request(Mti::AUTHORIZATION, &plastic, wanted, 50_000);
    assert_eq!(line.code(&asked).await, "00");
    let completed = completion(&asked, 41_000);

    let answer = line.ask(&completed).await;

    assert_eq!((answer.mti(), code(&answer).as_str()), (Mti::FINANCIAL_ADVICE_ANSWER, "00"));
    assert_eq!(line.code(&repeated(&completed)).await, "00");
    service.wait_until_nothing_is_held().await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 41_000);
    let unknown = completion(&purchase(&plastic, 7), 7);
    assert_eq!(line.code(&unknown).await, "25", "of an authorization that never was");
}

#[tokio::test]
async fn cash_is_posted_at_once_and_needs_the_pin() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;

    assert_eq!(line.code(&cash(&plastic, 10_000, PIN)).await, "00");
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 10_000);
    assert_eq!(service.deposit.held(&service.account), 0);

    for expected in ["55", "55", "75", "75"] {
        assert_eq!(line.code(&cash(&plastic, 10_000, "9999")).await, expected);
    }
    assert_eq!(line.code(&cash(&plastic, 10_000, PIN)).await, "75", "it is blocked");
    service.wait_until_nothing_is_held().await;
}

#[tokio::test]
async fn a_balance_inquiry_says_what_is_available_and_moves_nothing() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    line.code(&purchase(&plastic, 25_000)).await;
    let mut inquiry =
        request(Mti::AUTHORIZATION, &plastic, (Kind::BalanceInquiry, Channel::Atm), 0);
    let block = plastic.pin_block(PIN);
    words::set_pin(&mut inquiry, scheme::PresentedPin { block, key_index: 0 });

    let answer = line.ask(&inquiry).await;

    assert_eq!(code(&answer), "00");
    assert_eq!(words::available(&answer).unwrap(), (975_000, kernel::Currency::CNY));
    assert_eq!(service.deposit.held(&service.account), 25_000);
}

#[tokio::test]
async fn what_deposit_does_not_decide_is_answered_91_and_reserves_nothing() {
    let service = Service::start_with("answer_within_ms = 400", "").await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;

    for mood in [Mood::Down, Mood::Forgetful, Mood::Silent] {
        service.deposit.set_mood(mood);
        assert_eq!(line.code(&purchase(&plastic, 1_000)).await, "91", "{mood:?}");
    }
    // Ended perhaps, but placed: a release gets through a deposit that forgets to answer, too.
    assert_eq!(service.deposit.holds().len(), 2, "two were reserved all the same");
    service.deposit.set_mood(Mood::Well);

    service.wait_until_nothing_is_held().await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    let approved = "SELECT count(*) FROM authorizations WHERE status = 'APPROVED'";
    assert_eq!(service.count(approved).await, 0);
    assert_eq!(line.code(&purchase(&plastic, 1_000)).await, "00");
}

#[tokio::test]
async fn a_late_decision_finds_the_reversal_that_the_gateway_made() {
    let service = Service::start_with("answer_within_ms = 1000", "").await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    // Whoever decides waits for this row, and the reversal of the gateway behind it: it has as long again.
    let mut admin = service.admin().await;
    let lock = "BEGIN; SELECT * FROM cards FOR UPDATE";
    sqlx::raw_sql(lock).execute(&mut admin).await.unwrap();
    let asked = purchase(&plastic, 1_000);

    line.send(&asked).await;
    let answer = tokio::time::timeout(PATIENCE, async {
        tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut admin).await.unwrap();
        line.receive().await.unwrap()
    });
    assert_eq!(code(&answer.await.unwrap()), "91");

    service.wait_until_nothing_is_held().await;
    let standing = "SELECT count(*) FROM authorizations WHERE status IN ('REVERSED', 'FENCED')";
    service.wait_for(standing, 1).await;
}

#[tokio::test]
async fn an_advice_of_a_stand_in_and_what_is_not_spoken_are_invalid() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    let mut advice = reversal(&asked);
    advice.set_mti(Mti::AUTHORIZATION_ADVICE);

    let answer = line.ask(&advice).await;

    assert_eq!((answer.mti().as_str(), code(&answer).as_str()), ("0130", "12"));
    let mut strange = asked;
    strange.set_mti(Mti::parse("0304").unwrap());
    assert_eq!(line.code(&strange).await, "12");
    assert_eq!(service.deposit.held(&service.account), 0);
}

#[tokio::test]
async fn neither_numbers_nor_pins_get_into_logs_metrics_or_the_database() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    line.code(&cash(&plastic, 10_000, PIN)).await;
    line.code(&cash(&plastic, 10_000, "9999")).await;
    let mut wrong = purchase(&plastic, 1_000);
    wrong.set(7, "0101000000");
    line.code(&wrong).await;

    let number = plastic.pan.expose();
    let (log, metrics) = (service.log(), service.metrics().await);
    for (what, text) in [("log", &log), ("metrics", &metrics)] {
        assert!(!text.contains(number), "the number is in the {what}");
    }
    for table in ["cards", "authorizations", "orders", "audit_log"] {
        let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        assert!(!service.text(&rows).await.contains(number), "the number is in {table}");
    }
}
