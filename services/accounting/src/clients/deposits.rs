//! Deposit: what it booked on a date, to be held against the control accounts.

use kernel::{BusinessDate, Currency};
use platform::client::Channel;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use tonic::Status;

use crate::domain::{SubLedgerTotal, Turnover};

/// The deposit service, seen from accounting.
#[derive(Clone)]
pub struct Deposits {
    client: DepositServiceClient<Channel>,
}

/// What a service says of its own books on a date.
pub struct DayTotals {
    /// Per product and currency.
    pub totals: Vec<SubLedgerTotal>,
    /// How many batches have not reached accounting yet.
    pub undelivered_batches: i64,
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
        let total = |total: pb::DayTotal| {
            Ok(SubLedgerTotal {
                currency: Currency::parse(&total.currency_code)
                    .map_err(|_| Status::internal("deposit answered with no currency"))?,
                product: total.product_code,
                turnover: Turnover {
                    debit_minor: total.debit_minor,
                    credit_minor: total.credit_minor,
                },
            })
        };
        let totals = answer.totals.into_iter().map(total).collect::<Result<_, Status>>()?;
        Ok(DayTotals { totals, undelivered_batches: answer.undelivered_batches })
    }
}
