//! For whom a channel calls, as an interceptor of a client.

use anyhow::Context as _;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// The metadata in which a channel names its customer. Written out here and not taken from the services: callers rely
/// on it.
const CUSTOMER: &str = "thincore-customer";

/// Names a customer in every call, or nobody.
#[derive(Debug, Clone, Default)]
pub struct OnBehalfOf(Option<MetadataValue<Ascii>>);

impl OnBehalfOf {
    /// Calls for this customer.
    ///
    /// # Errors
    /// The id has characters that metadata cannot have.
    pub fn customer(customer_id: &str) -> anyhow::Result<Self> {
        let value = customer_id.parse().context("a customer id is plain ASCII")?;
        Ok(Self(Some(value)))
    }

    /// Calls that say nothing of a customer.
    pub fn nobody() -> Self {
        Self::default()
    }
}

impl Interceptor for OnBehalfOf {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(customer) = &self.0 {
            request.metadata_mut().insert(CUSTOMER, customer.clone());
        }
        Ok(request)
    }
}
