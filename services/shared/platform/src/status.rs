//! Builders of `Status`: always with exactly one `ErrorInfo`, whose reason is in the error reference.

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::Sources;
use crate::approvals::Refusal;
use crate::db::{self, ReadToken};
use crate::lanes::LaneError;
use crate::traffic::Shed;

/// The response metadata in which a write returns its read token.
pub const READ_TOKEN_METADATA: &str = "thincore-read-token";

/// One thing that is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field, such as `amount.currency_code`.
    pub field: String,
    /// What is wrong, or what is allowed.
    pub description: String,
}

impl FieldViolation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The same violation, one level further down: `parent.field`.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        Self { field: format!("{parent}.{}", self.field), description: self.description }
    }
}

fn build(code: Code, domain: &str, reason: &str, message: &str, details: ErrorDetails) -> Status {
    let mut details = details;
    if details.error_info().is_none() {
        details.set_error_info(reason, domain, HashMap::<String, String>::new());
    }
    Status::with_error_details(code, message, details)
}

/// The bank says no.
#[expect(
    clippy::implicit_hasher,
    reason = "nobody hashes otherwise, and the details want this map"
)]
pub fn refusal(
    domain: &str,
    reason: &str,
    message: &str,
    metadata: HashMap<String, String>,
) -> Status {
    let details = ErrorDetails::with_error_info(reason, domain, metadata);
    build(Code::FailedPrecondition, domain, reason, message, details)
}

/// How many violations an answer names. It travels in headers, of which callers take 8 to 16 KiB; an answer with more
/// would reach them as a broken connection.
const VIOLATIONS_MAX: usize = 16;

/// The request is not well-formed; names the fields that are wrong, up to [`VIOLATIONS_MAX`] of them.
pub fn invalid_argument(domain: &str, violations: Vec<FieldViolation>) -> Status {
    let mut details = ErrorDetails::new();
    let mut message = String::from("the request is not well-formed");
    let more = violations.len().saturating_sub(VIOLATIONS_MAX);
    for (index, violation) in violations.into_iter().take(VIOLATIONS_MAX).enumerate() {
        let FieldViolation { field, description } = violation;
        let separator = if index == 0 { ": " } else { "; " };
        message.extend([separator, &field, " ", &description]);
        details.add_bad_request_violation(field, description);
    }
    if more > 0 {
        message.extend(["; and ", &more.to_string(), " more"]);
    }
    build(Code::InvalidArgument, domain, "INVALID_ARGUMENT", &message, details)
}

/// What the request names is not there.
pub fn not_found(domain: &str, reason: &str, message: &str) -> Status {
    build(Code::NotFound, domain, reason, message, ErrorDetails::new())
}

/// Something that is needed does not answer; the same request may succeed later.
pub fn unavailable(domain: &str, reason: &str, message: &str) -> Status {
    build(Code::Unavailable, domain, reason, message, ErrorDetails::new())
}

/// A command that was handed to a lane has no outcome.
pub fn no_outcome(domain: &str, error: LaneError) -> Status {
    match error {
        LaneError::QueueFull => overloaded(domain, "OVERLOADED", &error.to_string()),
        LaneError::DeadlinePassed => deadline_exceeded(domain, &error.to_string()),
        LaneError::Unavailable => unavailable(domain, "BOOKS_UNAVAILABLE", &error.to_string()),
        LaneError::Fault => internal(domain),
    }
}

/// A proposal was not decided, and stays as it is.
pub fn proposal_refused(domain: &str, refusal: Refusal) -> Status {
    let (reason, message) = match refusal {
        Refusal::Unknown => ("PROPOSAL_UNKNOWN", "there is no such proposal of this kind"),
        Refusal::AlreadyDecided => ("PROPOSAL_ALREADY_DECIDED", "it has been decided before"),
        Refusal::Expired => ("PROPOSAL_EXPIRED", "it is too late to approve it"),
        Refusal::SamePerson => ("PROPOSAL_BY_SAME_PERSON", "who proposes cannot decide"),
        Refusal::PayloadChanged => ("PROPOSAL_CHANGED", "that is not what was proposed"),
    };
    build(Code::FailedPrecondition, domain, reason, message, ErrorDetails::new())
}

/// A query failed. Logged here, once; the detail stays here.
pub fn query_failed(domain: &str, error: &db::Error) -> Status {
    tracing::error!(error = %Sources(error), "a query failed");
    if error.is_retryable() {
        return unavailable(domain, "BOOKS_UNAVAILABLE", "the books cannot be reached");
    }
    internal(domain)
}

/// Ours. Says nothing about the inside.
pub fn internal(domain: &str) -> Status {
    let message = "the service failed; the operators can see why";
    build(Code::Internal, domain, "INTERNAL", message, ErrorDetails::new())
}

/// Too much at once; come back in a moment.
pub fn overloaded(domain: &str, reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(100)));
    build(Code::ResourceExhausted, domain, reason, message, details)
}

/// Not let in by traffic control: says which limit is reached, for which class, and when to come back.
pub(crate) fn shed(domain: &str, shed: &Shed, class: &str) -> Status {
    let metadata = HashMap::from([
        ("limit".to_owned(), shed.limit.to_owned()),
        ("class".to_owned(), class.to_owned()),
    ]);
    let mut details = ErrorDetails::with_error_info(shed.reason, domain, metadata);
    details.set_retry_info(Some(shed.wait));
    let message = format!("too many calls: the {} limit is reached", shed.limit);
    build(Code::ResourceExhausted, domain, shed.reason, &message, details)
}

/// The caller has not proven who it is.
pub(crate) fn unauthenticated(domain: &str, reason: &str, message: &str) -> Status {
    build(Code::Unauthenticated, domain, reason, message, ErrorDetails::new())
}

/// The deadline has passed.
pub fn deadline_exceeded(domain: &str, message: &str) -> Status {
    build(Code::DeadlineExceeded, domain, "DEADLINE_EXCEEDED", message, ErrorDetails::new())
}

/// The caller's role may not do this.
pub fn permission_denied(domain: &str, reason: &str, message: &str) -> Status {
    build(Code::PermissionDenied, domain, reason, message, ErrorDetails::new())
}

/// Puts the read token of a write beside its answer.
pub fn set_read_token(metadata: &mut MetadataMap, token: &ReadToken) {
    // A token is plain ASCII, so this cannot fail; if it did, the caller would read the primary.
    if let Ok(value) = MetadataValue::try_from(token.to_string()) {
        metadata.insert(READ_TOKEN_METADATA, value);
    }
}
