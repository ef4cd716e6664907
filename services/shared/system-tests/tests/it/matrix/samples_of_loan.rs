//! A good request for each method of the loan service. What it needs is made first, by two tellers.

use prost::Message as _;
use proto::loan::v1 as pb;

use super::samples::missing;
use super::world::{UNLIMITED_MINOR, World};
use super::{Case, Scope};
use crate::support::{SECOND_TELLER, TELLER, cny, primary, request_id};

/// The encoded request.
pub async fn sample(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let request_id = request_id();
    match method {
        "ApplyForLoan" => apply(world, case, case.amount_minor).encode_to_vec(),
        "DecideLoan" => {
            let loan = applied(world, case).await;
            approve(&loan).encode_to_vec()
        }
        "DisburseLoan" => pb::DisburseLoanRequest {
            request_id,
            loan_id: approved(world, case).await.loan_id,
            amount: Some(cny(case.amount_minor)),
        }
        .encode_to_vec(),
        // Nothing is due yet, so whoever may ask is refused.
        "RepayLoan" => pb::RepayLoanRequest {
            request_id,
            loan_id: active(world, case).await,
            amount: Some(cny(case.amount_minor)),
            account_number: String::new(),
        }
        .encode_to_vec(),
        // More than the loan owes, where there is a limit to test.
        "QuotePrepayment" => pb::QuotePrepaymentRequest {
            kind: pb::PrepaymentKind::ReduceInstalment.into(),
            principal: Some(cny(case.amount_minor)),
            ..quote(active(world, case).await)
        }
        .encode_to_vec(),
        "PrepayLoan" => pb::PrepayLoanRequest {
            request_id,
            quote_id: quoted(world, case).await,
            account_number: String::new(),
        }
        .encode_to_vec(),
        "ClassifyLoan" => {
            classify(active(world, case).await, pb::LoanCategory::SpecialMention).encode_to_vec()
        }
        "ProposeWriteOff" => propose(lost(world, case).await).encode_to_vec(),
        "DecideWriteOff" => {
            let proposal = propose(lost(world, case).await);
            let proposed = world.bank.loan(SECOND_TELLER).propose_write_off(proposal).await;
            let proposed = proposed.unwrap().into_inner();
            pb::DecideWriteOffRequest {
                request_id,
                proposal_id: proposed.proposal_id,
                approve: true,
                payload_hash: proposed.payload_hash,
            }
            .encode_to_vec()
        }
        // A date that the bank has not left: nothing begins.
        "RunEndOfDay" => pb::RunEndOfDayRequest { request_id, business_date: "2099-01-01".into() }
            .encode_to_vec(),
        _ => query(world, method, case).await,
    }
}

async fn query(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let consistency = Some(primary());
    match method {
        "GetEndOfDay" => {
            pb::GetEndOfDayRequest { business_date: "2020-01-01".into() }.encode_to_vec()
        }
        "PreviewSchedule" => pb::PreviewScheduleRequest {
            product_code: "HOUSING".into(),
            terms: apply(world, case, case.amount_minor).terms,
            disbursed_on: String::new(),
        }
        .encode_to_vec(),
        "GetLoan" => {
            pb::GetLoanRequest { loan_id: active(world, case).await, consistency }.encode_to_vec()
        }
        "ListLoans" => pb::ListLoansRequest {
            customer_id: world.customer(case.scope),
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetSchedule" => pb::GetScheduleRequest { loan_id: active(world, case).await, consistency }
            .encode_to_vec(),
        "ListLoanEntries" => pb::ListLoanEntriesRequest {
            loan_id: active(world, case).await,
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetDayTotals" => {
            pb::GetDayTotalsRequest { business_date: "2020-01-01".into() }.encode_to_vec()
        }
        _ => missing("LoanService", method),
    }
}

/// Of the product with the largest loans.
fn apply(world: &World, case: &Case, amount_minor: i64) -> pb::ApplyForLoanRequest {
    pb::ApplyForLoanRequest {
        request_id: request_id(),
        customer_id: world.customer(case.scope),
        product_code: "HOUSING".into(),
        terms: Some(pb::LoanTerms {
            amount: Some(cny(amount_minor)),
            term_months: 240,
            due_day: 20,
            account_number: world.borrowing_account(case.scope),
        }),
    }
}

fn approve(loan: &pb::Loan) -> pb::DecideLoanRequest {
    pb::DecideLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        approve: true,
        application_hash: loan.application_hash.clone(),
        reason: "income seen".into(),
    }
}

fn quote(loan_id: String) -> pb::QuotePrepaymentRequest {
    pb::QuotePrepaymentRequest {
        request_id: request_id(),
        loan_id,
        kind: pb::PrepaymentKind::Full.into(),
        principal: None,
        valid_through: String::new(),
    }
}

fn classify(loan_id: String, category: pb::LoanCategory) -> pb::ClassifyLoanRequest {
    pb::ClassifyLoanRequest {
        request_id: request_id(),
        loan_id,
        category: category.into(),
        reason: "fire".into(),
    }
}

fn propose(loan_id: String) -> pb::ProposeWriteOffRequest {
    pb::ProposeWriteOffRequest { request_id: request_id(), loan_id, reason: "fire".into() }
}

/// A loan that the second teller applied for, so that the first may decide.
async fn applied(world: &World, case: &Case) -> pb::Loan {
    let request = apply(world, case, UNLIMITED_MINOR);
    let answer = world.bank.loan(SECOND_TELLER).apply_for_loan(request).await.unwrap();
    answer.into_inner().loan.unwrap()
}

async fn approved(world: &World, case: &Case) -> pb::Loan {
    let loan = applied(world, case).await;
    world.bank.loan(TELLER).decide_loan(approve(&loan)).await.unwrap();
    loan
}

/// A loan of which a part is paid out; the id of none where the case is about nobody's.
async fn active(world: &World, case: &Case) -> String {
    if case.scope == Scope::Absent {
        return request_id();
    }
    let loan_id = approved(world, case).await.loan_id;
    let request = pb::DisburseLoanRequest {
        request_id: request_id(),
        loan_id: loan_id.clone(),
        amount: Some(cny(1_000_000)),
    };
    world.bank.loan(TELLER).disburse_loan(request).await.unwrap();
    loan_id
}

async fn lost(world: &World, case: &Case) -> String {
    let loan_id = active(world, case).await;
    let request = classify(loan_id.clone(), pb::LoanCategory::Loss);
    world.bank.loan(TELLER).classify_loan(request).await.unwrap();
    loan_id
}

async fn quoted(world: &World, case: &Case) -> String {
    if case.scope == Scope::Absent {
        return request_id();
    }
    let request = quote(active(world, case).await);
    let answer = world.bank.loan(TELLER).quote_prepayment(request).await.unwrap();
    answer.into_inner().quote.unwrap().quote_id
}
