//! One test per refusal: what it takes, and that nothing has changed.

use proto::customer::v1::CustomerStatus;
use proto::loan::v1 as pb;

use crate::neighbour::{Account, Mood};
use crate::support::*;

async fn refused_application(
    service: &Service,
    change: impl FnOnce(&mut pb::ApplyForLoanRequest, &mut pb::LoanTerms),
    why: &str,
) {
    let mut request = service.application(10_000_000, 12);
    let mut terms = request.terms.take().unwrap();
    change(&mut request, &mut terms);
    request.terms = Some(terms);
    assert_refused(service.teller().apply_for_loan(request.clone()).await, why);
    assert_refused(service.teller().apply_for_loan(request).await, why);
    assert_eq!(service.count("SELECT count(*) FROM loans").await, 0);
}

#[tokio::test]
async fn an_application_needs_a_known_and_active_customer() {
    let service = Service::start().await;
    let nobody = new_customer(8).to_string();
    refused_application(&service, |m, _| m.customer_id = nobody, "CUSTOMER_UNKNOWN").await;
    service.customer.knows(&service.borrower.to_string(), CustomerStatus::Frozen);
    refused_application(&service, |_, _| {}, "CUSTOMER_NOT_ACTIVE").await;
}

#[tokio::test]
async fn an_application_needs_a_product_that_offers_what_is_asked_for() {
    let service = Service::start().await;
    let product =
        |code: &'static str| move |m: &mut pb::ApplyForLoanRequest| m.product_code = code.into();
    let nothing = product("NOTHING");
    refused_application(&service, |m, _| nothing(m), "PRODUCT_UNKNOWN").await;
    refused_application(&service, |_, t| t.amount = money(1_000_000, "EUR"), "CURRENCY_MISMATCH")
        .await;
    refused_application(&service, |_, t| t.amount = cny(99_999), "AMOUNT_OUT_OF_RANGE").await;
    refused_application(&service, |_, t| t.amount = cny(100_000_001), "AMOUNT_OUT_OF_RANGE").await;
    refused_application(&service, |_, t| t.term_months = 61, "TERM_OUT_OF_RANGE").await;
}

#[tokio::test]
async fn an_application_needs_an_account_of_the_borrower_in_the_currency_of_the_loan() {
    let service = Service::start().await;
    let nowhere = account_number(77);
    refused_application(&service, |_, t| t.account_number = nowhere, "ACCOUNT_UNKNOWN").await;
    let other = account_number(78);
    service.register(new_customer(9), &other);
    refused_application(&service, |_, t| t.account_number = other, "ACCOUNT_UNKNOWN").await;
    let dollars = account_number(79);
    service.deposit.has(
        &dollars,
        Account {
            customer_id: service.borrower.to_string(),
            currency: "USD".into(),
            balance_minor: 0,
            blocked: "",
        },
    );
    refused_application(&service, |_, t| t.account_number = dollars, "CURRENCY_MISMATCH").await;
    service.deposit.block(&service.account, "ACCOUNT_CLOSED");
    refused_application(&service, |_, _| {}, "ACCOUNT_UNKNOWN").await;
}

#[tokio::test]
async fn an_application_is_not_decided_while_a_neighbour_is_silent() {
    let service = Service::start().await;
    service.deposit.is(Mood::Down);
    let request = service.application(10_000_000, 12);
    let answer = service.teller().apply_for_loan(request).await;
    assert_eq!(reason(answer), (tonic::Code::Unavailable, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(service.count("SELECT count(*) FROM outcomes").await, 0);
}

#[tokio::test]
async fn an_application_is_decided_once_by_somebody_else_who_has_seen_it() {
    let service = Service::start().await;
    let loan = service.applied(10_000_000, 12).await;
    let by_maker = service.teller().decide_loan(decision(&loan, true)).await;
    assert_refused(by_maker, "DECIDED_BY_APPLICANT");
    let mut other = decision(&loan, true);
    other.application_hash[0] ^= 1;
    assert_refused(service.checker().decide_loan(other).await, "APPLICATION_CHANGED");

    service.checker().decide_loan(decision(&loan, false)).await.unwrap();
    assert_refused(
        service.checker().decide_loan(decision(&loan, true)).await,
        "ILLEGAL_TRANSITION",
    );
    assert_refused(service.teller().disburse_loan(disbursement(&loan)).await, "ILLEGAL_TRANSITION");
    assert_eq!(service.loan(&loan).await.status(), pb::LoanStatus::Declined);
}

#[tokio::test]
async fn a_loan_that_is_not_there_is_refused_everywhere() {
    let service = Service::start().await;
    let loan =
        pb::Loan { loan_id: request_id(), application_hash: vec![0; 32], ..pb::Loan::default() };
    assert_refused(service.checker().decide_loan(decision(&loan, true)).await, "LOAN_UNKNOWN");
    assert_refused(service.teller().disburse_loan(disbursement(&loan)).await, "LOAN_UNKNOWN");
    assert_refused(service.teller().repay_loan(repayment(&loan, 1)).await, "LOAN_UNKNOWN");
    assert_refused(service.teller().classify_loan(classification(&loan, 2)).await, "LOAN_UNKNOWN");
    assert_refused(service.teller().propose_write_off(write_off(&loan)).await, "LOAN_UNKNOWN");
    let quote = quote(&loan, pb::PrepaymentKind::Full, None);
    assert_refused(service.teller().quote_prepayment(quote).await, "LOAN_UNKNOWN");
    assert_refused(service.teller().prepay_loan(prepayment(request_id())).await, "QUOTE_UNKNOWN");
    let read = pb::GetLoanRequest { loan_id: loan.loan_id, consistency: primary() };
    assert_eq!(reason(service.teller().get_loan(read).await).0, tonic::Code::NotFound);
}

fn classification(loan: &pb::Loan, category: i32) -> pb::ClassifyLoanRequest {
    pb::ClassifyLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        category,
        reason: "seen at the counter".into(),
    }
}

fn write_off(loan: &pb::Loan) -> pb::ProposeWriteOffRequest {
    pb::ProposeWriteOffRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        reason: "nothing comes in".into(),
    }
}

fn quote(
    loan: &pb::Loan,
    kind: pb::PrepaymentKind,
    minor: Option<i64>,
) -> pb::QuotePrepaymentRequest {
    pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        kind: kind.into(),
        principal: minor.and_then(cny),
        valid_through: String::new(),
    }
}

fn prepayment(quote_id: String) -> pb::PrepayLoanRequest {
    pb::PrepayLoanRequest { request_id: request_id(), quote_id, account_number: String::new() }
}

#[tokio::test]
async fn a_repayment_is_of_what_is_due_in_the_loans_currency_from_money_that_is_there() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let mut client = service.client();
    assert_refused(client.repay_loan(repayment(&loan, 1)).await, "REPAYMENT_EXCEEDS_DUE");
    service.on("2026-02-20").await;
    assert_refused(client.repay_loan(repayment(&loan, 853_100)).await, "REPAYMENT_EXCEEDS_DUE");
    let foreign = pb::RepayLoanRequest { amount: money(100, "USD"), ..repayment(&loan, 1) };
    assert_refused(client.repay_loan(foreign).await, "CURRENCY_MISMATCH");
    let elsewhere =
        pb::RepayLoanRequest { account_number: account_number(99), ..repayment(&loan, 1) };
    assert_refused(client.repay_loan(elsewhere).await, "ACCOUNT_UNKNOWN");
    service.deposit.set_balance(&service.account, 100);
    assert_refused(client.repay_loan(repayment(&loan, 101)).await, "INSUFFICIENT_FUNDS");
    client.repay_loan(repayment(&loan, 100)).await.unwrap();
    assert_eq!(service.count("SELECT count(*) FROM loan_entries").await, 2);
}

#[tokio::test]
async fn a_prepayment_needs_a_product_that_allows_it_nothing_late_and_a_quote_that_holds() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let mut client = service.client();
    let part = |minor| quote(&loan, pb::PrepaymentKind::ReduceInstalment, Some(minor));
    assert_refused(client.quote_prepayment(part(9_999)).await, "AMOUNT_OUT_OF_RANGE");
    let quoted =
        client.quote_prepayment(part(1_000_000)).await.unwrap().into_inner().quote.unwrap();
    let newer = client.quote_prepayment(part(2_000_000)).await.unwrap().into_inner().quote.unwrap();
    client.prepay_loan(prepayment(quoted.quote_id.clone())).await.unwrap();
    assert_refused(client.prepay_loan(prepayment(newer.quote_id)).await, "QUOTE_EXPIRED");
    assert_refused(client.prepay_loan(prepayment(quoted.quote_id)).await, "QUOTE_EXPIRED");

    let full = quote(&loan, pb::PrepaymentKind::Full, None);
    let today = client.quote_prepayment(full.clone()).await.unwrap().into_inner().quote.unwrap();
    service.on("2026-01-21").await;
    assert_refused(client.prepay_loan(prepayment(today.quote_id)).await, "QUOTE_EXPIRED");
    service.on("2026-02-21").await;
    let late = quote(&loan, pb::PrepaymentKind::Full, None);
    assert_refused(client.quote_prepayment(late).await, "LOAN_OVERDUE");

    service.on(TODAY).await;
    let mut bridge = service.application(10_000_000, 6);
    bridge.product_code = "BRIDGE".into();
    let bridge = service.teller().apply_for_loan(bridge).await.unwrap().into_inner().loan.unwrap();
    service.checker().decide_loan(decision(&bridge, true)).await.unwrap();
    service.teller().disburse_loan(disbursement(&bridge)).await.unwrap();
    let bridge = quote(&bridge, pb::PrepaymentKind::Full, None);
    assert_refused(client.quote_prepayment(bridge).await, "PREPAYMENT_NOT_ALLOWED");
}

#[tokio::test]
async fn a_category_set_by_hand_is_taken_back_only_while_nothing_is_late() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    let doubtful = pb::LoanCategory::Doubtful;
    let set = classification(&loan, doubtful.into());
    let set = service.teller().classify_loan(set).await.unwrap().into_inner().loan.unwrap();
    assert_eq!(set.category(), doubtful);
    assert_eq!(minor(set.provision.as_ref()), 5_000_000);
    service.on("2026-02-22").await;
    let normal = || classification(&loan, pb::LoanCategory::Normal.into());
    assert_refused(service.teller().classify_loan(normal()).await, "UPGRADE_WHILE_OVERDUE");
    service.client().repay_loan(repayment(&loan, 853_099)).await.unwrap();
    let back = service.teller().classify_loan(normal()).await.unwrap().into_inner().loan.unwrap();
    assert_eq!(back.category(), pb::LoanCategory::Normal);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'CLASSIFY_LOAN'";
    assert_eq!(service.count(audited).await, 2);
}

#[tokio::test]
async fn a_date_that_is_open_has_no_end_yet() {
    let service = Service::start().await;
    assert_refused(service.ask_end_of_day(TODAY).await, "BUSINESS_DATE_OPEN");
    assert_eq!(service.count("SELECT count(*) FROM end_of_day").await, 0);
}

#[tokio::test]
async fn what_is_not_well_formed_is_named_field_by_field() {
    let service = Service::start().await;
    let answer = service.teller().apply_for_loan(pb::ApplyForLoanRequest::default()).await;
    let status = answer.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    for field in ["request_id", "customer_id", "product_code", "terms"] {
        assert!(status.message().contains(field), "{}", status.message());
    }
}

#[tokio::test]
async fn a_channel_applies_for_no_more_than_its_role_allows() {
    let service = Service::start().await;
    let request = service.application(50_000_001, 12);
    let answer = service.client().apply_for_loan(request).await;
    assert_eq!(reason(answer), (tonic::Code::PermissionDenied, "AMOUNT_ABOVE_ROLE_LIMIT".into()));
}
