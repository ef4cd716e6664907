//! Deadlines: each call has one, each hop passes on what is left, and nothing is worked on after it.

use std::future::Future;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

tokio::task_local! {
    static DEADLINE: Option<Instant>;
}

const HEADER: &str = "grpc-timeout";

/// What a server keeps of the time that its caller gave, so that the answer is back in time. It also keeps ahead of
/// tonic's own timer, which answers CANCELLED where it should be DEADLINE_EXCEEDED.
pub(crate) const WAY_BACK: Duration = Duration::from_millis(2);

/// The deadline of the call that this task works for.
pub fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok().flatten()
}

/// What is left until the deadline; `None` where there is none.
pub fn remaining() -> Option<Duration> {
    current().map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Runs the future for a call with this deadline. Does not stop it when the deadline passes.
pub async fn scope<F: Future>(deadline: Option<Instant>, future: F) -> F::Output {
    DEADLINE.scope(deadline, future).await
}

/// Lets work that goes on in a task of its own have the deadline of the call that it is begun for.
pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    scope(current(), work)
}

/// A `grpc-timeout` that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("grpc-timeout must be 1 to 8 digits and a unit of H, M, S, m, u or n")]
pub struct MalformedTimeout;

/// Reads `grpc-timeout` as the gRPC specification writes it; `None` where there is none.
///
/// # Errors
/// The header has another form.
pub fn from_headers(headers: &HeaderMap) -> Result<Option<Duration>, MalformedTimeout> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_| MalformedTimeout)?;
    let (digits, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).ok_or(MalformedTimeout)?;
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(MalformedTimeout);
    }
    let amount: u64 = digits.parse().map_err(|_| MalformedTimeout)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return Err(MalformedTimeout),
    }))
}

/// Writes `grpc-timeout`, in milliseconds up to the specification's eight digits.
pub(crate) fn to_headers(headers: &mut HeaderMap, left: Duration) {
    let millis = left.as_millis().clamp(1, 99_999_999);
    if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
        headers.insert(HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Duration>, MalformedTimeout> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(text).unwrap());
        from_headers(&headers)
    }

    #[test]
    fn each_unit_reads() {
        assert_eq!(read("2H"), Ok(Some(Duration::from_hours(2))));
        assert_eq!(read("3M"), Ok(Some(Duration::from_mins(3))));
        assert_eq!(read("4S"), Ok(Some(Duration::from_secs(4))));
        assert_eq!(read("150m"), Ok(Some(Duration::from_millis(150))));
        assert_eq!(read("7u"), Ok(Some(Duration::from_micros(7))));
        assert_eq!(read("99999999n"), Ok(Some(Duration::from_nanos(99_999_999))));
        assert_eq!(from_headers(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "m", "1", "-1m", "+1m", "123456789m", "1x", "1.5S", " 1S"] {
            assert_eq!(read(text), Err(MalformedTimeout), "{text}");
        }
    }
}
