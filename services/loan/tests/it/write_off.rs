//! A write-off takes two people and a loan that is lost; what still comes in is a recovery.

use proto::loan::v1 as pb;
use tokio::task::JoinSet;

use crate::support::*;

async fn lost_loan(service: &Service) -> pb::Loan {
    let loan = service.active(10_000_000, 12).await;
    service.deposit.set_balance(&service.account, 0);
    let request = pb::ClassifyLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        category: pb::LoanCategory::Loss.into(),
        reason: "the borrower is gone".into(),
    };
    service.teller().classify_loan(request).await.unwrap().into_inner().loan.unwrap()
}

fn proposal(loan: &pb::Loan) -> pb::ProposeWriteOffRequest {
    pb::ProposeWriteOffRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        reason: "nothing will come in".into(),
    }
}

fn verdict(proposed: &pb::ProposeWriteOffResponse, approve: bool) -> pb::DecideWriteOffRequest {
    pb::DecideWriteOffRequest {
        request_id: request_id(),
        proposal_id: proposed.proposal_id.clone(),
        approve,
        payload_hash: proposed.payload_hash.clone(),
    }
}

#[tokio::test]
async fn a_loan_is_written_off_by_two_people_and_recovered_by_what_comes_in() {
    let service = Service::start().await;
    let loan = lost_loan(&service).await;
    let request = proposal(&loan);
    let proposed = service.teller().propose_write_off(request.clone()).await.unwrap().into_inner();
    let again = service.teller().propose_write_off(request).await.unwrap().into_inner();
    assert_eq!(proposed, again);
    let decision = verdict(&proposed, true);
    let done = service.checker().decide_write_off(decision.clone()).await.unwrap().into_inner();
    assert_eq!(service.checker().decide_write_off(decision).await.unwrap().into_inner(), done);
    assert_eq!(done.loan.unwrap().status(), pb::LoanStatus::WrittenOff);
    let written_off =
        "SELECT sum(principal_minor)::bigint FROM accruals WHERE kind = 'LOAN_WRITTEN_OFF'";
    assert_eq!(service.count(written_off).await, 10_000_000);

    service.deposit.set_balance(&service.account, 10_000_000);
    let part = service.client().repay_loan(repayment(&loan, 4_000_000)).await.unwrap().into_inner();
    assert_eq!(part.entry.unwrap().kind(), pb::LoanEntryKind::Recovered);
    let rest = service.client().repay_loan(repayment(&loan, 6_000_000)).await.unwrap().into_inner();
    assert_eq!(rest.loan.unwrap().status(), pb::LoanStatus::Recovered);
    let audited =
        service.text("SELECT string_agg(action, ' ' ORDER BY sequence) FROM audit_log").await;
    assert_eq!(audited, "APPROVE_LOAN CLASSIFY_LOAN PROPOSE_WRITE_OFF APPROVE_WRITE_OFF");
}

#[tokio::test]
async fn a_loan_that_is_no_loss_is_not_proposed() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    assert_refused(service.teller().propose_write_off(proposal(&loan)).await, "NOT_A_LOSS");
    let applied = service.applied(10_000_000, 12).await;
    assert_refused(
        service.teller().propose_write_off(proposal(&applied)).await,
        "ILLEGAL_TRANSITION",
    );
}

#[tokio::test]
async fn a_proposal_is_decided_once_by_somebody_else_who_has_seen_it() {
    let service = Service::start().await;
    let loan = lost_loan(&service).await;
    let proposed = service.teller().propose_write_off(proposal(&loan)).await.unwrap().into_inner();
    let by_maker = service.teller().decide_write_off(verdict(&proposed, true)).await;
    assert_refused(by_maker, "PROPOSAL_BY_SAME_PERSON");
    let mut other = verdict(&proposed, true);
    other.payload_hash[0] ^= 1;
    assert_refused(service.checker().decide_write_off(other.clone()).await, "PROPOSAL_CHANGED");
    assert_refused(service.checker().decide_write_off(other).await, "PROPOSAL_CHANGED");
    let mut unknown = verdict(&proposed, true);
    unknown.proposal_id = request_id();
    assert_refused(service.checker().decide_write_off(unknown).await, "PROPOSAL_UNKNOWN");

    service.checker().decide_write_off(verdict(&proposed, false)).await.unwrap();
    let late = service.checker().decide_write_off(verdict(&proposed, true)).await;
    assert_refused(late, "PROPOSAL_ALREADY_DECIDED");
    assert_eq!(service.loan(&loan).await.status(), pb::LoanStatus::Active);
}

#[tokio::test]
async fn a_proposal_that_is_too_old_is_rejected_but_not_approved() {
    let service = Service::start().await;
    let loan = lost_loan(&service).await;
    let proposed = service.teller().propose_write_off(proposal(&loan)).await.unwrap().into_inner();
    service
        .plant(
            "ALTER TABLE approvals DISABLE TRIGGER approvals_decided_once; \
             UPDATE approvals SET proposed_at = now() - interval '9 days', expires_at = now() - interval '2 days'; \
             ALTER TABLE approvals ENABLE TRIGGER approvals_decided_once",
        )
        .await;
    let late = service.checker().decide_write_off(verdict(&proposed, true)).await;
    assert_refused(late, "PROPOSAL_EXPIRED");
    service.checker().decide_write_off(verdict(&proposed, false)).await.unwrap();
}

#[tokio::test]
async fn a_loan_that_has_changed_since_is_not_written_off_and_the_proposal_stays_open() {
    let service = Service::start().await;
    let loan = lost_loan(&service).await;
    let proposed = service.teller().propose_write_off(proposal(&loan)).await.unwrap().into_inner();
    let better = pb::ClassifyLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        category: pb::LoanCategory::Normal.into(),
        reason: "the borrower is back".into(),
    };
    service.teller().classify_loan(better).await.unwrap();

    let decision = verdict(&proposed, true);
    assert_refused(service.checker().decide_write_off(decision.clone()).await, "NOT_A_LOSS");
    assert_refused(service.checker().decide_write_off(decision).await, "NOT_A_LOSS");
    assert_eq!(service.count("SELECT count(*) FROM approvals WHERE state = 'PENDING'").await, 1);
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_too_late() {
    let service = Service::start().await;
    let loan = lost_loan(&service).await;
    let proposed = service.teller().propose_write_off(proposal(&loan)).await.unwrap().into_inner();
    let mut calls = JoinSet::new();
    for name in ["teller/one", "teller/two", "teller/three"] {
        let (mut client, decision) = (service.client_as(name), verdict(&proposed, true));
        calls.spawn(async move { client.decide_write_off(decision).await.is_ok() });
    }
    let done = calls.join_all().await;

    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    assert_eq!(
        service.count("SELECT count(*) FROM loan_entries WHERE kind = 'WRITTEN_OFF'").await,
        1
    );
}
