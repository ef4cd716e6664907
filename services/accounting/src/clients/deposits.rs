//! Deposit: what it booked on a date, to be held against the control accounts.

use kernel::BusinessDate;
use platform::client::Channel;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use tonic::Status;

use super::{DayTotals, currency};
use crate::domain::{Part, SubLedgerTotal, Turnover};

/// The deposit service, seen from accounting.
#[derive(Clone)]
pub struct Deposits {
    client: DepositServiceClient<Channel>,
}

impl Deposits {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: DepositServiceClient::new(channel) }
    }

    /// What was booked on the accounts of each product.
    ///
    /// # Errors
    /// Deposit does not answer, or answers with what is no currency.
    pub async fn day_totals(&self, date: BusinessDate) -> Result<DayTotals, Status> {
        let request = pb::GetDayTotalsRequest { business_date: date.to_string() };
        let answer = self.client.clone().get_day_totals(request).await?.into_inner();
        let totals = answer.totals.into_iter().map(total).collect::<Result<_, Status>>()?;
        Ok(DayTotals { totals, undelivered_batches: answer.undelivered_batches })
    }
}

fn total(m: pb::DayTotal) -> Result<SubLedgerTotal, Status> {
    Ok(SubLedgerTotal {
        currency: currency(&m.currency_code)?,
        product: m.product_code,
        part: Part::Principal,
        turnover: Turnover { debit_minor: m.debit_minor, credit_minor: m.credit_minor },
    })
}
