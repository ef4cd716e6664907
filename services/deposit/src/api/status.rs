//! The only place that builds a `Status`: which refusal, fault or overload becomes which code and reason.

use std::collections::HashMap;

use kernel::Money;
use platform::db;
use platform::identity::Identity;
use platform::lanes::LaneError;
use platform::mandate::Mandate;
use platform::policy::Role;
use platform::status::{self, FieldViolation};
use tonic::{Request, Status};

use crate::domain::Rejection;

const DOMAIN: &str = "deposit.thincore";

/// The bank says no.
pub fn refused(rejection: Rejection) -> Status {
    status::refusal(DOMAIN, rejection.code(), &rejection.to_string(), HashMap::new())
}

/// For whom the caller acts, and how much it may move.
pub fn mandate<T>(request: &Request<T>) -> Result<Mandate, Status> {
    Mandate::of(DOMAIN, request)
}

/// Lets through an amount that the caller's role may move in one call.
pub fn within_limit(mandate: &Mandate, amount: Money) -> Result<(), Status> {
    mandate.check_amount(DOMAIN, amount)
}

/// Lets the card service do what nobody else may: it sees to the end of holds that it has placed or lost sight of.
pub fn only_card<T>(request: &Request<T>, what: &str) -> Result<(), Status> {
    let caller = request.extensions().get::<Identity>();
    if caller.is_some_and(|who| who.role == Some(Role::ServiceCard)) {
        return Ok(());
    }
    let message = format!("holds are {what} by the card service only");
    Err(status::permission_denied(DOMAIN, "ROLE_NOT_ALLOWED", &message))
}

/// The request is not well-formed.
pub fn invalid(violations: Vec<FieldViolation>) -> Status {
    status::invalid_argument(DOMAIN, violations)
}

/// A query names something that is not there.
pub fn not_found(what: &str) -> Status {
    status::not_found(DOMAIN, "NOT_FOUND", &format!("there is no such {what}"))
}

/// A command has no outcome.
pub fn lane(error: LaneError) -> Status {
    status::no_outcome(DOMAIN, error)
}

/// A query failed. Logged here, once; the detail stays here.
pub fn query(error: &db::Error) -> Status {
    status::query_failed(DOMAIN, error)
}

/// Another service, which this call needs, does not answer.
pub fn unreachable(service: &str) -> Status {
    status::unavailable(
        DOMAIN,
        "SERVICE_UNAVAILABLE",
        &format!("the {service} service does not answer"),
    )
}
