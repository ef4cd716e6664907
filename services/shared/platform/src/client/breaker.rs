//! A breaker per callee: while most calls to it fail, none is made, so that whoever waits is answered at once and the
//! callee gets air.
//!
//! Failures are what a callee that is down or stuck gives. An answer of the bank is none, whether it pleases or not, and
//! neither is a refusal of its traffic control: a breaker that counted those would cut off a healthy callee. After a
//! pause a few calls are let through to see; when they succeed everything goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Response;
use metrics::{Counter, Gauge};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How many seconds are looked back on.
const WINDOW: usize = 10;
/// Fewer calls in the window than this say nothing.
const CALLS_MIN: u32 = 20;
/// The breaker opens when one in so many calls failed, or more.
const ONE_IN: u32 = 2;
/// How long it stays open.
const PAUSE: Duration = Duration::from_secs(1);
/// How many calls see whether the callee is back. All must succeed.
const PROBES: u32 = 3;
/// A call that is given less than this may run out of time at a healthy callee.
const FAIR_TIME: Duration = Duration::from_millis(100);

/// What a call says of its callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers.
    Works,
    /// It is down, stuck or broken.
    Fails,
    /// Nothing.
    Unclear,
}

/// What the answer to a call that had so much time says of the callee.
pub(super) fn verdict<B, E>(answer: &Result<Response<B>, E>, given: Duration) -> Verdict {
    let Ok(response) = answer else { return Verdict::Fails };
    let Some(status) = Status::from_header_map(response.headers()) else { return Verdict::Works };
    match status.code() {
        Code::Unavailable | Code::Internal | Code::Unknown => Verdict::Fails,
        Code::DeadlineExceeded if given >= FAIR_TIME => Verdict::Fails,
        // The caller's own doing.
        Code::DeadlineExceeded | Code::Cancelled => Verdict::Unclear,
        // Without RetryInfo it comes from a connection that broke, not from traffic control.
        Code::ResourceExhausted if status.get_details_retry_info().is_none() => Verdict::Fails,
        _ => Verdict::Works,
    }
}

/// The breaker of one callee.
#[derive(Debug)]
pub(super) struct Breaker {
    began: Instant,
    state: Mutex<State>,
    position: Gauge,
    rejected: Counter,
}

#[derive(Debug)]
struct State {
    position: Position,
    seconds: [Second; WINDOW],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Closed,
    HalfOpen { under_way: u32, succeeded: u32 },
    Open { until: Duration },
}

/// The calls that ended in one second.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    calls: u32,
    failures: u32,
}

/// A call that is let through. Says nothing of the callee if it is dropped before its end.
#[derive(Debug)]
pub(super) struct Passage {
    breaker: Arc<Breaker>,
    probe: bool,
    ended: bool,
}

impl Breaker {
    pub fn new(callee: &str) -> Self {
        let label = callee.to_owned();
        let breaker = Self {
            began: Instant::now(),
            state: Mutex::new(State { position: Position::Closed, seconds: Default::default() }),
            position: metrics::gauge!("breaker_state", "callee" => label.clone()),
            rejected: metrics::counter!("breaker_rejected_total", "callee" => label),
        };
        breaker.position.set(0.0);
        breaker
    }

    /// Lets a call through, or not.
    pub fn pass(self: &Arc<Self>) -> Option<Passage> {
        self.pass_at(self.began.elapsed())
    }

    fn pass_at(self: &Arc<Self>, now: Duration) -> Option<Passage> {
        let passage = |probe| Passage { breaker: Arc::clone(self), probe, ended: false };
        let mut state = self.state();
        match state.position {
            Position::Closed => return Some(passage(false)),
            Position::HalfOpen { under_way, succeeded } if under_way + succeeded < PROBES => {
                self.turn(&mut state, Position::HalfOpen { under_way: under_way + 1, succeeded });
                return Some(passage(true));
            }
            Position::Open { until } if until <= now => {
                self.turn(&mut state, Position::HalfOpen { under_way: 1, succeeded: 0 });
                return Some(passage(true));
            }
            Position::HalfOpen { .. } | Position::Open { .. } => {}
        }
        self.rejected.increment(1);
        None
    }

    fn ended(&self, probe: bool, verdict: Verdict, now: Duration) {
        let mut state = self.state();
        match (state.position, verdict) {
            (Position::Closed, Verdict::Works) => {
                state.count(false, now);
            }
            (Position::Closed, Verdict::Fails) if state.count(true, now) => {
                self.turn(&mut state, Position::Open { until: now + PAUSE });
            }
            (Position::HalfOpen { .. }, Verdict::Fails) if probe => {
                self.turn(&mut state, Position::Open { until: now + PAUSE });
            }
            (Position::HalfOpen { under_way, succeeded }, _) if probe => {
                let succeeded = succeeded + u32::from(verdict == Verdict::Works);
                let next = if succeeded >= PROBES {
                    state.seconds = Default::default();
                    Position::Closed
                } else {
                    Position::HalfOpen { under_way: under_way.saturating_sub(1), succeeded }
                };
                self.turn(&mut state, next);
            }
            // Calls that began before the breaker opened say what is known.
            _ => {}
        }
    }

    fn turn(&self, state: &mut State, position: Position) {
        state.position = position;
        self.position.set(match position {
            Position::Closed => 0.0,
            Position::HalfOpen { .. } => 1.0,
            Position::Open { .. } => 2.0,
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call, and answers whether too many have failed.
    fn count(&mut self, failed: bool, now: Duration) -> bool {
        let number = now.as_secs();
        let slot = usize::try_from(number).unwrap_or_default() % WINDOW;
        if let Some(second) = self.seconds.get_mut(slot) {
            if second.number != number {
                *second = Second { number, ..Second::default() };
            }
            second.calls += 1;
            second.failures += u32::from(failed);
        }
        let window = u64::try_from(WINDOW).unwrap_or(u64::MAX);
        let recent = self.seconds.iter().filter(|second| second.number + window > number);
        let (calls, failures) = recent.fold((0, 0), |(calls, failures), second| {
            (calls + second.calls, failures + second.failures)
        });
        calls >= CALLS_MIN && failures * ONE_IN >= calls
    }
}

impl Passage {
    /// The call ended, and says this of the callee.
    pub fn ended(self, verdict: Verdict) {
        let now = self.breaker.began.elapsed();
        self.ended_at(verdict, now);
    }

    fn ended_at(mut self, verdict: Verdict, now: Duration) {
        self.ended = true;
        self.breaker.ended(self.probe, verdict, now);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.ended {
            self.breaker.ended(self.probe, Verdict::Unclear, self.breaker.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::status;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn calls(breaker: &Arc<Breaker>, count: u32, verdict: Verdict, now: Duration) {
        for _ in 0..count {
            breaker.pass_at(now).unwrap().ended_at(verdict, now);
        }
    }

    fn opened() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::new("deposit"));
        calls(&breaker, 20, Verdict::Fails, ms(0));
        breaker
    }

    #[test]
    fn it_opens_when_half_of_enough_calls_fail() {
        let breaker = Arc::new(Breaker::new("deposit"));
        calls(&breaker, 11, Verdict::Works, ms(0));
        calls(&breaker, 10, Verdict::Fails, ms(2_000));
        assert!(breaker.pass_at(ms(2_000)).is_some(), "10 of 21");

        calls(&breaker, 1, Verdict::Fails, ms(2_000));

        assert!(breaker.pass_at(ms(2_000)).is_none(), "11 of 22");
    }

    #[test]
    fn few_calls_or_calls_of_long_ago_say_nothing() {
        let breaker = Arc::new(Breaker::new("deposit"));
        for second in [0, 11, 22] {
            calls(&breaker, 19, Verdict::Fails, Duration::from_secs(second));
        }

        assert!(breaker.pass_at(Duration::from_secs(22)).is_some());
    }

    #[test]
    fn after_a_pause_a_few_calls_are_let_through_and_their_success_closes_it() {
        let breaker = opened();
        assert!(breaker.pass_at(ms(999)).is_none());

        let probes: Vec<_> = (0..3).map(|_| breaker.pass_at(ms(1_000)).unwrap()).collect();
        assert!(breaker.pass_at(ms(1_000)).is_none());
        for probe in probes {
            probe.ended_at(Verdict::Works, ms(1_001));
        }

        calls(&breaker, 10, Verdict::Fails, ms(1_002));
        assert!(breaker.pass_at(ms(1_002)).is_some(), "what failed before is forgotten");
    }

    #[test]
    fn one_failed_probe_opens_it_again() {
        let breaker = opened();
        let probes: Vec<_> = (0..3).map(|_| breaker.pass_at(ms(1_000)).unwrap()).collect();

        for (probe, verdict) in
            probes.into_iter().zip([Verdict::Works, Verdict::Fails, Verdict::Works])
        {
            probe.ended_at(verdict, ms(1_500));
        }

        assert!(breaker.pass_at(ms(2_499)).is_none());
        assert!(breaker.pass_at(ms(2_500)).is_some());
    }

    #[test]
    fn a_probe_whose_caller_went_away_makes_room_for_another() {
        let breaker = opened();
        for _ in 0..10 {
            drop(breaker.pass_at(ms(1_000)).unwrap());
        }
        calls(&breaker, 3, Verdict::Works, ms(1_000));

        assert_eq!(breaker.state().position, Position::Closed);
    }

    #[test]
    fn calls_that_began_before_it_opened_do_not_close_it() {
        let breaker = Arc::new(Breaker::new("deposit"));
        let early: Vec<_> = (0..3).map(|_| breaker.pass_at(ms(0)).unwrap()).collect();
        calls(&breaker, 20, Verdict::Fails, ms(0));
        let _probe = breaker.pass_at(ms(1_000)).unwrap();

        for call in early {
            call.ended_at(Verdict::Works, ms(1_001));
        }

        assert!(matches!(breaker.state().position, Position::HalfOpen { succeeded: 0, .. }));
    }

    fn says(status: Status, given: Duration) -> Verdict {
        verdict(&Ok::<_, Infallible>(status.into_http::<tonic::body::Body>()), given)
    }

    #[test]
    fn refusals_and_answers_are_no_failures() {
        let second = Duration::from_secs(1);
        let overloaded = status::overloaded("deposit.thincore", "OVERLOADED", "too much");
        assert_eq!(says(overloaded, second), Verdict::Works);
        for code in [Code::FailedPrecondition, Code::NotFound, Code::InvalidArgument] {
            assert_eq!(says(Status::new(code, "no"), second), Verdict::Works, "{code:?}");
        }
        let fine = Ok::<_, Infallible>(Response::new(()));
        assert_eq!(verdict(&fine, second), Verdict::Works);
    }

    #[test]
    fn no_answer_is_a_failure_unless_there_was_no_time_for_one() {
        let second = Duration::from_secs(1);
        for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::DeadlineExceeded] {
            assert_eq!(says(Status::new(code, "no"), second), Verdict::Fails, "{code:?}");
        }
        let broken = Status::new(Code::ResourceExhausted, "h2 went away");
        assert_eq!(says(broken, second), Verdict::Fails);
        assert_eq!(verdict(&Err::<Response<()>, _>("reset"), second), Verdict::Fails);
        assert_eq!(says(Status::new(Code::DeadlineExceeded, "no"), ms(50)), Verdict::Unclear);
        assert_eq!(says(Status::new(Code::Cancelled, "no"), second), Verdict::Unclear);
    }
}
