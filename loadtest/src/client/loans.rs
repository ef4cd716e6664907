//! The calls to the loan service: paying out, quoting and paying back while the load runs; applying and deciding while
//! we seed.

use proto::common::v1::Money;
use proto::loan::v1 as pb;
use tonic::Status;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{CURRENCY, Client, SECOND_TELLER, TELLER};
use crate::accounts::Accounts;
use crate::order::{Operation, Order};

/// The loan product of the load test.
const PRODUCT: &str = "CONSUMER";
const REASON: &str = "load test";

/// What is applied for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How much, minor units.
    pub amount_minor: i64,
    /// In how many instalments.
    pub term_months: i32,
    /// On which day of the month they are due.
    pub due_day: i32,
}

impl Client {
    /// Sends an order that concerns a loan.
    pub(super) async fn call_loan(
        &self,
        order: &Order,
        accounts: &Accounts,
    ) -> Result<MetadataMap, Status> {
        let [mut channel, mut teller, _] = self.loan.clone();
        let owner = accounts.owner(order.account);
        let request_id = text(order.request_id);
        let subject = order.subject.map(text).unwrap_or_default();
        let principal = Some(cny(order.amount_minor));
        Ok(match order.operation {
            Operation::DisburseLoan => {
                let request =
                    pb::DisburseLoanRequest { request_id, loan_id: subject, amount: principal };
                teller.disburse_loan(self.request(request, TELLER)).await?.into_parts().0
            }
            Operation::QuoteLoan => {
                let request = pb::QuotePrepaymentRequest {
                    request_id,
                    loan_id: subject,
                    kind: pb::PrepaymentKind::ReduceInstalment.into(),
                    principal,
                    valid_through: String::new(),
                };
                channel.quote_prepayment(self.for_customer(request, owner)).await?.into_parts().0
            }
            Operation::PrepayLoan => {
                let request = pb::PrepayLoanRequest {
                    request_id,
                    quote_id: subject,
                    account_number: String::new(),
                };
                channel.prepay_loan(self.for_customer(request, owner)).await?.into_parts().0
            }
            _ => return Err(Status::invalid_argument("this is no order on a loan")),
        })
    }

    /// Applies for a loan to a customer on an account of theirs, in one teller's name.
    pub async fn apply(
        &self,
        request_id: Uuid,
        (customer, account_number): (Uuid, i64),
        terms: Terms,
    ) -> Result<pb::Loan, Status> {
        let request = pb::ApplyForLoanRequest {
            request_id: text(request_id),
            customer_id: text(customer),
            product_code: PRODUCT.to_owned(),
            terms: Some(pb::LoanTerms {
                amount: Some(cny(terms.amount_minor)),
                term_months: terms.term_months,
                due_day: terms.due_day,
                account_number: account_number.to_string(),
            }),
        };
        let [_, mut teller, _] = self.loan.clone();
        let answer = teller.apply_for_loan(self.request(request, TELLER)).await?;
        answer.into_inner().loan.ok_or_else(|| Status::internal("an application without a loan"))
    }

    /// Approves an application, in another teller's name.
    pub async fn approve(&self, request_id: Uuid, loan: &pb::Loan) -> Result<(), Status> {
        let request = pb::DecideLoanRequest {
            request_id: text(request_id),
            loan_id: loan.loan_id.clone(),
            approve: true,
            application_hash: loan.application_hash.clone(),
            reason: REASON.to_owned(),
        };
        let [_, _, mut teller] = self.loan.clone();
        teller.decide_loan(self.request(request, SECOND_TELLER)).await.map(|_| ())
    }

    /// Pays out all of an approved loan.
    pub async fn disburse(&self, request_id: Uuid, loan: &pb::Loan) -> Result<(), Status> {
        let request = pb::DisburseLoanRequest {
            request_id: text(request_id),
            loan_id: loan.loan_id.clone(),
            amount: None,
        };
        let [_, mut teller, _] = self.loan.clone();
        teller.disburse_loan(self.request(request, TELLER)).await.map(|_| ())
    }
}

fn text(id: Uuid) -> String {
    id.as_hyphenated().to_string()
}

fn cny(amount_minor: i64) -> Money {
    Money { currency_code: CURRENCY.to_owned(), amount_minor }
}
