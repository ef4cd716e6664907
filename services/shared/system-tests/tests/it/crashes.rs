//! Whatever is killed under load: after it is back every acknowledged outcome is in the books once, every unknown one
//! is found out by sending it again, and the audit passes.

use proto::card::v1::GetAuthorizationRequest;
use proto::deposit::v1 as pb;
use sqlx::Connection;
use testkit::invariants::Answer;
use testkit::process::{Identity, Signal};
use tonic::{Code, Request};

use crate::clearing::{file, record};
use crate::issuing::{SCHEME, purchase};
use crate::lending::disburse;
use crate::load::Load;
use crate::support::*;

/// Enough to be in the middle of work.
const SOME: usize = 60;

async fn funded(bank: &Bank) -> Vec<String> {
    bank.accounts(&[1_000_000; 8]).await
}

/// Kills one process under load; the supervisor starts it again.
async fn survives_the_death_of(name: &str, callers_notice: bool) {
    let bank = Bank::start().await;
    let load = Load::start_with_refusals(&bank, funded(&bank).await);
    load.until_posted(SOME).await;

    kill9(&bank, name).await;
    if callers_notice {
        load.until_lost().await;
    }

    bank.running().wait_ready(name, PATIENCE).await.unwrap();
    load.until_posted(SOME).await;
    let record = load.stop().await;
    record.assert_is_in_the_books(&bank).await;
    let refused = |answer: &Answer| *answer == Answer::Refused("INSUFFICIENT_FUNDS".into());
    assert!(record.sent.iter().any(|sent| refused(&sent.answer)));
}

/// Kills a process and, as the kernel would when memory runs out, the children that it has.
async fn kill9(bank: &Bank, name: &str) {
    let file = bank.file();
    let node = file.nodes.iter().find(|node| node.name == name).map(|node| node.process);
    let process = node.unwrap_or_else(|| file.service(name).unwrap().process).unwrap();
    let pid = process.pid;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let children = children.split_whitespace().filter_map(|pid| Identity::of(pid.parse().ok()?));
    let children: Vec<_> = children.collect();
    // Postgres has a process for each connection, a service has threads.
    assert_eq!(children.is_empty(), node.is_none());
    bank.running().kill9(name).await.unwrap();
    for child in children {
        child.end(Signal::SIGKILL, PATIENCE).await;
    }
}

#[tokio::test]
async fn the_deposit_service_is_killed_under_load_and_nothing_is_lost_or_doubled() {
    survives_the_death_of("deposit", true).await;
}

#[tokio::test]
async fn the_accounting_service_is_killed_under_load_and_each_posting_has_one_journal() {
    survives_the_death_of("accounting", false).await;
}

#[tokio::test]
async fn the_primary_is_killed_under_load_and_every_acknowledged_posting_survives() {
    survives_the_death_of("primary", false).await;
}

/// Loans are paid out at once, and one of the services dies meanwhile: whoever repeats a request gets its outcome, and
/// each borrower has the money once.
async fn pays_each_loan_out_once_although_a_service_dies(name: &str) {
    let bank = Bank::start().await;
    let mut loans = Vec::new();
    for _ in 0..8 {
        let borrower = bank.borrower(0).await;
        loans.push((bank.approved(&borrower, 1_000_000).await.loan_id, borrower.account));
    }

    let mut calls = tokio::task::JoinSet::new();
    for (loan_id, _) in &loans {
        let (mut teller, request) = (bank.loan(TELLER), disburse(loan_id));
        calls.spawn(async move {
            let deadline = std::time::Instant::now() + PATIENCE;
            loop {
                match teller.disburse_loan(request.clone()).await {
                    Ok(answer) => return answer.into_inner().loan.unwrap(),
                    Err(status) => {
                        assert_ne!(status.code(), Code::FailedPrecondition, "{status:?}");
                        assert!(std::time::Instant::now() < deadline, "{status:?}");
                    }
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
    }
    kill9(&bank, name).await;
    let paid = calls.join_all().await;

    bank.running().wait_ready(name, PATIENCE).await.unwrap();
    assert!(paid.iter().all(|loan| loan.disbursed == Some(crate::support::cny(1_000_000))));
    for (_, account) in &loans {
        assert_eq!(bank.balance(account).await.0, 1_000_000);
    }
    bank.delivered().await;
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loan_service_is_killed_while_it_pays_out_and_each_loan_is_paid_out_once() {
    pays_each_loan_out_once_although_a_service_dies("loan").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposit_is_killed_while_loans_are_paid_out_and_each_loan_is_paid_out_once() {
    pays_each_loan_out_once_although_a_service_dies("deposit").await;
}

/// The hold is placed; the decision waits for the lock of the card, which is ours, when the service dies. Nobody repeats
/// the request, so the money is given back by the sweep.
#[tokio::test(flavor = "multi_thread")]
async fn the_card_service_is_killed_between_hold_and_decision_and_the_hold_is_given_back() {
    let bank = Bank::start_with(|options| {
        options.overrides = vec![
            "card.gateway.clock_skew_seconds=1".parse().unwrap(),
            "card.work.sweep_after_s=2".parse().unwrap(),
        ];
    })
    .await;
    let card = bank.card_holder(10_000).await;
    let mut ours = bank.tamper_with("card").await;
    let mut holding = ours.begin().await.unwrap();
    sqlx::query("SELECT FROM cards FOR UPDATE").execute(&mut *holding).await.unwrap();
    let request = purchase(&card, 4_000);
    let id = request.request_id.clone();
    let mut scheme = bank.card(SCHEME);
    let asked = tokio::spawn(async move { scheme.authorize(request).await });
    eventually("the money is reserved", async || bank.balance(&card.account).await.1 == 4_000)
        .await;

    kill9(&bank, "card").await;
    holding.rollback().await.unwrap();
    let unanswered = asked.await.unwrap();

    assert!(unanswered.is_err(), "{unanswered:?}");
    bank.running().wait_ready("card", PATIENCE).await.unwrap();
    in_minutes("the hold is given back", async || bank.balance(&card.account).await.1 == 0).await;
    let request = GetAuthorizationRequest { authorization_id: id, consistency: Some(primary()) };
    let unknown = bank.card(AUDITOR).get_authorization(request).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    bank.carried_out().await;
    bank.delivered().await;
    bank.audit().await;
}

/// Whichever service dies, and wherever it is in the file: each record is posted once.
async fn clears_each_record_once_although_a_service_dies(name: &str) {
    const RECORDS: i64 = 300;
    let bank = Bank::start().await;
    let card = bank.card_holder(1_000_000).await;
    let mut line = bank.signed_on().await;
    let mut records = Vec::new();
    for number in 0..RECORDS {
        let bought = line.purchase(scheme::Mti::AUTHORIZATION, &card, 100);
        if number < 20 {
            line.ask(&bought).await;
        }
        records.push(record(&card, &bought, 100));
    }

    bank.clear("CRASH", file("CRASH", &records)).await;
    eventually("some are posted", async || bank.balance(&card.account).await.0 < 1_000_000).await;
    kill9(&bank, name).await;

    bank.running().wait_ready(name, PATIENCE).await.unwrap();
    let cleared = bank.cleared("CRASH").await;
    bank.carried_out().await;
    assert_eq!((i64::from(cleared.posted), cleared.exceptions), (RECORDS, 0));
    assert_eq!(bank.balance(&card.account).await.0, 1_000_000 - 100 * RECORDS);
    bank.delivered().await;
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_service_is_killed_while_it_clears_and_each_record_is_posted_once() {
    clears_each_record_once_although_a_service_dies("card").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposit_is_killed_while_a_file_is_cleared_and_each_record_is_posted_once() {
    clears_each_record_once_although_a_service_dies("deposit").await;
}

#[tokio::test]
async fn without_its_replica_the_bank_acknowledges_nothing_and_goes_on_once_it_is_back() {
    let bank = Bank::start_with(|options| options.restart = false).await;
    let accounts = funded(&bank).await;
    let load = Load::start_with_refusals(&bank, accounts.clone());
    load.until_posted(SOME).await;

    kill9(&bank, "replica1").await;
    let begun = load.begun();
    let request = transfer(&accounts[0], &accounts[1], 1);
    let mut hasty = Request::new(request.clone());
    hasty.set_timeout(std::time::Duration::from_secs(1));
    let unanswered = bank.channel_of(&accounts[0]).transfer(hasty).await.unwrap_err();
    load.until_lost().await;
    // Queries are answered by the primary meanwhile.
    let query = pb::GetBalanceRequest { account_number: accounts[0].clone(), ..Default::default() };
    let balance = bank.channel_of(&accounts[0]).get_balance(query).await.unwrap().into_inner();
    let acknowledged = load.posted_after(begun);
    bank.running().restart("replica1").await.unwrap();

    assert_eq!(acknowledged, 0);
    assert!(
        matches!(unanswered.code(), Code::Cancelled | Code::DeadlineExceeded),
        "{unanswered:?}"
    );
    assert!(!balance.as_of.unwrap().from_replica);
    let posted =
        bank.channel_of(&accounts[0]).transfer(request.clone()).await.unwrap().into_inner();
    assert_eq!(posted.posting.unwrap().posting_id, request.request_id);
    load.until_posted(SOME).await;
    load.stop().await.assert_is_in_the_books(&bank).await;
}

/// Several threads, as the commands block one: the others go on sending, and let go of connections that a service asks
/// them to close.
#[tokio::test(flavor = "multi_thread")]
async fn supervisor_and_services_are_killed_and_the_next_start_goes_on_with_the_same_books() {
    let bank = Bank::start_detached();
    let load = Load::start_with_refusals(&bank, funded(&bank).await);
    load.until_posted(SOME).await;
    let before = bank.file();

    // The supervisor first, so that it starts nothing again.
    let supervisor = before.supervisor.unwrap();
    supervisor.end(Signal::SIGKILL, PATIENCE).await;
    for service in before.services.values() {
        service.process.unwrap().end(Signal::SIGKILL, PATIENCE).await;
    }
    load.until_lost().await;
    bank.up_again();

    let after = bank.file();
    assert_ne!(after.supervisor, before.supervisor);
    let grpc = |file: &bank::BankFile| file.service("deposit").unwrap().grpc.clone();
    assert_eq!(grpc(&after), grpc(&before));
    load.until_posted(SOME).await;
    load.stop().await.assert_is_in_the_books(&bank).await;
}
