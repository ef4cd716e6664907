//! The same request id always gets the same answer, and has one effect.

use proto::loan::v1 as pb;
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn a_hundred_copies_of_an_application_make_one_loan() {
    let service = Service::start().await;
    let request = service.application(10_000_000, 12);
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (mut client, request) = (service.teller(), request.clone());
        calls.spawn(async move { client.apply_for_loan(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;

    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(service.count("SELECT count(*) FROM loans").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM outcomes").await, 1);
}

#[tokio::test]
async fn a_request_id_with_another_body_is_refused_and_the_first_outcome_stays() {
    let service = Service::start().await;
    let request = service.application(10_000_000, 12);
    service.teller().apply_for_loan(request.clone()).await.unwrap();
    let other = pb::ApplyForLoanRequest { product_code: "HOUSING".into(), ..request.clone() };
    assert_refused(service.teller().apply_for_loan(other).await, "REQUEST_ID_REUSED");
    service.teller().apply_for_loan(request).await.unwrap();
}

#[tokio::test]
async fn a_request_id_is_one_across_operations() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    let request = repayment(&loan, 1_000);
    service.client().repay_loan(request.clone()).await.unwrap();
    let other = pb::ClassifyLoanRequest {
        request_id: request.request_id,
        loan_id: loan.loan_id,
        category: pb::LoanCategory::Loss.into(),
        reason: "another thing".into(),
    };
    assert_refused(service.teller().classify_loan(other).await, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_decision_and_its_copies_are_made_once_and_audited_once() {
    let service = Service::start().await;
    let loan = service.applied(10_000_000, 12).await;
    let request = decision(&loan, true);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (mut client, request) = (service.checker(), request.clone());
        calls.spawn(async move { client.decide_loan(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;

    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(service.count("SELECT count(*) FROM audit_log").await, 1);
}

#[tokio::test]
async fn a_database_connection_that_is_cut_under_load_ends_in_true_outcomes() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    let mut calls = JoinSet::new();
    for _ in 0..60 {
        let (mut client, request) = (service.client(), repayment(&loan, 100));
        calls.spawn(async move {
            for _ in 0..200 {
                match client.repay_loan(request.clone()).await {
                    Ok(_) => return 100,
                    Err(status) if status.code() == tonic::Code::FailedPrecondition => return 0,
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
            panic!("no outcome");
        });
    }
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND usename = 'loan_app' AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        service.count(cut).await;
    }

    let paid: i64 = calls.join_all().await.into_iter().sum();
    service.wait_for("SELECT count(*) FROM movements WHERE status = 'PENDING'", 0).await;
    assert_eq!(service.deposit.balance(&service.account), 10_000_000 - paid);
    let taken = "SELECT COALESCE(sum(principal_minor + interest_minor), 0)::bigint FROM loan_entries WHERE kind = 'REPAID'";
    assert_eq!(service.count(taken).await, paid);
}
