//! The loan service: does this customer owe anything?

use kernel::CustomerId;
use platform::client::Channel;
use proto::common::v1::ReadConsistency;
use proto::common::v1::read_consistency::Freshness;
use proto::loan::v1::loan_service_client::LoanServiceClient;
use proto::loan::v1::{ListLoansRequest, LoanStatus};

use super::Error;

/// As many loans as loan gives in one page.
const PAGE: i32 = 500;

/// The loan service, seen from customer.
#[derive(Clone)]
pub struct Loan {
    client: LoanServiceClient<Channel>,
}

impl Loan {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: LoanServiceClient::new(channel) }
    }

    /// Whether the customer has a loan that is not paid back, one that was written off included. Asked on loan's primary.
    ///
    /// # Errors
    /// Loan does not answer.
    pub async fn owes(&self, customer_id: CustomerId) -> Result<bool, Error> {
        let mut page_token = String::new();
        loop {
            let request = ListLoansRequest {
                customer_id: customer_id.to_string(),
                page_size: PAGE,
                page_token,
                consistency: Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) }),
            };
            let answer = self.client.clone().list_loans(request).await;
            let page = answer
                .map_err(|status| Error { service: "loan", code: status.code() })?
                .into_inner();
            let owed = [LoanStatus::Active, LoanStatus::WrittenOff];
            if page.loans.iter().any(|loan| owed.contains(&loan.status())) {
                return Ok(true);
            }
            if page.next_page_token.is_empty() {
                return Ok(false);
            }
            page_token = page.next_page_token;
        }
    }
}
