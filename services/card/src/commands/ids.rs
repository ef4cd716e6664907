//! Ids that are computed, not drawn: whatever is repeated, also by another process after a crash, has them again.
//!
//! The time in them keeps them in deposit's window of request ids; a keyed digest stands where other ids have random
//! bits, so that nobody outside can make one.

use chrono::{DateTime, Utc};
use kernel::RequestId;
use platform::protection::SearchKey;
use uuid::{Builder, Uuid};

use crate::domain::MessageKey;

impl MessageKey {
    /// The id of the authorization that this message asks for: its time, and a keyed digest of the rest where other ids
    /// have random bits, so that nobody outside can make one. `None` for a time before 1970.
    pub fn authorization_id(&self, key: &SearchKey) -> Option<RequestId> {
        let millis = u64::try_from(self.transmitted_at.timestamp_millis()).ok()?;
        let parts = [&self.acquirer, &self.terminal, &self.retrieval_reference, &self.trace_number];
        let parts = parts.map(String::as_bytes);
        let digest = key.digest("authorization-id", &parts);
        with_random(millis, digest.as_bytes())
    }
}

/// The id of a call to deposit that follows from an authorization, a record or an order: always the same one.
pub fn derived(key: &SearchKey, cause: Uuid, purpose: &'static str) -> Option<RequestId> {
    let [a, b, c, d, e, f, ..] = *cause.as_bytes();
    let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    with_random(millis, key.digest(purpose, &[cause.as_bytes()]).as_bytes())
}

/// The same for what may follow long after its cause, as the reversal of an approval of last month: deposit takes no request
/// id older than a week. The id is the same for three days, so whoever repeats it within them has it again; whatever may
/// be repeated later looks for what was ordered instead.
pub fn derived_late(
    key: &SearchKey,
    cause: Uuid,
    purpose: &'static str,
    now: DateTime<Utc>,
) -> Option<RequestId> {
    const STEP_MILLIS: u64 = 3 * 24 * 60 * 60 * 1_000;
    let [a, b, c, d, e, f, ..] = *cause.as_bytes();
    let made = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let late = u64::try_from(now.timestamp_millis()).ok()?.saturating_sub(made);
    let steps = late.checked_div(STEP_MILLIS)?;
    let millis = made.checked_add(steps.checked_mul(STEP_MILLIS)?)?;
    let digest = key.digest(purpose, &[cause.as_bytes(), &steps.to_be_bytes()]);
    with_random(millis, digest.as_bytes())
}

fn with_random(millis: u64, digest: &[u8; 32]) -> Option<RequestId> {
    let random = digest.first_chunk::<10>()?;
    RequestId::from_uuid(Builder::from_unix_timestamp_millis(millis, random).into_uuid()).ok()
}

/// The approval code of an authorization: six digits, and the same whenever it is asked for.
pub fn approval_code(key: &SearchKey, id: RequestId) -> String {
    let digest = key.digest("approval-code", &[id.as_uuid().as_bytes()]);
    format!("{:06}", digest.short().rem_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use platform::protection::Secret;

    use super::*;

    #[test]
    fn what_follows_late_has_an_id_that_deposit_takes() {
        let key = SearchKey::parse(&Secret::new("07".repeat(32))).unwrap();
        let made = DateTime::from_timestamp(1_771_600_000, 0).unwrap();
        let millis = u64::try_from(made.timestamp_millis()).unwrap();
        let cause = Builder::from_unix_timestamp_millis(millis, &[9; 10]).into_uuid();
        let after = |hours| {
            let now = made + TimeDelta::hours(hours);
            (now, derived_late(&key, cause, "release", now).unwrap())
        };

        assert_eq!(after(0).1, after(71).1, "repeated soon it is the same");
        for hours in [-1, 0, 71, 72, 24 * 30, 24 * 400] {
            let (now, id) = after(hours);
            let age = now - id.made_at();
            assert!(age <= TimeDelta::days(3) && age >= TimeDelta::hours(-1), "{hours}: {age}");
            assert_eq!(Some(id), derived_late(&key, cause, "release", now));
            assert_ne!(Some(id), derived_late(&key, cause, "reversal", now));
        }
    }
}
