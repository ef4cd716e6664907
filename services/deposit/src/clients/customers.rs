//! The customer service: may this owner open accounts?

use std::collections::HashMap;

use platform::client::Channel;
use proto::customer::v1 as pb;
use proto::customer::v1::customer_service_client::CustomerServiceClient;
use tonic::Status;

use crate::commands::Standing;

/// The customer service, seen from deposit.
#[derive(Clone)]
pub struct Customers {
    client: CustomerServiceClient<Channel>,
}

impl Customers {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CustomerServiceClient::new(channel) }
    }

    /// The standing of those of these customers that exist. Read on the primary of the customer service.
    ///
    /// # Errors
    /// The customer service does not answer.
    pub async fn standings(&self, ids: Vec<String>) -> Result<HashMap<String, Standing>, Status> {
        let request = pb::BatchGetCustomerStatusRequest { customer_ids: ids };
        let answer = self.client.clone().batch_get_customer_status(request).await?;
        let standings = answer.into_inner().standings.into_iter().map(|found| {
            let active = found.status() == pb::CustomerStatus::Active;
            (found.customer_id, if active { Standing::Active } else { Standing::NotActive })
        });
        Ok(standings.collect())
    }
}
