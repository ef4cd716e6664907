//! A channel acts for one customer: a loan of somebody else is answered as one that does not exist, to the byte.

use proto::loan::v1 as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::*;

/// All that a caller can see of a refusal.
#[track_caller]
fn seen<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, Vec<u8>) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn a_loan_of_somebody_else_is_answered_as_one_that_is_not_there() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    let absent = pb::Loan { loan_id: request_id(), ..pb::Loan::default() };
    let mut other = service.client_for(new_customer(9));

    let hidden = seen(other.repay_loan(repayment(&loan, 1)).await);
    assert_eq!(hidden, seen(other.repay_loan(repayment(&absent, 1)).await));
    let quote = |loan: &pb::Loan| pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        kind: pb::PrepaymentKind::Full.into(),
        principal: None,
        valid_through: String::new(),
    };
    let hidden = seen(other.quote_prepayment(quote(&loan)).await);
    assert_eq!(hidden, seen(other.quote_prepayment(quote(&absent)).await));
    let read = |loan: &pb::Loan| pb::GetLoanRequest {
        loan_id: loan.loan_id.clone(),
        consistency: primary(),
    };
    let hidden = seen(other.get_loan(read(&loan)).await);
    assert_eq!(hidden, seen(other.get_loan(read(&absent)).await));
    let schedule = |loan: &pb::Loan| pb::GetScheduleRequest {
        loan_id: loan.loan_id.clone(),
        consistency: primary(),
    };
    let hidden = seen(other.get_schedule(schedule(&loan)).await);
    assert_eq!(hidden, seen(other.get_schedule(schedule(&absent)).await));
    let entries = |loan: &pb::Loan| pb::ListLoanEntriesRequest {
        loan_id: loan.loan_id.clone(),
        page_size: 0,
        page_token: String::new(),
        consistency: primary(),
    };
    let hidden = seen(other.list_loan_entries(entries(&loan)).await);
    assert_eq!(hidden, seen(other.list_loan_entries(entries(&absent)).await));
    let loans = |customer: String| pb::ListLoansRequest {
        customer_id: customer,
        page_size: 0,
        page_token: String::new(),
        consistency: primary(),
    };
    let others = other.list_loans(loans(service.borrower.to_string())).await.unwrap();
    assert!(others.into_inner().loans.is_empty());
    assert_eq!(service.count("SELECT count(*) FROM movements").await, 1);
}

#[tokio::test]
async fn a_quote_of_somebody_else_is_answered_as_one_that_is_not_there() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let request = pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id,
        kind: pb::PrepaymentKind::Full.into(),
        principal: None,
        valid_through: String::new(),
    };
    let quote = service.client().quote_prepayment(request.clone()).await.unwrap().into_inner();
    let mut other = service.client_for(new_customer(9));
    let prepayment = |quote_id: String| pb::PrepayLoanRequest {
        request_id: request_id(),
        quote_id,
        account_number: String::new(),
    };
    let hidden = seen(other.prepay_loan(prepayment(quote.quote.unwrap().quote_id)).await);
    assert_eq!(hidden, seen(other.prepay_loan(prepayment(request_id())).await));

    // The same request under somebody else's name is another request.
    assert_refused(other.quote_prepayment(request).await, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_channel_applies_for_its_own_customer_only() {
    let service = Service::start().await;
    let request = service.application(10_000_000, 12);
    let mut other = service.client_for(new_customer(9));
    assert_refused(other.apply_for_loan(request).await, "CUSTOMER_UNKNOWN");
    let loan = service.client().apply_for_loan(service.application(10_000_000, 12)).await.unwrap();
    let status = loan.into_inner().loan.unwrap();
    assert_eq!(status.status(), pb::LoanStatus::Applied);
}

#[tokio::test]
async fn a_channel_decides_nothing_and_pays_nothing_out() {
    let service = Service::start().await;
    let loan = service.applied(10_000_000, 12).await;
    let decided = service.client().decide_loan(decision(&loan, true)).await;
    assert_eq!(decided.unwrap_err().code(), Code::PermissionDenied);
    let paid = service.client().disburse_loan(disbursement(&loan)).await;
    assert_eq!(paid.unwrap_err().get_details_error_info().unwrap().reason, "ROLE_NOT_ALLOWED");
}
