//! Request ids of calls that a request causes.
//!
//! A call to another service must carry the same request id whenever the request that causes it is repeated, also by
//! another process after a crash. So the id is computed, not drawn: the time of the cause, which keeps it in the
//! callee's window, and a digest of the cause and the purpose where other ids have random bits.

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{RequestId, RequestIdError};
use uuid::Builder;

/// The id of the call that `cause` makes for `purpose`.
///
/// # Errors
/// Never: what is built has version 7. The type has no other way to be made.
pub fn derived(cause: RequestId, purpose: &str) -> Result<RequestId, RequestIdError> {
    let cause = cause.as_uuid();
    let content = [cause.as_bytes().as_slice(), purpose.as_bytes()].concat();
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(digest(&SHA256, &content).as_ref()) {
        *to = *from;
    }
    let [a, b, c, d, e, f, ..] = *cause.as_bytes();
    let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    RequestId::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RequestId {
        RequestId::parse(text).unwrap()
    }

    #[test]
    fn the_same_cause_and_purpose_give_the_same_id_for_ever() {
        let cause = id("019a9e0f-1a2b-7c3d-8e4f-5a6b7c8d9e0f");

        // Written down: a change of this value would let a request that is repeated after an upgrade act twice.
        assert_eq!(
            derived(cause, "close-owner").unwrap().to_string(),
            "019a9e0f-1a2b-7947-bedd-b11694163ef8"
        );
    }

    #[test]
    fn it_keeps_the_time_and_differs_by_cause_and_purpose() {
        let cause = id("019a9e0f-1a2b-7c3d-8e4f-5a6b7c8d9e0f");
        let other = id("019a9e0f-1a2b-7c3d-8e4f-5a6b7c8d9e00");
        let child = derived(cause, "close-owner").unwrap();

        assert_eq!(child.made_at(), cause.made_at());
        assert_ne!(child, cause);
        assert_ne!(child, derived(other, "close-owner").unwrap());
        assert_ne!(child, derived(cause, "open-owner").unwrap());
    }
}
