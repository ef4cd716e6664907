//! What comes again, late, or about something else: the same name with another content, repetitions of what has been taken
//! back, and reversals of what was never asked.

use kernel::Clock as _;
use proto::card::v1 as pb;
use scheme::words;

use crate::gateway_line::*;
use crate::support::*;

#[tokio::test]
async fn another_content_under_the_same_name_is_never_approved() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;

    // Each pair has other digests: none may be taken for the other.
    for minor in 1..=20 {
        let asked = purchase(&plastic, minor);
        let mut changed = asked.clone();
        words::set_amount(&mut changed, minor + 1_000, kernel::Currency::CNY).unwrap();
        assert_eq!(line.code(&asked).await, "00", "{minor}");
        assert_eq!(line.code(&changed).await, "12", "{minor}");
    }
    assert_eq!(service.deposit.held(&service.account), (1..=20).sum::<i64>());
}

#[tokio::test]
async fn a_repetition_of_what_was_taken_back_is_no_approval() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    assert_eq!(line.code(&asked).await, "00");
    assert_eq!(line.code(&reversal(&asked)).await, "00");

    let again = line.ask(&repeated(&asked)).await;

    assert_eq!((code(&again).as_str(), again.get(38)), ("91", None));
    service.wait_until_nothing_is_held().await;
}

#[tokio::test]
async fn only_what_asked_for_an_authorization_can_be_taken_back_or_completed() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    let answer = line.ask(&asked).await;
    let completed = completion(&asked, 800);
    assert_eq!(line.code(&completed).await, "00");

    let mut of_completion = completed.clone();
    of_completion.set(37, asked.get(37).unwrap());
    assert_eq!(line.code(&reversal(&of_completion)).await, "12");
    assert_eq!(line.code(&completion(&of_completion, 800)).await, "12");

    assert_eq!(service.count("SELECT count(*) FROM authorizations").await, 1, "nothing is fenced");
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    let found = service.authorization(&authorization_id(&answer)).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Cleared);
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 800);
}

#[tokio::test]
async fn what_says_that_it_was_sent_in_the_future_leaves_nothing_behind() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let mut ahead = purchase(&plastic, 1_000);
    let later = kernel::SystemClock.now() + chrono::TimeDelta::hours(8);
    ahead.set(7, scheme::transmission_text(later));

    assert_eq!(line.code(&ahead).await, "30");
    assert_eq!(line.code(&repeated(&ahead)).await, "30");
    assert_eq!(line.code(&reversal(&ahead)).await, "30");
    assert_eq!(line.code(&completion(&ahead, 1_000)).await, "30");

    let later = kernel::RequestId::generate(&kernel::ManualClock::at(later)).to_string();
    let reverse =
        pb::ReverseAuthorizationRequest { request_id: request_id(), authorization_id: later };
    let refused = service.scheme().reverse_authorization(reverse).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    for table in ["authorizations", "orders"] {
        assert_eq!(service.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_late_repetition_gets_the_first_answer_and_a_late_request_none() {
    let service = Service::start_with(
        "clock_skew_seconds = 2",
        "[work]\nresolve_after_ms = 100\nsweep_after_s = 4\n",
    )
    .await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    let first = line.ask(&asked).await;
    assert_eq!(code(&first), "00");

    let late = async { while line.code(&asked).await != "30" {} };
    tokio::time::timeout(PATIENCE, late).await.unwrap();
    let again = line.ask(&repeated(&asked)).await;

    assert_eq!((code(&again).as_str(), again.get(38)), ("00", first.get(38)));
    assert_eq!(service.deposit.held(&service.account), 1_000);
}

#[tokio::test]
async fn what_is_not_decided_in_time_takes_back_nothing_but_itself() {
    let service = Service::start_with("answer_within_ms = 1000", "").await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let asked = purchase(&plastic, 1_000);
    let first = line.ask(&asked).await;
    let mut changed = asked.clone();
    words::set_amount(&mut changed, 2_000, kernel::Currency::CNY).unwrap();
    let mut admin = service.admin().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM cards FOR UPDATE").execute(&mut admin).await.unwrap();

    line.send(&changed).await;
    let answer = tokio::time::timeout(PATIENCE, async {
        tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut admin).await.unwrap();
        line.receive().await.unwrap()
    });

    assert_eq!(code(&answer.await.unwrap()), "12");
    let found = service.authorization(&authorization_id(&first)).await;
    assert_eq!(found.status(), pb::AuthorizationStatus::Approved);
    assert_eq!(service.deposit.held(&service.account), 1_000);
}
