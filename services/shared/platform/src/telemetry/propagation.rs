//! W3C trace context, in and out. <https://www.w3.org/TR/trace-context/>

use std::future::Future;

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::sampling::{chance, exporting};

const HEADER: &str = "traceparent";

tokio::task_local! {
    /// The trace that the call belongs to, also when it is not traced.
    static CALL: SpanContext;
}

/// What is known of an incoming call's trace. Every call has a trace id, which its log lines carry and which it passes
/// on; a span is made only for the few that are traced.
pub struct CallTrace {
    span: Span,
    context: SpanContext,
}

impl CallTrace {
    /// A call begins. It is traced if the caller's trace is; without one, by chance.
    pub(crate) fn begin(headers: &HeaderMap, method: &str) -> Self {
        let parent = headers.get(HEADER).and_then(|value| parse(value.to_str().ok()?));
        let sampled = parent.as_ref().map_or_else(chance, SpanContext::is_sampled);
        if !(sampled && exporting()) {
            let context = parent.unwrap_or_else(untraced);
            return Self { span: Span::none(), context };
        }
        let span = tracing::info_span!(
            "rpc",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            rpc.grpc.status = tracing::field::Empty,
        );
        if let Some(parent) = parent {
            set_parent(&span, parent);
        }
        let context = span.context().span().span_context().clone();
        Self { span, context }
    }

    /// A message of another protocol begins, which brings no trace of its own: it is traced by chance.
    pub fn of_message(name: &str) -> Self {
        let none = || Self { span: Span::none(), context: untraced() };
        if !(chance() && exporting()) {
            return none();
        }
        let span = tracing::info_span!(
            "message",
            otel.name = name,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            outcome = tracing::field::Empty,
        );
        if span.is_none() {
            return none();
        }
        let context = span.context().span().span_context().clone();
        Self { span, context }
    }

    /// The span; none where it is not traced.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Runs the handler of this call.
    pub fn scope<F: Future>(&self, handler: F) -> impl Future<Output = F::Output> + use<F> {
        CALL.scope(self.context.clone(), handler)
    }

    /// The message was answered so, or not at all, and whether that is a failure of this side.
    pub fn answered(&self, outcome: &str, failed: bool) {
        if !self.span.is_none() {
            self.span.record("outcome", outcome);
            if failed {
                self.span.record("otel.status_code", "ERROR");
            }
        }
    }

    /// The call ended with this code.
    pub(crate) fn ended(&self, code: &'static str) {
        if !self.span.is_none() {
            self.span.record("rpc.grpc.status", code);
            if !matches!(code, "OK" | "FAILED_PRECONDITION" | "NOT_FOUND" | "INVALID_ARGUMENT") {
                self.span.record("otel.status_code", "ERROR");
            }
        }
    }
}

fn untraced() -> SpanContext {
    let trace = TraceId::from_bytes(rand::random());
    let span = SpanId::from_bytes(rand::random());
    SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, false, TraceState::NONE)
}

/// Whether this task works for a call.
pub(super) fn in_a_call() -> bool {
    CALL.try_with(|_| ()).is_ok()
}

/// Runs work for a call with this context.
pub(super) fn scope<F: Future>(context: SpanContext, work: F) -> impl Future<Output = F::Output> {
    CALL.scope(context, work)
}

/// The trace that the current work belongs to: its span's where there is one, else that of the call.
pub(super) fn current_call() -> Option<SpanContext> {
    current().or_else(|| CALL.try_with(SpanContext::clone).ok())
}

/// The trace id of the call that this task works for, whether it is traced or not.
pub fn current_trace_id() -> Option<String> {
    CALL.try_with(|context| context.trace_id().to_string()).ok()
}

/// The current trace for whoever continues it, as W3C writes it, which says whether it is recorded; empty where the
/// current work belongs to no call.
pub fn current_traceparent() -> String {
    current_call().map(|context| format(&context)).unwrap_or_default()
}

/// Puts the current trace into the headers of an outgoing call. Where the call is not traced it says so: the callee
/// then neither begins a trace of its own nor logs under another id.
pub fn inject(headers: &mut HeaderMap) {
    if let Some(context) = current_call()
        && let Ok(value) = HeaderValue::from_str(&format(&context))
    {
        headers.insert(HEADER, value);
    }
}

/// The trace context of the current span, where it is traced.
pub(super) fn current() -> Option<SpanContext> {
    if !exporting() {
        return None;
    }
    let span = Span::current();
    if span.is_none() {
        return None;
    }
    let context = span.context().span().span_context().clone();
    (context.is_valid() && context.is_sampled()).then_some(context)
}

pub(super) fn set_parent(span: &Span, parent: SpanContext) {
    let context = opentelemetry::Context::new().with_remote_span_context(parent);
    // Fails only for a span that is filtered out, which then has no trace to belong to.
    drop(span.set_parent(context));
}

pub(super) fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

fn format(context: &SpanContext) -> String {
    format!(
        "00-{:032x}-{:016x}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags().to_u8()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_survives() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

        assert_eq!(parse(text).map(|context| format(&context)).as_deref(), Some(text));
    }

    #[test]
    fn other_text_is_ignored() {
        for text in [
            "",
            "00-0-0-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
