//! What loan shows of its business: every metric of its own, what a batch adds to them, and a look at what is open.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Currency};
use metrics::Unit;
use platform::db::{self, Freshness, ReadPool};
use platform::telemetry::{self, Metric, counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::commands::Answer;
use crate::domain::{
    Changes, Decision, Kind, Movement, MovementKind, MovementStatus, Outcome, Rejection,
};
use crate::store::read;

const METRICS: &[Metric] = &[
    counter("loan_done_total", Unit::Count, "Requests that were done, by kind."),
    counter(
        "loan_refused_total",
        Unit::Count,
        "Requests that the bank refused, by kind and reason.",
    ),
    counter(
        "loan_replayed_total",
        Unit::Count,
        "Requests that were repeated, and answered as before.",
    ),
    counter(
        "loan_movements_total",
        Unit::Count,
        "Movements of money that ended, by kind, currency and result.",
    ),
    counter("loan_moved_minor_total", Unit::Count, "Minor units that they moved."),
    counter("loan_calculated_total", Unit::Count, "Loans that an end of day calculated."),
    gauge("loan_movements_pending", Unit::Count, "Movements of money that are on their way."),
    gauge(
        "loan_movements_oldest_seconds",
        Unit::Seconds,
        "For how long the oldest of them has been.",
    ),
    gauge(
        "loan_end_of_day_unfinished",
        Unit::Count,
        "Ends of days that were asked for and are not done.",
    ),
    gauge(
        "loan_end_of_day_loans",
        Unit::Count,
        "Loans that the earliest of them has to calculate.",
    ),
    gauge("loan_end_of_day_calculated", Unit::Count, "How many of them are calculated."),
    gauge(
        "loan_business_date_seconds",
        Unit::Seconds,
        "The business date that commands are decided on: its midnight UTC, Unix time.",
    ),
];

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Tells what the metrics are. Those that somebody is called for begin at zero, so that the first is seen.
pub fn describe() {
    telemetry::describe(METRICS);
    let reason = Rejection::RequestIdReused.code();
    for kind in Kind::ALL {
        let refused = metrics::counter!(
            "loan_refused_total", "kind" => kind.code(), "reason" => reason
        );
        refused.increment(0);
    }
    metrics::counter!("loan_replayed_total").increment(0);
    metrics::counter!("loan_calculated_total").increment(0);
}

/// What a batch adds to the counters, once it is committed.
#[derive(Debug, Default)]
pub struct Tally {
    decided: Vec<(Kind, Decision)>,
    replayed: u64,
    moved: Vec<(MovementKind, MovementStatus, Currency, i64)>,
}

impl Tally {
    /// Of what a batch answers, and of what it changes.
    pub fn of(answers: &[Answer], changes: &Changes) -> Self {
        let decided: Vec<_> =
            changes.outcomes.iter().map(|outcome| (outcome.kind, outcome.decision)).collect();
        let mut tally = Self { decided, ..Self::default() };
        let mut fresh: Vec<&Outcome> = changes.outcomes.iter().collect();
        for answer in answers {
            let Answer::Decided(outcome) = answer else { continue };
            match fresh.iter().position(|one| one.request_id == outcome.request_id) {
                Some(first) => drop(fresh.swap_remove(first)),
                None => tally.replayed += 1,
            }
            // Answered, and not recorded.
            if outcome.decision == Decision::Refused(Rejection::RequestIdReused) {
                tally.decided.push((outcome.kind, outcome.decision));
            }
        }
        let moved = |one: &Movement| (one.kind, one.status, one.currency, one.moved_minor);
        tally.moved = changes.ended.iter().map(moved).collect();
        tally
    }

    /// Adds it to the counters.
    pub fn count(self) {
        for (kind, decision) in self.decided {
            let kind = kind.code();
            match decision {
                Decision::Done => metrics::counter!("loan_done_total", "kind" => kind).increment(1),
                Decision::Refused(rejection) => metrics::counter!(
                    "loan_refused_total", "kind" => kind, "reason" => rejection.code()
                )
                .increment(1),
            }
        }
        if self.replayed > 0 {
            metrics::counter!("loan_replayed_total").increment(self.replayed);
        }
        for (kind, status, currency, minor) in self.moved {
            let labels = [
                ("kind", kind.code().to_owned()),
                ("currency", currency.to_string()),
                ("result", status.code().to_owned()),
            ];
            metrics::counter!("loan_movements_total", &labels).increment(1);
            let [kind, currency, _] = labels;
            let minor = u64::try_from(minor).unwrap_or_default();
            metrics::counter!("loan_moved_minor_total", &[kind, currency]).increment(minor);
        }
    }
}

/// Looks at what is open and the business date until `stop`.
pub async fn watch(pool: ReadPool, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        // Without an answer the last ones stand; that the database does not answer shows elsewhere.
        if let Ok(standing) = look(&pool).await {
            standing.show(clock.as_ref());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(pool: &ReadPool) -> Result<read::Standing, db::Error> {
    let mut reader = pool.reader(Freshness::Any).await?;
    read::standing(reader.conn()).await
}

impl read::Standing {
    fn show(&self, clock: &dyn Clock) {
        let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("loan_movements_pending").set(count(self.pending));
        let age = self.pending_since.map(|since| clock.now().signed_duration_since(since));
        let age = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
        metrics::gauge!("loan_movements_oldest_seconds").set(age.as_secs_f64());
        metrics::gauge!("loan_end_of_day_unfinished").set(count(self.unfinished));
        let (loans, calculated) = self.progress;
        metrics::gauge!("loan_end_of_day_loans").set(count(loans));
        metrics::gauge!("loan_end_of_day_calculated").set(count(calculated));
        if let Some(date) = self.business_date {
            let midnight = date.as_date().and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
            let midnight = u32::try_from(midnight).unwrap_or_default();
            metrics::gauge!("loan_business_date_seconds").set(midnight);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kernel::{BusinessDate, RequestId, SystemClock};

    use super::*;

    fn outcome(kind: Kind, decision: Decision) -> Outcome {
        Outcome {
            request_id: RequestId::generate(&SystemClock),
            fingerprint: 0,
            kind,
            decision,
            loan_id: None,
            subject_id: None,
            amount_minor: 0,
            currency: Currency::CNY,
            business_date: BusinessDate::parse("2026-11-23").unwrap(),
            decided_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_decision_is_counted_once_and_replays_apart() {
        let done = outcome(Kind::Quote, Decision::Done);
        let refused = outcome(Kind::Repayment, Decision::Refused(Rejection::LoanBusy));
        let other_content = outcome(Kind::Quote, Decision::Refused(Rejection::RequestIdReused));
        let changes =
            Changes { outcomes: vec![done.clone(), refused.clone()], ..Changes::default() };
        let answers = [done.clone(), refused, done, other_content].map(Answer::Decided);

        let tally = Tally::of(&answers, &changes);

        let seen: Vec<_> = tally.decided.iter().map(|(_, decision)| decision.code()).collect();
        assert_eq!(seen, ["DONE", "LOAN_BUSY", "REQUEST_ID_REUSED"]);
        assert_eq!(tally.replayed, 2);
    }
}
