//! The life of loans across the bank: to their borrowers' accounts and back, through the ends of days, into the general
//! ledger.

use proto::loan::v1 as pb;
use proto::loan::v1::{LoanCategory, LoanEntryKind, LoanStatus, PrepaymentKind};

use crate::lending::{apply, approve, minor, repay};
use crate::support::*;

/// Fifteen days before the 17th, the first due date there can be.
const PAID_OUT_ON: &str = "2026-11-02";

async fn a_bank_of_november() -> Bank {
    Bank::start_with(|options| options.first_business_date = Some(PAID_OUT_ON.parse().unwrap()))
        .await
}

/// What is due of a loan, part by part: principal, interest, penalty, compound.
fn due(loan: &pb::Loan) -> [i64; 4] {
    let owed = loan.owed.clone().unwrap();
    let parts = [owed.principal_due, owed.interest_due, owed.penalty, owed.compound];
    parts.map(|part| minor(part.as_ref()))
}

fn principal(loan: &pb::Loan) -> i64 {
    minor(loan.owed.as_ref().and_then(|owed| owed.principal.as_ref()))
}

fn kinds(history: &[pb::LoanEntry]) -> Vec<LoanEntryKind> {
    history.iter().map(pb::LoanEntry::kind).collect()
}

/// What the instalments ask for, whatever has become of them.
fn asked(schedule: &[pb::Instalment]) -> Vec<(String, i64, i64)> {
    let of = |one: &pb::Instalment| {
        (one.due_on.clone(), minor(one.principal.as_ref()), minor(one.interest.as_ref()))
    };
    schedule.iter().map(of).collect()
}

/// Applied for by one teller and approved by another; paid out as the preview said.
async fn a_loan_with_a_story(bank: &Bank, borrower: &crate::lending::Borrower) -> String {
    let request = apply(borrower, 1_000_000);
    let terms = request.terms.clone();
    let answer = bank.loan(TELLER).apply_for_loan(request).await.unwrap().into_inner();
    let applied = answer.loan.unwrap();
    assert_refused(bank.disburse(&applied.loan_id).await, "ILLEGAL_TRANSITION");
    assert_refused(bank.loan(TELLER).decide_loan(approve(&applied)).await, "DECIDED_BY_APPLICANT");
    let changed = pb::DecideLoanRequest { application_hash: vec![7; 32], ..approve(&applied) };
    assert_refused(bank.loan(SECOND_TELLER).decide_loan(changed).await, "APPLICATION_CHANGED");
    bank.loan(SECOND_TELLER).decide_loan(approve(&applied)).await.unwrap();
    let preview = pb::PreviewScheduleRequest {
        product_code: "CONSUMER".into(),
        terms,
        disbursed_on: String::new(),
    };
    let preview = bank.loan(TELLER).preview_schedule(preview).await.unwrap().into_inner();

    let loan = bank.disburse(&applied.loan_id).await.unwrap();

    assert_eq!((loan.status(), loan.next_due_on.as_str()), (LoanStatus::Active, "2026-11-17"));
    assert_eq!(bank.balance(&borrower.account).await.0, 1_000_000);
    let schedule = bank.schedule(&loan.loan_id).await;
    assert_eq!(asked(&schedule), asked(&preview.instalments));
    let sum: i64 = schedule.iter().map(|one| minor(one.principal.as_ref())).sum();
    assert_eq!((schedule.len(), sum), (12, 1_000_000));
    loan.loan_id
}

/// The first instalment is late: what was on the account is collected, then penalty runs.
async fn it_becomes_overdue(bank: &Bank, borrower: &crate::lending::Borrower, loan_id: &str) {
    let mut teller = bank.deposit(TELLER);
    teller.withdraw_cash(cash_out(&borrower.account, 990_000)).await.unwrap();
    bank.cut_over_to("2026-11-18").await;
    let day = bank.end_of_day("2026-11-17").await;

    assert_eq!((day.loans, day.calculated), (1, 1));
    assert_eq!((day.collections, day.collected), (1, 0));
    assert_eq!(bank.balance(&borrower.account).await.0, 0);
    let loan = bank.loan_now(loan_id).await;
    assert_eq!((loan.days_overdue, loan.category()), (1, LoanCategory::SpecialMention));
    let [principal_due, _, penalty, compound] = due(&loan);
    assert!(principal_due > 0, "{loan:?}");
    assert_eq!((penalty, compound), (0, 0), "within the days of grace");

    bank.cut_over_to("2026-11-22").await;
    let day = bank.end_of_day("2026-11-21").await;
    assert_eq!((day.collections, day.collected), (1, 0), "nothing is there to be collected");
    let loan = bank.loan_now(loan_id).await;
    assert_eq!(loan.days_overdue, 5);
    assert!(due(&loan)[2] > 0, "penalty on what is late, from its due date: {loan:?}");
    // Two per cent of what is owed, as it is a special mention.
    assert_eq!(minor(loan.provision.as_ref()), principal(&loan) / 50);
    let too_early = bank.prepay(loan_id, PrepaymentKind::Full, None).await;
    assert_refused(too_early, "LOAN_OVERDUE");
}

async fn it_is_paid_up(bank: &Bank, borrower: &crate::lending::Borrower, loan_id: &str) {
    let mut teller = bank.deposit(TELLER);
    teller.deposit_cash(cash_in(&borrower.account, 1_200_000)).await.unwrap();
    let owed: i64 = due(&bank.loan_now(loan_id).await).iter().sum();
    assert_refused(bank.repay(loan_id, owed + 1).await, "REPAYMENT_EXCEEDS_DUE");

    let mut channel = bank.loans_for(&borrower.customer_id);
    let request = repay(loan_id, owed);
    let paid = channel.repay_loan(request.clone()).await.unwrap().into_inner();
    let again = channel.repay_loan(request).await.unwrap().into_inner();

    assert_eq!(again.entry, paid.entry);
    assert_eq!(bank.balance(&borrower.account).await.0, 1_200_000 - owed);
    let loan = paid.loan.unwrap();
    assert_eq!(due(&loan), [0; 4]);
    assert_eq!((loan.days_overdue, loan.category()), (0, LoanCategory::Normal));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_from_its_application_through_arrears_to_its_last_cent() {
    let bank = a_bank_of_november().await;
    let borrower = bank.borrower(0).await;

    let loan_id = a_loan_with_a_story(&bank, &borrower).await;
    it_becomes_overdue(&bank, &borrower, &loan_id).await;
    it_is_paid_up(&bank, &borrower, &loan_id).await;
    bank.delivered().await;
    bank.audit().await;

    let before = bank.schedule(&loan_id).await;
    let (quote, shorter) =
        bank.prepay(&loan_id, PrepaymentKind::ShortenTerm, Some(300_000)).await.unwrap();
    assert_eq!(minor(quote.principal.as_ref()), 300_000);
    // Half a per cent.
    assert_eq!(minor(quote.fee.as_ref()), 1_500);
    assert!(bank.schedule(&loan_id).await.len() < before.len());
    assert_eq!(shorter.status(), LoanStatus::Active);
    let (quote, settled) = bank.prepay(&loan_id, PrepaymentKind::Full, None).await.unwrap();
    assert_eq!(minor(quote.principal.as_ref()), principal(&shorter));
    assert_eq!((settled.status(), principal(&settled)), (LoanStatus::Settled, 0));

    let history = bank.history(&loan_id).await;
    assert_eq!(
        kinds(&history),
        [
            LoanEntryKind::Disbursed,
            LoanEntryKind::Collected,
            LoanEntryKind::Repaid,
            LoanEntryKind::Prepaid,
            LoanEntryKind::Prepaid
        ]
    );
    let sequences: Vec<i64> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    // Principal, interest, what is set aside, money in transit: nothing is left of any.
    for gl_account in ["1303", "1132", "1304", "3002"] {
        assert_eq!(bank.ledger(gl_account).await, 0, "{gl_account}");
    }
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_day_again_changes_nothing_and_an_open_day_is_not_ended() {
    let bank = a_bank_of_november().await;
    let borrower = bank.borrower(0).await;
    let loan = bank.approved(&borrower, 1_000_000).await;
    bank.disburse(&loan.loan_id).await.unwrap();
    let open =
        pb::RunEndOfDayRequest { request_id: request_id(), business_date: PAID_OUT_ON.to_owned() };
    assert_refused(bank.loan(OPERATOR).run_end_of_day(open).await, "BUSINESS_DATE_OPEN");

    bank.cut_over_to("2026-11-03").await;
    let first = bank.end_of_day(PAID_OUT_ON).await;
    let accrued = bank.ledger("1132").await;
    let again = bank.end_of_day(PAID_OUT_ON).await;

    assert_eq!(again, first);
    assert!(accrued > 0, "the day of payment counts");
    assert_eq!(bank.ledger("1132").await, accrued);
    bank.audit().await;
}

/// Category LOSS is given by hand: by arrears it takes a year.
#[tokio::test(flavor = "multi_thread")]
async fn a_loan_is_written_off_by_two_tellers_and_what_comes_in_later_is_a_recovery() {
    let bank = a_bank_of_november().await;
    let borrower = bank.borrower(0).await;
    let loan_id = bank.approved(&borrower, 1_000_000).await.loan_id;
    bank.disburse(&loan_id).await.unwrap();
    let propose = || pb::ProposeWriteOffRequest {
        request_id: request_id(),
        loan_id: loan_id.clone(),
        reason: "died without heirs".into(),
    };
    let too_good = bank.loan(TELLER).propose_write_off(propose()).await;
    assert_refused(too_good, "NOT_A_LOSS");
    let classify = pb::ClassifyLoanRequest {
        request_id: request_id(),
        loan_id: loan_id.clone(),
        category: LoanCategory::Loss.into(),
        reason: "died without heirs".into(),
    };
    let lost = bank.loan(TELLER).classify_loan(classify).await.unwrap().into_inner().loan.unwrap();
    assert_eq!((lost.category(), minor(lost.provision.as_ref())), (LoanCategory::Loss, 1_000_000));

    let proposed = bank.loan(TELLER).propose_write_off(propose()).await.unwrap().into_inner();
    let decide = || pb::DecideWriteOffRequest {
        request_id: request_id(),
        proposal_id: proposed.proposal_id.clone(),
        approve: true,
        payload_hash: proposed.payload_hash.clone(),
    };
    let alone = bank.loan(TELLER).decide_write_off(decide()).await;
    assert_refused(alone, "PROPOSAL_BY_SAME_PERSON");
    let decided = bank.loan(SECOND_TELLER).decide_write_off(decide()).await.unwrap().into_inner();

    assert_eq!(decided.loan.unwrap().status(), LoanStatus::WrittenOff);
    for gl_account in ["1303", "1132", "1304"] {
        assert_eq!(bank.ledger(gl_account).await, 0, "{gl_account}");
    }
    bank.audit().await;

    let part = bank.repay(&loan_id, 400_000).await.unwrap();
    assert_eq!(part.entry.unwrap().kind(), LoanEntryKind::Recovered);
    let rest: i64 = due(&part.loan.unwrap()).iter().sum();
    let settled = bank.repay(&loan_id, rest).await.unwrap();
    assert_eq!(settled.loan.unwrap().status(), LoanStatus::Recovered);
    assert_eq!(bank.balance(&borrower.account).await.0, 600_000 - rest);
    bank.delivered().await;
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_that_cannot_be_paid_out_stays_approved_and_is_paid_out_later() {
    let bank = Bank::start().await;
    let borrower = bank.borrower(0).await;
    let loan_id = bank.approved(&borrower, 1_000_000).await.loan_id;
    let freeze = proto::deposit::v1::FreezeAccountRequest {
        request_id: request_id(),
        account_number: borrower.account.clone(),
        scope: proto::deposit::v1::FreezeScope::All.into(),
    };
    bank.deposit(TELLER).freeze_account(freeze).await.unwrap();

    assert_refused(bank.disburse(&loan_id).await, "ACCOUNT_FROZEN");
    let refused = bank.loan_now(&loan_id).await;
    let thaw = proto::deposit::v1::UnfreezeAccountRequest {
        request_id: request_id(),
        account_number: borrower.account.clone(),
    };
    bank.deposit(TELLER).unfreeze_account(thaw).await.unwrap();
    let paid = bank.disburse(&loan_id).await.unwrap();

    assert_eq!((refused.status(), minor(refused.disbursed.as_ref())), (LoanStatus::Approved, 0));
    assert_eq!((paid.status(), minor(paid.disbursed.as_ref())), (LoanStatus::Active, 1_000_000));
    assert_eq!(bank.balance(&borrower.account).await.0, 1_000_000);
    bank.delivered().await;
    bank.audit().await;
}

/// The load test's own: a few thousand loans, one day that catches up and one on which some are due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_day_of_many_loans_collects_what_is_due_and_the_books_agree() {
    let plan =
        loadtest::end_of_day::Plan { loans: 2_000, durable: false, bin_dir: Some(binaries()) };

    let stop = loadtest::stop::Stop::new();
    let report = Box::pin(loadtest::end_of_day::run(&plan, &stop)).await.unwrap();

    assert!(report.audit.passed, "{:#?}", report.audit.checks);
    assert_eq!((report.loans, report.catching_up.loans), (2_000, 2_000));
    assert_eq!(report.catching_up.collections, 0);
    // A twenty-eighth of them, and every account has enough.
    assert!((71..=72).contains(&report.day.collections), "{:?}", report.day);
    assert_eq!(report.day.collected, report.day.collections);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_closed_only_once_the_loan_is_paid_back() {
    let bank = Bank::start().await;
    let borrower = bank.borrower(0).await;
    let loan = bank.approved(&borrower, 100_000).await;
    bank.disburse(&loan.loan_id).await.unwrap();
    let mut teller = bank.deposit(TELLER);
    teller.withdraw_cash(cash_out(&borrower.account, 100_000)).await.unwrap();
    teller.close_account(close(&borrower.account)).await.unwrap();

    // No account any more, and still a debt.
    assert_refused(bank.close_customer(&borrower.customer_id).await, "CUSTOMER_HAS_PRODUCTS");

    let other = bank.open(&borrower.customer_id, 200_000).await.unwrap();
    let quote = pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        kind: PrepaymentKind::Full.into(),
        ..pb::QuotePrepaymentRequest::default()
    };
    let quote =
        bank.loan(TELLER).quote_prepayment(quote).await.unwrap().into_inner().quote.unwrap();
    let total = minor(quote.total.as_ref());
    let payment = pb::PrepayLoanRequest {
        request_id: request_id(),
        quote_id: quote.quote_id,
        account_number: other.clone(),
    };
    bank.loan(TELLER).prepay_loan(payment).await.unwrap();
    teller.withdraw_cash(cash_out(&other, 200_000 - total)).await.unwrap();
    teller.close_account(close(&other)).await.unwrap();
    let closed = bank.close_customer(&borrower.customer_id).await.unwrap();

    assert_eq!(closed.status(), proto::customer::v1::CustomerStatus::Closed);
    bank.audit().await;
}
