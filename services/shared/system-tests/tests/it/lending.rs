//! Verbs: what borrowers, tellers and operators do about loans.

use proto::accounting::v1 as accounting;
use proto::loan::v1 as pb;
use tonic::Status;

use crate::support::*;

/// A customer who borrows, and the account that the money comes to.
#[derive(Debug, Clone)]
pub struct Borrower {
    pub customer_id: String,
    pub account: String,
}

impl Bank {
    /// A new customer with an account that holds so much.
    pub async fn borrower(&self, balance_minor: i64) -> Borrower {
        let customer_id = self.register_active().await;
        let account = self.open(&customer_id, balance_minor).await.unwrap();
        Borrower { customer_id, account }
    }

    /// A loan that the first teller applied for and the second approved.
    pub async fn approved(&self, borrower: &Borrower, amount_minor: i64) -> pb::Loan {
        self.approved_as(apply(borrower, amount_minor)).await
    }

    /// The same, with other terms.
    pub async fn approved_as(&self, request: pb::ApplyForLoanRequest) -> pb::Loan {
        let answer = self.loan(TELLER).apply_for_loan(request).await.unwrap().into_inner();
        let applied = answer.loan.unwrap();
        let answer = self.loan(SECOND_TELLER).decide_loan(approve(&applied)).await.unwrap();
        answer.into_inner().loan.unwrap()
    }

    /// Pays out everything that is approved, if the bank agrees.
    pub async fn disburse(&self, loan_id: &str) -> Result<pb::Loan, Status> {
        let answer = self.loan(TELLER).disburse_loan(disburse(loan_id)).await?;
        Ok(answer.into_inner().loan.unwrap())
    }

    /// Pays what is due, if the bank agrees.
    pub async fn repay(&self, loan_id: &str, minor: i64) -> Result<pb::RepayLoanResponse, Status> {
        Ok(self.loan(TELLER).repay_loan(repay(loan_id, minor)).await?.into_inner())
    }

    /// Pays early what a quote says, if the bank agrees.
    pub async fn prepay(
        &self,
        loan_id: &str,
        kind: pb::PrepaymentKind,
        principal_minor: Option<i64>,
    ) -> Result<(pb::PrepaymentQuote, pb::Loan), Status> {
        let mut teller = self.loan(TELLER);
        let quote = pb::QuotePrepaymentRequest {
            request_id: request_id(),
            loan_id: loan_id.into(),
            kind: kind.into(),
            principal: principal_minor.map(cny),
            valid_through: String::new(),
        };
        let quote = teller.quote_prepayment(quote).await?.into_inner().quote.unwrap();
        let payment = pb::PrepayLoanRequest {
            request_id: request_id(),
            quote_id: quote.quote_id.clone(),
            account_number: String::new(),
        };
        let paid = teller.prepay_loan(payment).await?.into_inner();
        Ok((quote, paid.loan.unwrap()))
    }

    /// A loan on the primary.
    pub async fn loan_now(&self, loan_id: &str) -> pb::Loan {
        let request = pb::GetLoanRequest { loan_id: loan_id.into(), consistency: Some(primary()) };
        self.loan(TELLER).get_loan(request).await.unwrap().into_inner().loan.unwrap()
    }

    /// A loan's schedule on the primary.
    pub async fn schedule(&self, loan_id: &str) -> Vec<pb::Instalment> {
        let request =
            pb::GetScheduleRequest { loan_id: loan_id.into(), consistency: Some(primary()) };
        self.loan(TELLER).get_schedule(request).await.unwrap().into_inner().instalments
    }

    /// What happened to a loan, the oldest first.
    pub async fn history(&self, loan_id: &str) -> Vec<pb::LoanEntry> {
        let request = pb::ListLoanEntriesRequest {
            loan_id: loan_id.into(),
            consistency: Some(primary()),
            ..Default::default()
        };
        let answer = self.loan(TELLER).list_loan_entries(request).await.unwrap();
        answer.into_inner().entries.into_iter().rev().collect()
    }

    /// Cuts over, one day after the other, until the bank is at this date and everybody has followed.
    pub async fn cut_over_to(&self, date: &str) {
        eventually("the bank is at the date", async || {
            let request = accounting::GetBusinessDateRequest {};
            let now = self.accounting(OPERATOR).get_business_date(request).await.unwrap();
            let now = now.into_inner();
            if now.closing_date.is_empty() && now.business_date.as_str() < date {
                let request = accounting::CutOverRequest {
                    request_id: request_id(),
                    from_date: now.business_date.clone(),
                };
                self.accounting(OPERATOR).cut_over(request).await.unwrap();
            }
            now.closing_date.is_empty() && now.business_date == date
        })
        .await;
    }

    /// Ends a business date that was left.
    pub async fn end_of_day(&self, date: &str) -> pb::EndOfDay {
        let request =
            pb::RunEndOfDayRequest { request_id: request_id(), business_date: date.into() };
        self.loan(OPERATOR).run_end_of_day(request).await.unwrap();
        let mut ended = None;
        eventually("the day is ended", async || {
            let request = pb::GetEndOfDayRequest { business_date: date.into() };
            let answer = self.loan(OPERATOR).get_end_of_day(request).await.unwrap();
            ended = answer.into_inner().end_of_day;
            ended.as_ref().is_some_and(|day| day.finished)
        })
        .await;
        ended.unwrap()
    }

    /// The closing balance on the current business date of a general-ledger account with those below it; a debit balance
    /// is positive.
    pub async fn ledger(&self, gl_account: &str) -> i64 {
        self.delivered().await;
        let request = accounting::GetTrialBalanceRequest::default();
        let trial = self.accounting(AUDITOR).get_trial_balance(request).await.unwrap();
        let lines = trial.into_inner().lines.into_iter();
        let below = lines.filter(|line| line.gl_account.starts_with(gl_account));
        below.map(|line| line.closing_minor).sum()
    }
}

/// An application for a consumer loan in twelve instalments, due on the 17th, under a new request id.
pub fn apply(borrower: &Borrower, amount_minor: i64) -> pb::ApplyForLoanRequest {
    pb::ApplyForLoanRequest {
        request_id: request_id(),
        customer_id: borrower.customer_id.clone(),
        product_code: "CONSUMER".into(),
        terms: Some(pb::LoanTerms {
            amount: Some(cny(amount_minor)),
            term_months: 12,
            due_day: 17,
            account_number: borrower.account.clone(),
        }),
    }
}

/// The approval of an application under a new request id.
pub fn approve(loan: &pb::Loan) -> pb::DecideLoanRequest {
    pb::DecideLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        approve: true,
        application_hash: loan.application_hash.clone(),
        reason: "income seen".into(),
    }
}

/// A payment of everything that is approved under a new request id.
pub fn disburse(loan_id: &str) -> pb::DisburseLoanRequest {
    pb::DisburseLoanRequest { request_id: request_id(), loan_id: loan_id.into(), amount: None }
}

/// A repayment under a new request id.
pub fn repay(loan_id: &str, amount_minor: i64) -> pb::RepayLoanRequest {
    pb::RepayLoanRequest {
        request_id: request_id(),
        loan_id: loan_id.into(),
        amount: Some(cny(amount_minor)),
        account_number: String::new(),
    }
}

/// An amount in minor units; nothing where it is absent.
pub fn minor(money: Option<&proto::common::v1::Money>) -> i64 {
    money.map_or(0, |money| money.amount_minor)
}
