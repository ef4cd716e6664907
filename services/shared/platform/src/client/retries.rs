//! Repeating a call that got no answer. Only for callers at the edge of the bank: were every hop to repeat, load would
//! multiply at each of them just when there is too much of it. A service passes the failure on, and the edge sends the
//! same request again, under the same request id.
//!
//! Repetitions come out of a budget (tower's): a part of the calls that are made, and a few each second for whoever makes
//! few calls. When everything fails, load grows by that part and no more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::retry::budget::{Budget, TpsBudget};

use super::{MARGIN, is_broken};
use crate::deadline;

/// For how long a call counts towards the budget.
const MEMORY: Duration = Duration::from_secs(10);
/// Repetitions each second that are always allowed.
const PER_SECOND: u32 = 1;
/// Which part of the calls may be repeated.
const PART: f32 = 0.1;
/// How often one call is made at most.
const ATTEMPTS: u32 = 3;
/// The pause before the first repetition; each further one is three times as long.
const PAUSE: Duration = Duration::from_millis(20);

/// The repetitions of one caller at the edge. Cheap to clone; the clones share the budget.
#[derive(Clone)]
pub struct Retries {
    budget: Arc<TpsBudget>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { budget: Arc::new(TpsBudget::new(MEMORY, PER_SECOND, PART)) }
    }
}

impl Retries {
    /// Makes a call, and again while there is no answer, or a refusal that says when to come back: at most three times,
    /// within the budget and the current deadline. Only for calls whose repetition has no further effect, since a call
    /// without an answer may have had its effect.
    ///
    /// # Errors
    /// The last answer.
    pub async fn call<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        self.budget.deposit();
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            let status = match call().await {
                Err(status) => status,
                answer => return answer,
            };
            let Some(wait) = wait_before_again(&status, pause) else { return Err(status) };
            let too_late = deadline::remaining().is_some_and(|left| left < wait + MARGIN);
            if too_late || !self.budget.withdraw() {
                return Err(status);
            }
            tokio::time::sleep(wait).await;
            pause *= 3;
        }
        call().await
    }
}

/// How long to wait before the same call may succeed, if it may. Who was told when to come back does not come earlier,
/// and not at the same instant as everybody else who was told so.
fn wait_before_again(status: &Status, pause: Duration) -> Option<Duration> {
    let told = status.get_details_retry_info().and_then(|told| told.retry_delay);
    let least = match (status.code(), told) {
        (Code::ResourceExhausted, Some(told)) => told.max(pause),
        (Code::Unavailable, told) => told.map_or(pause, |told| told.max(pause)),
        // gRPC libraries use this code for broken connections as well, then without RetryInfo.
        (Code::ResourceExhausted, None) => pause,
        _ if is_broken(status) => pause,
        _ => return None,
    };
    Some(least + rand::rng().random_range(Duration::ZERO..=pause))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::status;

    /// Calls that fail with this until the attempt with this number; how it ended, and how many attempts there were.
    async fn attempts(status: Status, until: u32) -> (Result<(), Code>, u32) {
        let made = AtomicU32::new(0);
        let answer = Retries::default()
            .call(|| {
                let attempt = made.fetch_add(1, Ordering::SeqCst) + 1;
                let answer = if attempt < until { Err(status.clone()) } else { Ok(()) };
                std::future::ready(answer)
            })
            .await;
        (answer.map_err(|status| status.code()), made.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn only_no_answer_is_tried_again_and_not_for_ever() {
        let unavailable = Status::unavailable("no");
        assert_eq!(attempts(unavailable.clone(), 3).await, (Ok(()), 3));
        assert_eq!(attempts(unavailable, 9).await, (Err(Code::Unavailable), 3));
        for code in [Code::FailedPrecondition, Code::DeadlineExceeded, Code::Internal] {
            assert_eq!(attempts(Status::new(code, "no"), 2).await, (Err(code), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_when_to_come_back_comes_no_earlier() {
        let started = tokio::time::Instant::now();
        let overloaded = status::overloaded("deposit.thincore", "OVERLOADED", "too much");

        assert_eq!(attempts(overloaded, 2).await, (Ok(()), 2));

        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(100), "{waited:?}");
        assert!(waited <= Duration::from_millis(121), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_says_no_time_is_a_broken_connection() {
        let broken = Status::resource_exhausted("too many resets");

        assert_eq!(attempts(broken, 2).await, (Ok(()), 2));
    }

    #[tokio::test]
    async fn nothing_is_tried_again_beyond_the_deadline() {
        let limit = Some(Instant::now() + Duration::from_millis(10));

        let made = deadline::scope(limit, attempts(Status::unavailable("no"), 2)).await;

        assert_eq!(made, (Err(Code::Unavailable), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn when_everything_fails_the_budget_bounds_what_is_added() {
        let (retries, made) = (Retries::default(), AtomicU32::new(0));
        for _ in 0..1_000 {
            let answer = retries.call(|| {
                made.fetch_add(1, Ordering::SeqCst);
                std::future::ready(Err::<(), _>(Status::unavailable("no")))
            });
            assert!(answer.await.is_err());
        }

        let added = made.into_inner() - 1_000;
        // A tenth, and one each second of those that the pauses took.
        assert!((50..=150).contains(&added), "{added}");
    }
}
