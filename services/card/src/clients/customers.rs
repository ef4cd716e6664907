//! The customer service: may this customer have a card?

use std::collections::HashMap;

use kernel::CustomerId;
use platform::client::Channel;
use proto::customer::v1 as pb;
use proto::customer::v1::customer_service_client::CustomerServiceClient;
use tonic::Code;

use super::Error;

/// As many customers as are asked about at once.
const AT_ONCE: usize = 1_000;

/// The customer service, seen from card.
#[derive(Clone)]
pub struct Customers {
    client: CustomerServiceClient<Channel>,
}

/// Whether a customer may do business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is no such customer.
    Unknown,
    /// Yes.
    Active,
    /// No.
    NotActive,
}

impl Customers {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CustomerServiceClient::new(channel) }
    }

    /// The standings of these customers, in their order. Read on the primary of the customer service.
    ///
    /// # Errors
    /// The customer service does not answer.
    pub async fn standings(&self, ids: &[CustomerId]) -> Result<Vec<Standing>, Error> {
        let mut known = HashMap::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let customer_ids = some.iter().map(ToString::to_string).collect();
            let request = pb::BatchGetCustomerStatusRequest { customer_ids };
            let answer = self.client.clone().batch_get_customer_status(request).await;
            let answer =
                answer.map_err(|status| Error { service: "customer", code: status.code() })?;
            for found in answer.into_inner().standings {
                let id = CustomerId::parse(&found.customer_id)
                    .map_err(|_| Error { service: "customer", code: Code::Internal })?;
                let active = found.status() == pb::CustomerStatus::Active;
                known.insert(id, if active { Standing::Active } else { Standing::NotActive });
            }
        }
        let standing = |id| known.get(id).copied().unwrap_or(Standing::Unknown);
        Ok(ids.iter().map(standing).collect())
    }
}
