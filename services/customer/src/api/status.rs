//! The only place that builds a `Status`: which refusal, fault or overload becomes which code and reason. Faults are
//! logged here, once; what they say about our inside stays here.

use std::collections::HashMap;

use platform::db;
use platform::lanes::LaneError;
use platform::mandate::Mandate;
use platform::status::{self, FieldViolation};
use tonic::{Request, Status};

use crate::commands::{ChangeError, CommandError};
use crate::domain::Rejection;
use crate::store::{self, change_requests::ChangeRefusal};

const DOMAIN: &str = "customer.thincore";

/// For whom the caller acts.
pub fn mandate<T>(request: &Request<T>) -> Result<Mandate, Status> {
    Mandate::of(DOMAIN, request)
}

/// The request is not well-formed.
pub fn invalid(violations: Vec<FieldViolation>) -> Status {
    status::invalid_argument(DOMAIN, violations)
}

/// A command did not end in "done".
pub fn command(error: CommandError) -> Status {
    match error {
        CommandError::Refused(rejection) => refused(rejection),
        CommandError::Lane(error) => lane(error),
        CommandError::Store(error) => store(&error),
        CommandError::Callee(error) => {
            tracing::warn!(%error, "a service that had to be asked gave no decision");
            let message = format!("the {} service does not answer", error.service);
            status::unavailable(DOMAIN, "SERVICE_UNAVAILABLE", &message)
        }
    }
}

/// A change of a customer was not proposed or decided.
pub fn change(error: ChangeError) -> Status {
    match error {
        ChangeError::Refused(ChangeRefusal::Customer(rejection)) => refused(rejection),
        ChangeError::Refused(ChangeRefusal::Proposal(refusal)) => {
            status::proposal_refused(DOMAIN, refusal)
        }
        ChangeError::Store(error) => store(&error),
        ChangeError::Unknown(error) => {
            tracing::warn!(%error, "the answer to a commit was lost");
            let message = "the outcome is unknown until the request is repeated";
            status::unavailable(DOMAIN, "BOOKS_UNAVAILABLE", message)
        }
        ChangeError::Fault => status::internal(DOMAIN),
    }
}

/// The bank says no. An unknown customer is the one refusal with a code of its own: queries answer the same.
fn refused(rejection: Rejection) -> Status {
    let (reason, message) = (rejection.code(), rejection.to_string());
    match rejection {
        Rejection::CustomerUnknown => status::not_found(DOMAIN, reason, &message),
        Rejection::CustomerHasProducts
        | Rejection::OwnerOwesOnCard
        | Rejection::CustomerNotOpen
        | Rejection::DocumentAlreadyRegistered
        | Rejection::IllegalTransition { .. }
        | Rejection::RequestIdReused => {
            let status =
                rejection.status_in_the_way().map(|s| ("status".into(), s.as_str().into()));
            let metadata: HashMap<String, String> = status.into_iter().collect();
            status::refusal(DOMAIN, reason, &message, metadata)
        }
    }
}

/// A query names no customer.
pub fn customer_unknown() -> Status {
    refused(Rejection::CustomerUnknown)
}

/// The store failed.
pub fn store(error: &store::Error) -> Status {
    tracing::error!(error = %platform::Sources(error), "the store failed");
    match error {
        store::Error::Database(error) if error.is_retryable() => books_unavailable(),
        store::Error::Database(_) | store::Error::Protection(_) | store::Error::Unreadable => {
            status::internal(DOMAIN)
        }
    }
}

/// A query failed.
pub fn query(error: db::Error) -> Status {
    store(&store::Error::Database(error))
}

fn lane(error: LaneError) -> Status {
    match error {
        LaneError::QueueFull => status::overloaded(DOMAIN, "OVERLOADED", &error.to_string()),
        LaneError::DeadlinePassed => status::deadline_exceeded(DOMAIN, &error.to_string()),
        LaneError::Unavailable => books_unavailable(),
        LaneError::Fault => status::internal(DOMAIN),
    }
}

fn books_unavailable() -> Status {
    status::unavailable(DOMAIN, "BOOKS_UNAVAILABLE", "the books cannot be reached")
}
