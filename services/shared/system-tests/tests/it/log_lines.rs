//! What services write into their logs belongs to a trace, recorded or not.

use proto::accounting::v1 as accounting;
use serde_json::Value;
use sqlx::Connection;
use tonic::Request;

use crate::support::*;

/// In a trace that nobody records: its id is all there is of it.
fn within<T>(trace: u128, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let traceparent = format!("00-{trace:032x}-00f067aa0ba902b7-00");
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request
}

/// The lines of a service's log with this message.
fn lines(bank: &Bank, service: &str, message: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(&bank.file().service(service).unwrap().log).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn a_line_of_a_handler_carries_the_trace_id_of_its_call() {
    let bank = Bank::start_with(|options| {
        options.first_business_date = Some("2026-11-23".parse().unwrap());
    })
    .await;

    let order =
        accounting::CutOverRequest { request_id: request_id(), from_date: "2026-11-23".to_owned() };
    bank.accounting(OPERATOR).cut_over(within(0xabc, order)).await.unwrap();

    eventually("the cut-over is in the log", async || {
        !lines(&bank, "accounting", "cut over").is_empty()
    })
    .await;
    let lines = lines(&bank, "accounting", "cut over");
    assert_eq!(lines[0]["trace_id"], format!("{:032x}", 0xabc), "{lines:?}");
    assert_eq!(lines[0]["level"], "INFO");
}

/// A transfer waits for a lock of ours when its connection is ended: its lane says so and runs the batch again.
#[tokio::test]
async fn a_line_of_a_lane_carries_the_trace_id_of_the_request_that_it_works_on() {
    let again = "the batch will run again";
    let bank = Bank::start_with(|options| {
        options.overrides = vec![r#"deposit.telemetry.log="info,platform=debug""#.parse().unwrap()];
    })
    .await;
    let accounts = bank.accounts(&[1_000, 0]).await;
    let mut ours = bank.tamper_with("deposit").await;
    let mut holding = ours.begin().await.unwrap();
    sqlx::query("SELECT FROM accounts FOR UPDATE").execute(&mut *holding).await.unwrap();
    let before = lines(&bank, "deposit", again).len();
    let request = within(0xdef, transfer(&accounts[0], &accounts[1], 10));
    let mut channel = bank.channel_of(&accounts[0]);
    let posted = tokio::spawn(async move { channel.transfer(request).await });

    let mut other = bank.tamper_with("deposit").await;
    eventually("the lane waits and is cut off", async || {
        let cut = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE usename = 'deposit_app' AND wait_event_type = 'Lock'",
        );
        cut.execute(&mut other).await.unwrap().rows_affected() > 0
    })
    .await;
    eventually("the lane says so", async || lines(&bank, "deposit", again).len() > before).await;
    holding.rollback().await.unwrap();

    posted.await.unwrap().unwrap();
    let line = lines(&bank, "deposit", again).remove(before);
    assert_eq!(line["trace_id"], format!("{:032x}", 0xdef), "{line}");
}
