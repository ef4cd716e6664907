//! What deposit shows of its business: every metric of its own, what a batch adds to them, and a look at its holds.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Currency};
use metrics::Unit;
use platform::db::{self, Freshness, ReadPool};
use platform::telemetry::{self, Metric, counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::domain::{Changes, Decision, HoldStatus, Kind, Outcome, Rejection};
use crate::store::read;

const METRICS: &[Metric] = &[
    counter(
        "deposit_posted_total",
        Unit::Count,
        "Requests that were posted, by kind and currency.",
    ),
    counter("deposit_posted_minor_total", Unit::Count, "Minor units that they moved or reserved."),
    counter(
        "deposit_refused_total",
        Unit::Count,
        "Requests that the bank refused, by kind and reason.",
    ),
    counter(
        "deposit_replayed_total",
        Unit::Count,
        "Requests that were repeated, and answered as before.",
    ),
    counter(
        "deposit_holds_expired_total",
        Unit::Count,
        "Holds that ended because their time was up.",
    ),
    gauge("deposit_holds_active", Unit::Count, "Holds that have not ended."),
    gauge(
        "deposit_holds_overdue_seconds",
        Unit::Seconds,
        "For how long the oldest hold should have ended.",
    ),
    gauge(
        "deposit_business_date_seconds",
        Unit::Seconds,
        "The business date that postings carry: its midnight UTC, Unix time.",
    ),
];

const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Tells what the metrics are. Those that somebody is called for begin at zero, so that the first is seen.
pub fn describe() {
    telemetry::describe(METRICS);
    let reason = Rejection::RequestIdReused.code();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Fenced) {
        let refused = metrics::counter!(
            "deposit_refused_total", "kind" => kind.code(), "reason" => reason
        );
        refused.increment(0);
    }
    metrics::counter!("deposit_replayed_total").increment(0);
    metrics::counter!("deposit_holds_expired_total").increment(0);
}

/// What a batch adds to the counters, once it is committed.
#[derive(Debug, Default)]
pub struct Tally {
    decided: Vec<Decided>,
    replayed: usize,
    expired: usize,
}

/// How often this was decided, and about how much.
#[derive(Debug)]
struct Decided {
    kind: Kind,
    decision: Decision,
    currency: Currency,
    count: u64,
    minor: u64,
}

impl Tally {
    /// Of what a batch answers, and of what it changes.
    pub fn of(answers: &[Outcome], changes: &Changes) -> Self {
        let mut tally = Self::default();
        // A fence is nobody's request.
        let asked = changes.outcomes.iter().filter(|outcome| outcome.kind != Kind::Fenced);
        for outcome in asked {
            tally.add(outcome);
        }
        let decided: u64 = tally.decided.iter().map(|one| one.count).sum();
        tally.replayed = answers.len().saturating_sub(usize::try_from(decided).unwrap_or_default());
        // Answered, and not recorded.
        let reused = Decision::Refused(Rejection::RequestIdReused);
        for outcome in answers.iter().filter(|outcome| outcome.decision == reused) {
            tally.add(outcome);
        }
        let ended = changes.holds.iter().filter(|hold| hold.status == HoldStatus::Expired);
        tally.expired = ended.count();
        tally
    }

    /// A batch decides few different things, so a search through them is quick.
    fn add(&mut self, outcome: &Outcome) {
        let Outcome { kind, decision, currency, .. } = *outcome;
        let minor = u64::try_from(outcome.amount_minor).unwrap_or_default();
        let known = self
            .decided
            .iter_mut()
            .find(|one| one.kind == kind && one.decision == decision && one.currency == currency);
        if let Some(known) = known {
            known.count = known.count.saturating_add(1);
            known.minor = known.minor.saturating_add(minor);
        } else {
            self.decided.push(Decided { kind, decision, currency, count: 1, minor });
        }
    }

    /// Adds it to the counters.
    pub fn count(self) {
        for Decided { kind, decision, currency, count, minor } in self.decided {
            let kind = kind.code();
            match decision {
                Decision::Posted => {
                    let labels = [("kind", kind.to_owned()), ("currency", currency.to_string())];
                    metrics::counter!("deposit_posted_total", &labels).increment(count);
                    metrics::counter!("deposit_posted_minor_total", &labels).increment(minor);
                }
                Decision::Refused(rejection) => metrics::counter!(
                    "deposit_refused_total", "kind" => kind, "reason" => rejection.code()
                )
                .increment(count),
            }
        }
        for (name, count) in [
            ("deposit_replayed_total", self.replayed),
            ("deposit_holds_expired_total", self.expired),
        ] {
            if count > 0 {
                metrics::counter!(name).increment(u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
    }
}

/// Looks at the holds and the business date until `stop`.
pub async fn watch(pool: ReadPool, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        // Without an answer the last ones stand; that the database does not answer shows elsewhere.
        if let Ok(standing) = look(&pool, clock.as_ref()).await {
            standing.show(clock.as_ref());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(pool: &ReadPool, clock: &dyn Clock) -> Result<read::Standing, db::Error> {
    let mut reader = pool.reader(Freshness::Any).await?;
    read::standing(reader.conn(), clock.now()).await
}

impl read::Standing {
    fn show(&self, clock: &dyn Clock) {
        metrics::gauge!("deposit_holds_active").set(u32::try_from(self.holds).unwrap_or(u32::MAX));
        let overdue = self.overdue_since.map(|since| clock.now().signed_duration_since(since));
        let overdue = overdue.and_then(|age| age.to_std().ok()).unwrap_or_default();
        metrics::gauge!("deposit_holds_overdue_seconds").set(overdue.as_secs_f64());
        if let Some(date) = self.business_date {
            let midnight = date.as_date().and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
            let midnight = u32::try_from(midnight).unwrap_or_default();
            metrics::gauge!("deposit_business_date_seconds").set(midnight);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kernel::{BusinessDate, RequestId, SystemClock};

    use super::*;

    fn outcome(kind: Kind, decision: Decision, amount_minor: i64) -> Outcome {
        Outcome {
            request_id: RequestId::generate(&SystemClock),
            fingerprint: 0,
            kind,
            decision,
            debit_account: None,
            credit_account: None,
            amount_minor,
            currency: Currency::CNY,
            subject_id: None,
            business_date: BusinessDate::parse("2026-11-23").unwrap(),
            decided_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_decision_is_counted_once_and_replays_apart() {
        let posted = outcome(Kind::Transfer, Decision::Posted, 10);
        let refused = outcome(Kind::Transfer, Decision::Refused(Rejection::InsufficientFunds), 5);
        let fence = outcome(Kind::Fenced, Decision::Refused(Rejection::ReversedBeforePosted), 0);
        let other_content =
            outcome(Kind::Transfer, Decision::Refused(Rejection::RequestIdReused), 10);
        let changes = Changes {
            outcomes: vec![posted.clone(), posted.clone(), refused.clone(), fence],
            ..Changes::default()
        };
        let answers = [posted.clone(), posted.clone(), refused, posted, other_content];

        let tally = Tally::of(&answers, &changes);

        let seen: Vec<_> =
            tally.decided.iter().map(|one| (one.decision.code(), one.count, one.minor)).collect();
        let expected =
            [("POSTED", 2, 20), ("INSUFFICIENT_FUNDS", 1, 5), ("REQUEST_ID_REUSED", 1, 10)];
        assert_eq!(seen, expected);
        assert_eq!(tally.replayed, 2);
    }
}
