//! The end of a date: what is due is collected, interest accrues, arrears are classified; twice, killed half-way or late,
//! the books are the same.

use std::time::Duration;

use proto::loan::v1 as pb;
use sqlx::Connection;
use tokio::task::JoinSet;

use crate::neighbour::Mood;
use crate::support::*;

/// Loans of one borrower, every third of them on an account with nothing on it: which of two loans gets the last money
/// of an account depends on who asks first.
async fn portfolio(service: &Service, loans: u64) {
    let poor = account_number(2);
    service.register(service.borrower, &poor);
    for number in 0..loans {
        let minor = 1_000_000 + i64::try_from(number).unwrap() * 10_000;
        let mut request = service.application(minor, 12);
        if number % 3 == 1 {
            request.terms.as_mut().unwrap().account_number.clone_from(&poor);
        }
        let loan =
            service.teller().apply_for_loan(request).await.unwrap().into_inner().loan.unwrap();
        service.checker().decide_loan(decision(&loan, true)).await.unwrap();
        service.teller().disburse_loan(disbursement(&loan)).await.unwrap();
    }
    service.deposit.set_balance(&poor, 0);
}

#[tokio::test]
async fn a_plain_day_accrues_interest_and_touches_no_instalment() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let before = service.text("SELECT string_agg(xmin::text, ',') FROM instalments").await;
    service.on("2026-01-22").await;

    let day = service.end_of_day("2026-01-20").await;
    assert_eq!((day.loans, day.calculated, day.collections), (1, 1, 0));
    let standing = service.loan(&loan).await;
    assert_eq!(standing.calculated_through, "2026-01-20");
    // 362.50 over 31 days.
    assert_eq!(minor(standing.owed.unwrap().interest_accrued.as_ref()), 1_169);
    let after = service.text("SELECT string_agg(xmin::text, ',') FROM instalments").await;
    assert_eq!(before, after);
    let told =
        "SELECT sum(interest_minor)::bigint FROM accruals WHERE kind = 'LOAN_INTEREST_ACCRUED'";
    assert_eq!(service.count(told).await, 1_169);
}

#[tokio::test]
async fn what_is_due_is_collected_at_the_end_of_its_date_as_if_on_that_date() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-21").await;

    let day = service.end_of_day("2026-02-20").await;
    assert_eq!((day.collections, day.collected, day.calculated), (1, 1, 1));
    assert_eq!(service.deposit.balance(&service.account), 10_000_000 - 853_099);
    let standing = service.loan(&loan).await;
    assert_eq!((standing.days_overdue, standing.next_due_on.as_str()), (0, "2026-03-20"));
    let request = pb::ListLoanEntriesRequest {
        loan_id: loan.loan_id,
        page_size: 1,
        page_token: String::new(),
        consistency: primary(),
    };
    let entry =
        service.teller().list_loan_entries(request).await.unwrap().into_inner().entries.remove(0);
    assert_eq!(entry.kind(), pb::LoanEntryKind::Collected);
    assert_eq!(
        (entry.value_date.as_str(), entry.business_date.as_str()),
        ("2026-02-20", "2026-02-21")
    );
    assert!(!entry.deposit_posting_id.is_empty());
}

#[tokio::test]
async fn an_account_that_has_less_gives_what_it_has_and_one_that_has_nothing_gives_nothing() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.deposit.set_balance(&service.account, 100_000);
    service.on("2026-02-22").await;

    let day = service.end_of_day("2026-02-20").await;
    assert_eq!((day.collections, day.collected), (1, 0));
    assert_eq!(service.deposit.balance(&service.account), 0);
    let day = service.end_of_day("2026-02-21").await;
    assert_eq!((day.collections, day.collected), (1, 0));

    let standing = service.loan(&loan).await;
    assert_eq!(standing.days_overdue, 2);
    assert_eq!(standing.category(), pb::LoanCategory::SpecialMention);
    assert_eq!(minor(standing.owed.unwrap().principal_due.as_ref()), 753_099);
    let refused = "SELECT count(*) FROM movements WHERE refusal = 'INSUFFICIENT_FUNDS'";
    assert_eq!(service.count(refused).await, 1);
}

#[tokio::test]
async fn the_end_of_a_date_that_is_asked_for_again_changes_nothing() {
    let service = Service::start().await;
    portfolio(&service, 4).await;
    service.on("2026-02-22").await;
    let first = service.end_of_day("2026-02-20").await;
    let digest = service.digest().await;

    let again = service.end_of_day("2026-02-20").await;
    assert_eq!(first, again);
    assert_eq!(service.digest().await, digest);
}

#[tokio::test]
async fn dates_that_were_left_out_are_done_first_and_give_the_same_books() {
    let (one, other) = (Service::start().await, Service::start().await);
    for service in [&one, &other] {
        portfolio(service, 3).await;
        service.on("2026-02-24").await;
        service.end_of_day("2026-02-18").await;
    }
    for date in ["2026-02-19", "2026-02-20", "2026-02-21", "2026-02-22"] {
        one.end_of_day(date).await;
    }
    other.end_of_day("2026-02-22").await;

    assert_eq!(other.count("SELECT count(*) FROM end_of_day WHERE phase = 'FINISHED'").await, 5);
    assert_eq!(one.digest().await, other.digest().await);
}

#[tokio::test]
async fn a_process_that_is_killed_again_and_again_leaves_the_same_books() {
    let settings =
        "[work]\nresolve_after_ms = 100\ncalculated_at_once = 1\ncollections_at_once = 1\n";
    let (one, mut other) =
        (Service::start_with(settings).await, Service::start_with(settings).await);
    for service in [&one, &other] {
        portfolio(service, 12).await;
        service.on("2026-02-23").await;
    }
    for service in [&one, &other] {
        service.ask_end_of_day("2026-02-20").await.unwrap();
        service.ask_end_of_day("2026-02-22").await.unwrap();
    }
    for pause_ms in [0, 30, 60, 90, 120] {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        other.kill().await;
        other.restart().await;
    }
    one.wait_for_end("2026-02-22").await;
    other.wait_for_end("2026-02-22").await;

    assert_eq!(one.digest().await, other.digest().await);
    assert_eq!(one.deposit.balance(&one.account), other.deposit.balance(&other.account));
    let twice = "SELECT count(*) FROM (SELECT FROM movements GROUP BY loan_id, value_date, kind HAVING count(*) > 1) AS t";
    assert_eq!(other.count(twice).await, 0);
}

const SMALL_STEPS: &str = "[work]\nresolve_after_ms = 600000\ncalculated_at_once = 1\n";

#[tokio::test]
async fn collections_whose_answers_are_lost_with_the_process_are_made_once() {
    let (one, mut other) =
        (Service::start_with(SMALL_STEPS).await, Service::start_with(SMALL_STEPS).await);
    for service in [&one, &other] {
        portfolio(service, 6).await;
        service.on("2026-02-21").await;
    }
    let undisturbed = one.end_of_day("2026-02-20").await;

    other.deposit.is(Mood::Forgetful);
    other.ask_end_of_day("2026-02-20").await.unwrap();
    other.wait_for("SELECT count(*) FROM movements WHERE status = 'PENDING'", 6).await;
    other.kill().await;
    other.deposit.is(Mood::Well);
    other.restart().await;
    let disturbed = other.wait_for_end("2026-02-20").await;

    assert_eq!(undisturbed.collected, disturbed.collected);
    assert_eq!(one.digest().await, other.digest().await);
    assert_eq!(one.deposit.balance(&one.account), other.deposit.balance(&other.account));
}

#[tokio::test]
async fn a_process_that_dies_between_two_batches_is_followed_by_one_that_goes_on() {
    let (one, mut other) =
        (Service::start_with(SMALL_STEPS).await, Service::start_with(SMALL_STEPS).await);
    for service in [&one, &other] {
        portfolio(service, 6).await;
        service.on("2026-02-11").await;
    }
    one.end_of_day("2026-02-10").await;

    // Somebody holds the fourth loan, so the work gets to the third.
    let mut holder = other.admin().await;
    let fourth = "SELECT (array_agg(loan_id::text ORDER BY loan_id))[4] FROM loans";
    let fourth = other.text(fourth).await;
    let hold = format!("BEGIN; SELECT FROM loans WHERE loan_id = '{fourth}' FOR UPDATE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold)).execute(&mut holder).await.unwrap();
    other.ask_end_of_day("2026-02-10").await.unwrap();
    other.wait_for("SELECT calculated FROM end_of_day", 3).await;
    other.kill().await;
    holder.close().await.unwrap();
    other.restart().await;
    let day = other.wait_for_end("2026-02-10").await;

    assert_eq!(day.calculated, 6);
    assert_eq!(one.digest().await, other.digest().await);
}

#[tokio::test]
async fn what_one_process_leaves_another_that_runs_beside_it_takes_over() {
    let (one, mut other) =
        (Service::start_with(SMALL_STEPS).await, Service::start_with(SMALL_STEPS).await);
    for service in [&one, &other] {
        portfolio(service, 9).await;
        service.on("2026-02-22").await;
    }
    one.end_of_day("2026-02-20").await;
    one.end_of_day("2026-02-21").await;

    let beside = other.another_process().await;
    other.ask_end_of_day("2026-02-20").await.unwrap();
    other.ask_end_of_day("2026-02-21").await.unwrap();
    other
        .wait_for(
            "SELECT count(*) FROM movements WHERE kind = 'COLLECTION' AND status <> 'PENDING'",
            9,
        )
        .await;
    other.kill().await;
    let done = "SELECT count(*) FROM end_of_day WHERE phase = 'FINISHED'";
    other.wait_for(done, 2).await;

    assert_eq!(one.digest().await, other.digest().await);
    drop(beside);
}

#[tokio::test]
async fn repayments_during_the_end_of_a_date_lose_nothing() {
    let service = Service::start_with(SMALL_STEPS).await;
    let mut loans = Vec::new();
    for _ in 0..6 {
        loans.push(service.active(1_000_000, 12).await);
    }
    service.on("2026-02-22").await;
    service.ask_end_of_day("2026-02-21").await.unwrap();
    let mut calls = JoinSet::new();
    for loan in &loans {
        for _ in 0..5 {
            let (mut client, request) = (service.client(), repayment(loan, 100));
            calls.spawn(async move { client.repay_loan(request).await });
        }
    }
    for answer in calls.join_all().await {
        let why = answer.err().map(|status| reason::<()>(Err(status)).1);
        let why = why.unwrap_or_default();
        assert!(["", "LOAN_BUSY", "REPAYMENT_EXCEEDS_DUE"].contains(&why.as_str()), "{why}");
    }
    service.wait_for_end("2026-02-21").await;

    let moved = service
        .count("SELECT sum(moved_minor)::bigint FROM movements WHERE kind <> 'DISBURSEMENT'")
        .await;
    let booked = "SELECT sum(principal_minor + interest_minor + penalty_minor + compound_minor)::bigint \
        FROM loan_entries WHERE kind <> 'DISBURSED'";
    assert_eq!(service.count(booked).await, moved);
    assert_eq!(service.deposit.balance(&service.account), 6_000_000 - moved);
    assert_eq!(service.count("SELECT count(*) FROM loans WHERE days_overdue > 0").await, 0);
}

#[tokio::test]
async fn the_end_of_a_date_waits_for_money_that_is_on_its_way() {
    let service = Service::start_with("[work]\nresolve_after_ms = 600000\n").await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    service.deposit.is(Mood::Forgetful);
    assert!(service.client().repay_loan(repayment(&loan, 853_099)).await.is_err());
    service.on("2026-02-21").await;
    service.ask_end_of_day("2026-02-20").await.unwrap();
    service.wait_for("SELECT count(*) FROM end_of_day WHERE phase = 'FINISHED'", 0).await;

    service.deposit.is(Mood::Well);
    let day = service.wait_for_end("2026-02-20").await;
    assert_eq!(day.calculated, 1);
    let standing = service.loan(&loan).await;
    assert_eq!((standing.days_overdue, standing.calculated_through.as_str()), (0, "2026-02-20"));
    assert_eq!(service.deposit.balance(&service.account), 10_000_000 - 853_099);
}

#[tokio::test]
async fn arrears_cost_penalty_leave_the_books_after_ninety_days_and_come_back_once_paid() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.deposit.set_balance(&service.account, 0);
    service.on("2026-05-25").await;
    service.end_of_day("2026-05-24").await;

    let late = service.loan(&loan).await;
    assert_eq!(late.days_overdue, 94);
    assert_eq!(late.category(), pb::LoanCategory::Substandard);
    assert!(late.non_accrual);
    assert_eq!(minor(late.provision.as_ref()), 2_500_000);
    let owed = late.owed.unwrap();
    assert!(minor(owed.penalty.as_ref()) > 0 && minor(owed.compound.as_ref()) > 0);
    assert_eq!(service.count("SELECT receivable_minor FROM loans").await, 0);

    let due: i64 = [&owed.principal_due, &owed.interest_due, &owed.penalty, &owed.compound]
        .into_iter()
        .map(|part| minor(part.as_ref()))
        .sum();
    service.deposit.set_balance(&service.account, due);
    let paid = service.client().repay_loan(repayment(&loan, due)).await.unwrap().into_inner();
    let paid = paid.loan.unwrap();
    assert!(!paid.non_accrual);
    assert_eq!((paid.days_overdue, paid.category()), (0, pb::LoanCategory::Normal));
    assert_eq!(service.count("SELECT memo_minor FROM loans").await, 0);
}

#[tokio::test]
async fn what_is_told_to_accounting_adds_up_to_the_loans() {
    let service = Service::start().await;
    portfolio(&service, 5).await;
    service.on("2026-04-02").await;
    service.end_of_day("2026-04-01").await;

    let principal = "SELECT (SELECT sum(CASE kind WHEN 'LOAN_DISBURSED' THEN principal_minor ELSE -principal_minor END) \
        FROM accruals WHERE kind IN ('LOAN_DISBURSED', 'LOAN_REPAID'))::bigint - sum(principal_minor)::bigint FROM loans";
    assert_eq!(service.count(principal).await, 0);
    let interest = "SELECT (SELECT sum((interest_minor + penalty_minor + compound_minor) \
        * CASE kind WHEN 'LOAN_INTEREST_ACCRUED' THEN 1 ELSE -1 END) \
        FROM accruals WHERE kind IN ('LOAN_INTEREST_ACCRUED', 'LOAN_INTEREST_REMOVED', 'LOAN_REPAID'))::bigint \
        - sum(receivable_minor)::bigint FROM loans";
    assert_eq!(service.count(interest).await, 0);
    let provision = "SELECT (SELECT sum(CASE WHEN reversal THEN -provision_minor ELSE provision_minor END) \
        FROM accruals WHERE kind = 'LOAN_PROVISIONED')::bigint - sum(provision_minor)::bigint FROM loans";
    assert_eq!(service.count(provision).await, 0);
    let told = service.count("SELECT count(*) FROM accruals").await;
    let batches: Vec<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM outbox")
        .fetch_all(&mut service.admin().await)
        .await
        .unwrap();
    let events: usize = batches
        .iter()
        .map(|payload| {
            let batch: proto::accounting::v1::EventBatch =
                prost::Message::decode(payload.as_slice()).unwrap();
            batch.events.len()
        })
        .sum();
    assert_eq!(i64::try_from(events).unwrap(), told);
    let request = pb::GetDayTotalsRequest { business_date: "2026-04-02".into() };
    let totals =
        service.client_as("auditor/test").get_day_totals(request).await.unwrap().into_inner();
    assert_eq!(totals.totals.len(), 2);
    assert!(totals.undelivered_batches > 0);
}
