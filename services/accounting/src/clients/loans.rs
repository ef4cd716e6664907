//! Loan: what it booked on a date, principal and interest by themselves, to be held against the control accounts.

use kernel::BusinessDate;
use platform::client::Channel;
use proto::loan::v1 as pb;
use proto::loan::v1::loan_service_client::LoanServiceClient;
use tonic::Status;

use super::{DayTotals, currency};
use crate::domain::{Part, SubLedgerTotal, Turnover};

/// The loan service, seen from accounting.
#[derive(Clone)]
pub struct Loans {
    client: LoanServiceClient<Channel>,
}

impl Loans {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: LoanServiceClient::new(channel) }
    }

    /// What was booked on each part of the loans of each product.
    ///
    /// # Errors
    /// Loan does not answer, or answers with what is no currency or no part.
    pub async fn day_totals(&self, date: BusinessDate) -> Result<DayTotals, Status> {
        let request = pb::GetDayTotalsRequest { business_date: date.to_string() };
        let answer = self.client.clone().get_day_totals(request).await?.into_inner();
        let totals = answer.totals.into_iter().map(total).collect::<Result<_, Status>>()?;
        Ok(DayTotals { totals, undelivered_batches: answer.undelivered_batches })
    }
}

fn total(m: pb::DayTotal) -> Result<SubLedgerTotal, Status> {
    let part = match m.part() {
        pb::DayTotalPart::Principal => Part::Principal,
        pb::DayTotalPart::Interest => Part::Interest,
        pb::DayTotalPart::Unspecified => {
            return Err(Status::internal("the answer names no part of a loan"));
        }
    };
    Ok(SubLedgerTotal {
        currency: currency(&m.currency_code)?,
        product: m.product_code,
        part,
        turnover: Turnover { debit_minor: m.debit_minor, credit_minor: m.credit_minor },
    })
}
