//! Work that belongs to many requests, or to one that ended long ago: its span, and the trace id of its log lines.

use std::future::Future;

use opentelemetry::trace::SpanContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::propagation::{current_call, parse, scope, set_parent};
use super::sampling::exporting;

/// The trace that a piece of work belongs to, whether it is recorded or only has an id.
#[derive(Debug, Clone, Default)]
pub struct SpanLink(Option<SpanContext>);

impl SpanLink {
    /// The current trace.
    pub fn current() -> Self {
        Self(current_call())
    }

    /// The trace named by a W3C traceparent; none where the text is empty or no traceparent.
    pub fn parse(traceparent: &str) -> Self {
        Self(parse(traceparent))
    }

    /// The trace of work that belongs to all of these: the first that is recorded, else the first.
    pub fn first<'a>(links: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let recorded = links.clone().find(|link| link.is_recorded());
        recorded
            .or_else(|| links.clone().find(|link| link.0.is_some()))
            .cloned()
            .unwrap_or_default()
    }

    /// Whether spans of it go anywhere.
    fn is_recorded(&self) -> bool {
        exporting() && self.0.as_ref().is_some_and(SpanContext::is_sampled)
    }

    /// The trace's id, where there is a trace.
    pub fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|context| context.trace_id().to_string())
    }

    /// A span for work that belongs to all of these: a child of the first that is recorded, linked to the others. `make`
    /// is called only where any of them is.
    pub fn span<'a>(links: impl Iterator<Item = &'a Self>, make: impl FnOnce() -> Span) -> Span {
        let recorded = links.filter(|link| link.is_recorded());
        let mut contexts = recorded.filter_map(|link| link.0.clone());
        let Some(first) = contexts.next() else { return Span::none() };
        let span = make();
        set_parent(&span, first);
        for context in contexts {
            span.add_link(context);
        }
        span
    }

    /// A span of this trace for its part in the current work, which is done for many; it links to that work's span.
    pub fn part(&self, make: impl FnOnce() -> Span) -> Span {
        if self.is_recorded() {
            Self::span([self, &Self::current()].into_iter(), make)
        } else {
            Span::none()
        }
    }

    /// Runs work such that its log lines and the calls that it makes carry this trace's id.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(context) => scope(context.clone(), work).await,
            None => work.await,
        }
    }
}
