//! Spans of work that belongs to many requests, or to one that ended long ago.

use opentelemetry::trace::SpanContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::propagation::{current, parse, set_parent};

/// The trace that a piece of work belongs to, if it is traced.
#[derive(Debug, Clone, Default)]
pub struct SpanLink(Option<SpanContext>);

impl SpanLink {
    /// The current trace.
    pub fn current() -> Self {
        Self(current())
    }

    /// The trace named by a W3C traceparent; none where the text is empty or no traceparent.
    pub fn parse(traceparent: &str) -> Self {
        Self(parse(traceparent).filter(SpanContext::is_sampled))
    }

    /// A span for work that belongs to all of these: a child of the first, linked to the others. `make` is called only
    /// where any of them is traced.
    pub fn span<'a>(links: impl Iterator<Item = &'a Self>, make: impl FnOnce() -> Span) -> Span {
        let mut contexts = links.filter_map(|link| link.0.clone());
        let Some(first) = contexts.next() else { return Span::none() };
        let span = make();
        set_parent(&span, first);
        for context in contexts {
            span.add_link(context);
        }
        span
    }
}
