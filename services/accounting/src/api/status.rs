//! The only place that builds a `Status`: which refusal, fault or overload becomes which code and reason. Faults are
//! logged here, once; what they say about our inside stays here.

use std::collections::HashMap;

use platform::db;
use platform::lanes::LaneError;
use platform::status::{self, FieldViolation};
use tonic::Status;

use crate::domain::{BatchRefusal, Rejection};

const DOMAIN: &str = "accounting.thincore";

/// A request about the business dates was refused.
pub fn refused(rejection: Rejection) -> Status {
    status::refusal(DOMAIN, rejection.code(), &rejection.to_string(), HashMap::new())
}

/// No batch of a delivery is in the books; says why for the first that was refused.
pub fn batch_refused(batch_number: i64, refusal: &BatchRefusal) -> Status {
    let reason = refusal.rejection.code();
    let message = format!("batch {batch_number}: {}: {}", refusal.rejection, refusal.detail);
    let mut metadata = HashMap::from([("batch_number".to_owned(), batch_number.to_string())]);
    if let Some(posting) = refusal.posting {
        metadata.insert("posting_id".to_owned(), posting.to_string());
    }
    status::refusal(DOMAIN, reason, &message, metadata)
}

/// The request is not well-formed.
pub fn invalid(violations: Vec<FieldViolation>) -> Status {
    status::invalid_argument(DOMAIN, violations)
}

/// A service delivers, or confirms, in the name of another.
pub fn source_not_caller() -> Status {
    let message = "a service delivers and confirms in its own name";
    status::permission_denied(DOMAIN, "SOURCE_NOT_CALLER", message)
}

/// A query names something that is not there.
pub fn not_found(what: &str) -> Status {
    status::not_found(DOMAIN, "NOT_FOUND", &format!("there is no such {what}"))
}

/// A command has no outcome.
pub fn lane(error: LaneError) -> Status {
    status::no_outcome(DOMAIN, error)
}

/// A query failed.
pub fn query(error: &db::Error) -> Status {
    status::query_failed(DOMAIN, error)
}

/// The bank has no business date yet: the service is still starting.
pub fn books_not_open() -> Status {
    status::unavailable(DOMAIN, "BOOKS_UNAVAILABLE", "the books are not open yet")
}

/// A balance is more than an answer can carry.
pub fn too_large() -> Status {
    tracing::error!("a balance is more than can be kept");
    status::internal(DOMAIN)
}

/// Another service, which this call needs, does not answer.
pub fn unreachable(service: &str, error: &Status) -> Status {
    tracing::warn!(service, %error, "a service that had to be asked does not answer");
    status::unavailable(
        DOMAIN,
        "SERVICE_UNAVAILABLE",
        &format!("the {service} service does not answer"),
    )
}
