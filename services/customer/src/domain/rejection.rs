//! Every reason for which this service says no.
//!
//! A refusal is a decision: it is stored under its request id and given again on replay. Malformed input and
//! faults are not here, as they decide nothing.

use super::{CustomerStatus, Step};

/// The bank says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Closing was asked while deposit still has open accounts for the customer, or loan a loan that is not paid back.
    /// Final for this request id: once there are none the caller asks again with a new one.
    #[error("the customer still has open products")]
    CustomerHasProducts,
    /// The customer is closed or was rejected: nothing about it changes any more.
    #[error("the customer is closed or was rejected")]
    CustomerNotOpen,
    /// There is no such customer.
    #[error("there is no such customer")]
    CustomerUnknown,
    /// Another customer is registered with this document. It does not say who.
    #[error("a customer with this document is already registered")]
    DocumentAlreadyRegistered,
    /// The customer's status does not allow the step.
    #[error("a customer who is {} cannot take the step {}", from.as_str(), step.as_str())]
    IllegalTransition {
        /// The status that stands in the way.
        from: CustomerStatus,
        /// What was asked.
        step: Step,
    },
    /// Closing was asked while a payment by card is still owed, because the account did not cover it. Final for this
    /// request id.
    #[error("the customer still owes for a payment by card")]
    OwnerOwesOnCard,
    /// The request id was used for something else. Nothing is stored for it: the first outcome stands.
    #[error("the request id was used for another request")]
    RequestIdReused,
}

impl Rejection {
    /// The customer's status, where it is what the refusal is about.
    pub fn status_in_the_way(&self) -> Option<CustomerStatus> {
        match self {
            Self::IllegalTransition { from, .. } => Some(*from),
            Self::CustomerHasProducts
            | Self::CustomerNotOpen
            | Self::CustomerUnknown
            | Self::DocumentAlreadyRegistered
            | Self::OwnerOwesOnCard
            | Self::RequestIdReused => None,
        }
    }
}

/// One list from which both the code of a refusal and the list of all codes are made.
macro_rules! codes {
    ($($pattern:pat => $code:literal,)+) => {
        impl Rejection {
            /// The codes of all refusals.
            pub const CODES: &[&str] = &[$($code),+];

            /// The reason as callers see it (`google.rpc.ErrorInfo`) and as it is stored.
            pub fn code(&self) -> &'static str {
                match self {
                    $($pattern => $code,)+
                }
            }
        }
    };
}

codes! {
    Self::CustomerHasProducts => "CUSTOMER_HAS_PRODUCTS",
    Self::CustomerNotOpen => "CUSTOMER_NOT_OPEN",
    Self::CustomerUnknown => "CUSTOMER_UNKNOWN",
    Self::DocumentAlreadyRegistered => "DOCUMENT_ALREADY_REGISTERED",
    Self::IllegalTransition { .. } => "ILLEGAL_TRANSITION",
    Self::OwnerOwesOnCard => "OWNER_OWES_ON_CARD",
    Self::RequestIdReused => "REQUEST_ID_REUSED",
}
