//! Card: what holders came to owe on a date, and paid of it, to be held against the control accounts.

use kernel::BusinessDate;
use platform::client::Channel;
use proto::card::v1 as pb;
use proto::card::v1::card_service_client::CardServiceClient;
use tonic::Status;

use super::{DayTotals, currency};
use crate::domain::{Part, SubLedgerTotal, Turnover};

/// The card service, seen from accounting.
#[derive(Clone)]
pub struct Cards {
    client: CardServiceClient<Channel>,
}

impl Cards {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CardServiceClient::new(channel) }
    }

    /// What was booked on what the holders of each product owe.
    ///
    /// # Errors
    /// Card does not answer, or answers with what is no currency.
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
