//! Messages that cannot be read are the caller's fault, and are answered so.
//!
//! tonic says INTERNAL of a message that is cut off, flagged as compressed, or no protobuf, and OUT_OF_RANGE of one that
//! is too long: operators would be woken by whoever sends garbage. What it says itself is told from a handler's answer
//! by having no details, which all of ours have.

use http::Response;
use tonic::Code;
use tonic::body::Body;

use crate::status::{self, FieldViolation};

const DETAILS: &str = "grpc-status-details-bin";

/// The answer as it is, unless tonic gave it for a message that it could not read.
pub(super) fn explain(domain: &str, code: Code, response: Response<Body>) -> Response<Body> {
    let tonics = !response.headers().contains_key(DETAILS);
    if !(tonics && matches!(code, Code::Internal | Code::OutOfRange)) {
        return response;
    }
    let what = "cannot be read: it is cut off, too long, compressed, or no message of this type";
    status::invalid_argument(domain, vec![FieldViolation::new("message", what)]).into_http()
}
