//! What the database itself refuses, and what queries answer.

use proto::common::v1::ReadConsistency;
use proto::common::v1::read_consistency::Freshness;
use proto::loan::v1 as pb;
use sqlx::{Connection, PgConnection};

use crate::support::*;

#[tokio::test]
async fn what_is_written_cannot_be_changed_by_the_service_nor_by_its_owner() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let request = pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id,
        kind: pb::PrepaymentKind::Full.into(),
        principal: None,
        valid_through: String::new(),
    };
    service.client().quote_prepayment(request).await.unwrap();
    for url in [&service.database.app_urls[0], &service.database.owner_url] {
        for statement in [
            "UPDATE loan_entries SET principal_minor = 1",
            "DELETE FROM loan_entries",
            "UPDATE outcomes SET result = 'DONE'",
            "DELETE FROM outcomes",
            "UPDATE accruals SET interest_minor = 1",
            "DELETE FROM accruals",
            "UPDATE quotes SET fee_minor = 0",
            "DELETE FROM quotes",
            "UPDATE movements SET status = 'PENDING', ended_at = NULL, moved_minor = 0",
            "UPDATE movements SET amount_minor = 1",
            "DELETE FROM movements",
        ] {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let refused = sqlx::query(statement).execute(&mut connection).await;
            assert!(refused.is_err(), "{statement}");
        }
    }
}

#[tokio::test]
async fn the_service_may_not_change_the_shape_of_its_database() {
    let service = Service::start().await;
    let mut connection = PgConnection::connect(&service.database.app_urls[0]).await.unwrap();
    for statement in ["CREATE TABLE mine (a int)", "DROP TABLE loan_entries", "TRUNCATE outcomes"] {
        let refused = sqlx::query(statement).execute(&mut connection).await;
        assert!(refused.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn a_preview_is_what_is_booked_to_the_cent() {
    let service = Service::start().await;
    let application = service.application(12_345_678, 17);
    let request = pb::PreviewScheduleRequest {
        product_code: "CONSUMER".into(),
        terms: application.terms.clone(),
        disbursed_on: String::new(),
    };
    let preview = service.client().preview_schedule(request.clone()).await.unwrap().into_inner();
    let loan = service.active(12_345_678, 17).await;
    let schedule = pb::GetScheduleRequest { loan_id: loan.loan_id, consistency: primary() };
    let booked = service.teller().get_schedule(schedule).await.unwrap().into_inner();
    assert_eq!(preview.instalments, booked.instalments);

    let unknown = pb::PreviewScheduleRequest { product_code: "NOTHING".into(), ..request };
    assert_refused(service.client().preview_schedule(unknown).await, "PRODUCT_UNKNOWN");
}

#[tokio::test]
async fn loans_and_entries_come_page_by_page() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(service.applied(10_000_000, 12).await.loan_id);
    }
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListLoansRequest {
            customer_id: service.borrower.to_string(),
            page_size: 2,
            page_token,
            consistency: primary(),
        };
        let page = service.client().list_loans(request).await.unwrap().into_inner();
        found.extend(page.loans.into_iter().map(|loan| loan.loan_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    ids.sort_unstable();
    assert_eq!(found, ids);

    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    for _ in 0..3 {
        service.client().repay_loan(repayment(&loan, 1_000)).await.unwrap();
    }
    let (mut sequences, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListLoanEntriesRequest {
            loan_id: loan.loan_id.clone(),
            page_size: 3,
            page_token,
            consistency: primary(),
        };
        let page = service.client().list_loan_entries(request).await.unwrap().into_inner();
        sequences.extend(page.entries.into_iter().map(|entry| entry.sequence));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sequences, [4, 3, 2, 1]);
}

#[tokio::test]
async fn a_read_with_the_token_of_a_write_sees_it() {
    let service = Service::start().await;
    let answer =
        service.teller().apply_for_loan(service.application(10_000_000, 12)).await.unwrap();
    let token = answer.metadata().get("thincore-read-token").unwrap().to_str().unwrap().to_owned();
    let loan = answer.into_inner().loan.unwrap();
    let consistency = Some(ReadConsistency { freshness: Some(Freshness::AtLeast(token)) });
    let request = pb::GetLoanRequest { loan_id: loan.loan_id.clone(), consistency };
    let read = service.client().get_loan(request).await.unwrap().into_inner();
    assert_eq!(read.loan, Some(loan));
    assert!(read.as_of.is_some());
}
