//! Log lines for machines. tracing-subscriber's own JSON shows the fields of the innermost span only, so that the trace
//! id would be lost inside handlers.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::LookupSpan;

use super::propagation::current_trace_id;

/// One JSON object a line, with the trace id of the call (`trace_id`); of a traced one with its span's ids too.
pub(super) fn json<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let mut layer = json_subscriber::layer()
        .with_writer(writer)
        .with_opentelemetry_ids(true)
        .with_current_span(false)
        .with_span_list(false)
        .flatten_event(true);
    layer.inner_layer_mut().add_dynamic_field("trace_id", |_, _| current_trace_id());
    layer
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use http::{HeaderMap, HeaderValue};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::CallTrace;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_of_a_handler_carries_the_trace_id_of_its_call() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(json(move || writer.clone()));
        let guard = tracing::subscriber::set_default(subscriber);
        let mut headers = HeaderMap::new();
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        headers.insert("traceparent", HeaderValue::from_static(parent));

        CallTrace::begin(&headers, "/x/Y")
            .scope(async { tracing::info!(amount_minor = 7, "posted") })
            .await;
        tracing::info!("outside");
        drop(guard);

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(lines[0]["amount_minor"], 7);
        assert_eq!(lines[0]["message"], "posted");
        assert_eq!(lines[1].get("trace_id"), None);
    }
}
