//! Which work is traced. Decided once, at the first hop, before a span is made; everything below follows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::propagation;

/// Whether traces go anywhere.
static EXPORTING: AtomicBool = AtomicBool::new(false);
/// Chance of a trace to be recorded that begins here, as a part of 2⁶⁴.
static SAMPLE_BELOW: AtomicU64 = AtomicU64::new(0);

/// From now on traces are recorded, this part of them.
pub(super) fn begin(ratio: f64) {
    SAMPLE_BELOW.store(part_of_all(ratio), Ordering::Relaxed);
    EXPORTING.store(true, Ordering::Relaxed);
}

/// Whether traces go anywhere.
pub(super) fn exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

/// Whether a trace that begins here is recorded.
pub(super) fn chance() -> bool {
    let below = SAMPLE_BELOW.load(Ordering::Relaxed);
    below > 0 && rand::random::<u64>() <= below
}

#[expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a chance, not money; the conversion saturates"
)]
fn part_of_all(ratio: f64) -> u64 {
    (ratio * u64::MAX as f64) as u64
}

/// Follows what has been decided; decides only for work that no call caused.
#[derive(Debug, Clone)]
pub(super) struct Follow;

impl ShouldSample for Follow {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        kind: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|context| context.span().span_context().clone());
        let parent = parent.filter(opentelemetry::trace::SpanContext::is_valid);
        let sampled = match &parent {
            Some(parent) => parent.is_sampled(),
            // The gate makes the span of a call only if the call is traced.
            None if *kind == SpanKind::Server => true,
            // A span made in a call that is not traced would be a trace of its own, of a fragment.
            None => !propagation::in_a_call() && chance(),
        };
        let decision =
            if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let trace_state = parent.map_or(TraceState::NONE, |parent| parent.trace_state().clone());
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_all_are_exact_and_the_rest_is_in_between() {
        assert_eq!(part_of_all(0.0), 0);
        assert_eq!(part_of_all(1.0), u64::MAX);
        assert_eq!(part_of_all(0.5), 1 << 63);
    }
}
