//! The deposit service: does this customer have open accounts, and may there be none from now on?

use kernel::{CustomerId, RequestId};
use platform::client::Channel;
use proto::deposit::v1::CloseOwnerRequest;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::Error;
use super::derived::derived;
use crate::domain::Rejection;

/// The deposit service, seen from customer.
#[derive(Clone)]
pub struct Deposit {
    client: DepositServiceClient<Channel>,
}

impl Deposit {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: DepositServiceClient::new(channel) }
    }

    /// Asks deposit to open nothing more for this customer. A refusal says why the customer cannot be closed.
    ///
    /// The request id, derived from that of the request which causes the call, makes it one effect when that is
    /// repeated. It is not repeated here: only the edge of the bank repeats.
    ///
    /// # Errors
    /// Deposit gives no decision.
    pub async fn close_owner(
        &self,
        cause: RequestId,
        customer_id: CustomerId,
    ) -> Result<Result<(), Rejection>, Error> {
        let request_id =
            derived(cause, "close-owner").map_err(|_| failed(Code::Internal))?.to_string();
        let request = CloseOwnerRequest { request_id, customer_id: customer_id.to_string() };
        match self.client.clone().close_owner(request).await {
            Ok(_) => Ok(Ok(())),
            Err(status) => refusal(&status).map(Err).ok_or_else(|| failed(status.code())),
        }
    }
}

/// What deposit's refusal means here. Everything else is no decision.
fn refusal(status: &Status) -> Option<Rejection> {
    match status.get_details_error_info()?.reason.as_str() {
        "OWNER_HAS_ACCOUNTS" => Some(Rejection::CustomerHasProducts),
        // The same request id came here with two bodies at once, and the other was first.
        "REQUEST_ID_REUSED" => Some(Rejection::RequestIdReused),
        _ => None,
    }
}

fn failed(code: Code) -> Error {
    Error { service: "deposit", code }
}
