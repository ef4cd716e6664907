//! Deliveries: what is answered when some batches of a call are booked and others are not.
//!
//! The answer names the batches that are in the books; the source deletes those and delivers the rest again. So a call
//! succeeds when at least one batch is in the books, and the refused ones show in the log and in
//! `accounting_batches_total`. Only where none is, the call ends as the first refusal: there is no other way to tell
//! why.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use platform::telemetry::SpanLink;
use proto::accounting::v1 as pb;
use tonic::{Response, Status};

use super::parse::{self, Delivered};
use super::{Api, status, written};
use crate::commands::{BatchOutcome, PostBatch};
use crate::domain::{BatchRefusal, EventKind};

/// Which refused batches have been logged. Their source delivers them again and again, several times a second.
#[derive(Default)]
pub struct RefusedBatches(Mutex<HashSet<(String, i64)>>);

/// Beyond so many, what has been logged is forgotten and logged once more.
const REMEMBERED_MAX: usize = 10_000;

impl RefusedBatches {
    fn is_new(&self, source: &str, number: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert((source.to_owned(), number))
    }
}

/// What is counted of a batch, taken before the lanes own it.
struct Counts {
    number: i64,
    trace: SpanLink,
    lag_seconds: f64,
    by_kind: BTreeMap<EventKind, u64>,
}

impl Api {
    pub(super) async fn post(
        &self,
        m: pb::PostEventsRequest,
    ) -> Result<Response<pb::PostEventsResponse>, Status> {
        let source = m.source.clone();
        let delivered = parse::post_events(self.fields(), m, &self.parts.sources);
        let (mut commands, mut counts, mut first_error) = (Vec::new(), Vec::new(), None);
        for one in delivered.map_err(status::invalid)? {
            match one {
                Delivered::Batch(command) => {
                    counts.push(self.counts(&command));
                    commands.push(command);
                }
                Delivered::Malformed(number, refusal) => {
                    self.note_refused(&source, number, &refusal, &SpanLink::default());
                    first_error.get_or_insert(status::batch_refused(number, &refusal));
                }
            }
        }

        let (mut accepted, mut token) = (Vec::with_capacity(commands.len()), None);
        for (outcome, counts) in
            self.parts.posting.submit_all(commands).await.into_iter().zip(counts)
        {
            let committed = match outcome {
                Ok(committed) => committed,
                Err(error) => {
                    first_error.get_or_insert(status::lane(error));
                    continue;
                }
            };
            match committed.outcome {
                BatchOutcome::Booked => count_booked(&counts),
                BatchOutcome::AlreadyBooked => count_batch("duplicate"),
                BatchOutcome::Refused(refusal) => {
                    self.note_refused(&source, counts.number, &refusal, &counts.trace);
                    first_error.get_or_insert(status::batch_refused(counts.number, &refusal));
                    continue;
                }
            }
            accepted.push(counts.number);
            token = Some(committed.token);
        }
        match (token, first_error) {
            (Some(token), _) => {
                let answer = pb::PostEventsResponse { accepted_batch_numbers: accepted };
                Ok(written(answer, &token))
            }
            (None, Some(error)) => Err(error),
            // A delivery has at least one batch, and each is accepted or in error.
            (None, None) => Ok(Response::new(pb::PostEventsResponse::default())),
        }
    }

    fn counts(&self, PostBatch { batch, trace, .. }: &PostBatch) -> Counts {
        let lag = self.parts.clock.now().signed_duration_since(batch.booked_at);
        let mut by_kind = BTreeMap::new();
        for event in &batch.events {
            let count: &mut u64 = by_kind.entry(event.kind).or_default();
            *count = count.saturating_add(1);
        }
        // Clocks of two machines differ: what is booked in the future has no lag.
        let lag_seconds = lag.to_std().unwrap_or_default().as_secs_f64();
        Counts { number: batch.number, trace: trace.clone(), lag_seconds, by_kind }
    }

    fn note_refused(&self, source: &str, number: i64, refusal: &BatchRefusal, trace: &SpanLink) {
        count_batch("refused");
        if self.refused.is_new(source, number) {
            let posting_id = refusal.posting.map(|posting| posting.to_string());
            tracing::warn!(
                source,
                batch_number = number,
                posting_id,
                posting_trace_id = trace.trace_id(),
                reason = refusal.rejection.code(),
                detail = refusal.detail,
                "a batch is not booked; it will be delivered again until somebody puts it right"
            );
        }
    }
}

fn count_batch(outcome: &'static str) {
    metrics::counter!("accounting_batches_total", "outcome" => outcome).increment(1);
}

fn count_booked(counts: &Counts) {
    count_batch("booked");
    metrics::histogram!("accounting_posting_lag_seconds").record(counts.lag_seconds);
    for (kind, count) in &counts.by_kind {
        metrics::counter!("accounting_events_booked_total", "kind" => kind.code())
            .increment(*count);
    }
}
