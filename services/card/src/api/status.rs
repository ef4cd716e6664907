//! The only place that builds a `Status`: which refusal, fault or overload becomes which code and reason.

use std::collections::HashMap;

use kernel::Money;
use platform::db;
use platform::mandate::Mandate;
use platform::status::{self, FieldViolation};
use tonic::{Request, Status};

use crate::commands::CommandError;
use crate::domain::Rejection;

const DOMAIN: &str = "card.thincore";

/// The bank says no.
pub fn refused(rejection: Rejection) -> Status {
    status::refusal(DOMAIN, rejection.code(), &rejection.to_string(), HashMap::new())
}

/// A command has no outcome.
pub fn command(error: CommandError) -> Status {
    match error {
        CommandError::Lane(error) => status::no_outcome(DOMAIN, error),
        CommandError::Database(error) => query(&error),
        CommandError::Callee(error) => {
            tracing::warn!(%error, "a service that had to be asked gave no answer");
            let message = format!("the {} service does not answer", error.service);
            status::unavailable(DOMAIN, "SERVICE_UNAVAILABLE", &message)
        }
        CommandError::Unknown(error) => {
            tracing::warn!(%error, "the answer to a commit was lost");
            let message = "the outcome is unknown until the request is repeated";
            status::unavailable(DOMAIN, "BOOKS_UNAVAILABLE", message)
        }
        CommandError::Fault => status::internal(DOMAIN),
    }
}

/// For whom the caller acts, and how much it may move.
pub fn mandate<T>(request: &Request<T>) -> Result<Mandate, Status> {
    Mandate::of(DOMAIN, request)
}

/// Lets through an amount that the caller's role may move in one call.
pub fn within_limit(mandate: &Mandate, amount: Money) -> Result<(), Status> {
    mandate.check_amount(DOMAIN, amount)
}

/// The request is not well-formed.
pub fn invalid(violations: Vec<FieldViolation>) -> Status {
    status::invalid_argument(DOMAIN, violations)
}

/// A query names something that is not there.
pub fn not_found(what: &str) -> Status {
    status::not_found(DOMAIN, "NOT_FOUND", &format!("there is no such {what}"))
}

/// A query failed. Logged here, once; the detail stays here.
pub fn query(error: &db::Error) -> Status {
    status::query_failed(DOMAIN, error)
}

/// A number cannot be opened, or no CVV2 made of it. Ours.
pub fn keys(error: &dyn std::fmt::Display) -> Status {
    tracing::error!(%error, "a card cannot be shown");
    status::internal(DOMAIN)
}
