//! Money on its way: whatever is cut off where, each amount moves once, and whoever asks again gets the truth.

use proto::loan::v1 as pb;
use tokio::task::JoinSet;

use crate::neighbour::Mood;
use crate::support::*;

const PENDING: &str = "SELECT count(*) FROM movements WHERE status = 'PENDING'";

#[tokio::test]
async fn an_approved_loan_is_paid_out_once_and_has_its_schedule() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;

    assert_eq!(loan.status(), pb::LoanStatus::Active);
    assert_eq!(minor(loan.disbursed.as_ref()), 10_000_000);
    assert_eq!(loan.next_due_on, "2026-02-20");
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
    let request = pb::GetScheduleRequest { loan_id: loan.loan_id, consistency: primary() };
    let schedule = service.teller().get_schedule(request).await.unwrap().into_inner().instalments;
    let first = &schedule[0];
    assert_eq!(minor(first.principal.as_ref()) + minor(first.interest.as_ref()), 853_099);
    assert_eq!(schedule.len(), 12);
    let scheduled: i64 = schedule.iter().map(|one| minor(one.principal.as_ref())).sum();
    assert_eq!(scheduled, 10_000_000);
    assert_eq!(minor(schedule[11].principal_after.as_ref()), 0);
}

#[tokio::test]
async fn a_payment_whose_answer_is_lost_is_unknown_and_then_done_once() {
    let service = Service::start_with("[work]\nresolve_after_ms = 600000\n").await;
    let loan = service.approved(10_000_000, 12).await;
    let request = disbursement(&loan);
    service.deposit.is(Mood::Forgetful);

    let lost = service.teller().disburse_loan(request.clone()).await;
    assert_eq!(reason(lost), (tonic::Code::Unavailable, "OUTCOME_UNKNOWN".into()));
    assert_eq!(service.count(PENDING).await, 1);
    assert_eq!(service.loan(&loan).await.status(), pb::LoanStatus::Approved);

    service.deposit.is(Mood::Well);
    let first = service.teller().disburse_loan(request.clone()).await.unwrap().into_inner();
    let again = service.teller().disburse_loan(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
    assert_eq!(service.count("SELECT count(*) FROM loan_entries").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM outcomes WHERE kind = 'DISBURSEMENT'").await, 1);
    let asked = service.deposit.asked();
    assert!(asked.len() == 2 && asked[0] == asked[1], "{asked:?}");
}

#[tokio::test]
async fn a_payment_that_deposit_does_not_take_is_finished_by_the_resolver() {
    let service = Service::start().await;
    let loan = service.approved(10_000_000, 12).await;
    service.deposit.is(Mood::Down);
    let request = disbursement(&loan);

    let down = service.teller().disburse_loan(request.clone()).await;
    assert_eq!(reason(down), (tonic::Code::Unavailable, "OUTCOME_UNKNOWN".into()));
    assert_eq!(service.deposit.balance(&service.account), 0);

    service.deposit.is(Mood::Well);
    service.wait_for(PENDING, 0).await;
    assert_eq!(service.loan(&loan).await.status(), pb::LoanStatus::Active);
    let late = service.teller().disburse_loan(request).await.unwrap().into_inner();
    assert_eq!(minor(late.loan.unwrap().disbursed.as_ref()), 10_000_000);
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
}

#[tokio::test]
async fn a_process_that_dies_while_deposit_has_paid_finishes_when_it_is_back() {
    let mut service = Service::start().await;
    let loan = service.approved(10_000_000, 12).await;
    service.deposit.is(Mood::Silent);
    let (mut teller, request) = (service.teller(), disbursement(&loan));
    let waiting = tokio::spawn({
        let request = request.clone();
        async move { teller.disburse_loan(request).await }
    });
    service.wait_for(PENDING, 1).await;
    let paid = async {
        while service.deposit.balance(&service.account) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, paid).await.unwrap();

    service.kill().await;
    assert!(waiting.await.unwrap().is_err());
    service.deposit.is(Mood::Well);
    service.restart().await;

    service.wait_for(PENDING, 0).await;
    let done = service.teller().disburse_loan(request).await.unwrap().into_inner();
    assert_eq!(done.loan.unwrap().status(), pb::LoanStatus::Active);
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
    assert_eq!(service.count("SELECT count(*) FROM loan_entries").await, 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_the_money_half_way() {
    let service = Service::start_with("[work]\nresolve_after_ms = 600000\n").await;
    let loan = service.approved(10_000_000, 12).await;
    let mut request = tonic::Request::new(disbursement(&loan));
    request.set_timeout(std::time::Duration::from_millis(1));
    drop(service.teller().disburse_loan(request).await);
    let mut request = tonic::Request::new(disbursement(&loan));
    request.set_timeout(std::time::Duration::from_secs(20));
    drop(service.teller().disburse_loan(request).await);

    service.wait_for(PENDING, 0).await;
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
}

#[tokio::test]
async fn a_payment_that_deposit_refuses_leaves_the_loan_as_it_was() {
    let service = Service::start().await;
    let loan = service.approved(10_000_000, 12).await;
    for why in [
        "ACCOUNT_FROZEN",
        "ACCOUNT_CLOSED",
        "ACCOUNT_UNKNOWN",
        "BALANCE_OVERFLOW",
        "REVERSED_BEFORE_POSTED",
    ] {
        service.deposit.block(&service.account, why);
        let request = disbursement(&loan);
        assert_refused(service.teller().disburse_loan(request.clone()).await, why);
        assert_refused(service.teller().disburse_loan(request).await, why);
    }

    assert_eq!(service.loan(&loan).await.status(), pb::LoanStatus::Approved);
    service.deposit.block(&service.account, "");
    service.teller().disburse_loan(disbursement(&loan)).await.unwrap();
    assert_eq!(service.deposit.balance(&service.account), 10_000_000);
}

#[tokio::test]
async fn a_loan_whose_money_is_on_its_way_takes_no_other() {
    let service = Service::start_with("[work]\nresolve_after_ms = 600000\n").await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    service.deposit.is(Mood::Down);
    let first = repayment(&loan, 100_000);
    assert!(service.client().repay_loan(first.clone()).await.is_err());

    assert_refused(service.client().repay_loan(repayment(&loan, 100)).await, "LOAN_BUSY");
    let reused = pb::RepayLoanRequest { amount: cny(200), ..first.clone() };
    assert_refused(service.client().repay_loan(reused).await, "REQUEST_ID_REUSED");

    service.deposit.is(Mood::Well);
    let patient = async {
        // The breaker lets nothing through for a moment.
        while service.client().repay_loan(first.clone()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, patient).await.unwrap();
    service.client().repay_loan(repayment(&loan, 100)).await.unwrap();
}

#[tokio::test]
async fn copies_of_one_repayment_at_once_move_its_money_once() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-20").await;
    let request = repayment(&loan, 500_000);
    let mut calls = JoinSet::new();
    for _ in 0..30 {
        let (mut client, request) = (service.client(), request.clone());
        calls.spawn(async move { client.repay_loan(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;

    assert!(answers.iter().all(|answer| answer.entry == answers[0].entry));
    let entry = answers[0].entry.clone().unwrap();
    assert_eq!(minor(entry.interest.as_ref()), 36_250);
    assert_eq!(minor(entry.principal.as_ref()), 463_750);
    assert_eq!(service.deposit.balance(&service.account), 9_500_000);
    assert_eq!(minor(service.loan(&loan).await.owed.unwrap().principal.as_ref()), 9_536_250);
}

#[tokio::test]
async fn a_quote_is_paid_exactly_and_ends_the_loan() {
    let service = Service::start().await;
    let loan = service.active(10_000_000, 12).await;
    service.on("2026-02-04").await;
    let request = pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        kind: pb::PrepaymentKind::Full.into(),
        principal: None,
        valid_through: String::new(),
    };
    let quote = service.client().quote_prepayment(request.clone()).await.unwrap().into_inner();
    let again = service.client().quote_prepayment(request).await.unwrap().into_inner();
    assert_eq!(quote, again);
    let quote = quote.quote.unwrap();
    let total = minor(quote.total.as_ref());
    assert_eq!(minor(quote.principal.as_ref()), 10_000_000);
    assert_eq!(minor(quote.fee.as_ref()), 50_000);
    // Fifteen of thirty-one days of 362.50.
    assert_eq!(minor(quote.interest.as_ref()), 17_540);

    service.deposit.set_balance(&service.account, total);
    let request = pb::PrepayLoanRequest {
        request_id: request_id(),
        quote_id: quote.quote_id,
        account_number: String::new(),
    };
    let paid = service.client().prepay_loan(request.clone()).await.unwrap().into_inner();
    assert_eq!(paid.loan.clone().unwrap().status(), pb::LoanStatus::Settled);
    assert_eq!(minor(paid.entry.as_ref().unwrap().fee.as_ref()), 50_000);
    assert_eq!(service.client().prepay_loan(request).await.unwrap().into_inner(), paid);
    assert_eq!(service.deposit.balance(&service.account), 0);
    assert_eq!(service.count("SELECT receivable_minor + provision_minor FROM loans").await, 0);
}

#[tokio::test]
async fn a_tranche_is_spread_over_the_schedule_and_none_comes_after_the_first_due_date() {
    let service = Service::start().await;
    let loan = service.approved(10_000_000, 12).await;
    let part = |minor| pb::DisburseLoanRequest { amount: cny(minor), ..disbursement(&loan) };
    service.teller().disburse_loan(part(4_000_000)).await.unwrap();
    service.on("2026-02-10").await;
    let second = service.teller().disburse_loan(part(3_000_000)).await.unwrap().into_inner();
    assert_eq!(minor(second.loan.unwrap().owed.unwrap().principal.as_ref()), 7_000_000);
    let scheduled = "SELECT sum(principal_minor)::bigint FROM instalments";
    assert_eq!(service.count(scheduled).await, 7_000_000);

    assert_refused(service.teller().disburse_loan(part(3_000_001)).await, "AMOUNT_OUT_OF_RANGE");
    service.on("2026-02-20").await;
    assert_refused(service.teller().disburse_loan(part(1)).await, "TRANCHE_TOO_LATE");
}
