//! The customer service: may this customer borrow?

use kernel::CustomerId;
use platform::client::Channel;
use proto::customer::v1 as pb;
use proto::customer::v1::customer_service_client::CustomerServiceClient;

use super::Error;
use crate::commands::Standing;

/// The customer service, seen from loan.
#[derive(Clone)]
pub struct Customers {
    client: CustomerServiceClient<Channel>,
}

impl Customers {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CustomerServiceClient::new(channel) }
    }

    /// The standing of this customer. Read on the primary of the customer service.
    ///
    /// # Errors
    /// The customer service does not answer.
    pub async fn standing(&self, id: CustomerId) -> Result<Standing, Error> {
        let request = pb::BatchGetCustomerStatusRequest { customer_ids: vec![id.to_string()] };
        let answer = self.client.clone().batch_get_customer_status(request).await;
        let answer = answer.map_err(|status| Error { service: "customer", code: status.code() })?;
        let found = answer.into_inner().standings.into_iter().next();
        Ok(match found.map(|found| found.status()) {
            None => Standing::Unknown,
            Some(pb::CustomerStatus::Active) => Standing::Active,
            Some(_) => Standing::NotActive,
        })
    }
}
