//! What a service shows of itself: logs as JSON with trace ids, traces over OTLP, metrics for Prometheus.
//!
//! A call is traced when its caller's trace is sampled, or by chance (`telemetry.sample_ratio`). A call that is not
//! traced makes no span at all: that is what keeps tracing cheap at thousands of calls a second. Its log lines carry a
//! trace id all the same (`trace_id`), and the services that it calls log the same one.

mod link;
mod logs;
mod metrics;
mod process;
mod propagation;
mod sampling;

pub use self::metrics::{Metric, counter, describe, gauge, histogram};
pub use link::SpanLink;
pub use propagation::{CallTrace, current_trace_id, current_traceparent, inject};

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::TelemetryConfig;

/// Latencies in seconds, from half a millisecond to ten seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0];
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// The telemetry of a running service.
pub struct Telemetry {
    metrics: Option<PrometheusHandle>,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// What `/metrics` answers from; `None` where nothing is counted.
    pub fn metrics(&self) -> Option<PrometheusHandle> {
        self.metrics.clone()
    }

    /// Sends what has not been sent; gives up after two seconds.
    pub async fn flush(self) {
        let Some(traces) = self.traces else { return };
        let flushed = tokio::task::spawn_blocking(move || traces.shutdown());
        if tokio::time::timeout(Duration::from_secs(2), flushed).await.is_err() {
            tracing::warn!("the last traces were not sent in time");
        }
    }
}

/// Starts logs, traces and metrics of this process. Call it once, inside the runtime.
///
/// # Errors
/// A setting cannot be used, or telemetry has been started before.
pub fn start(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let metrics = if config.metrics { Some(count(service)?) } else { None };
    let traces = tracer(service, config)?;
    let filter: EnvFilter = config.log.parse()?;
    let export = traces.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            // What this layer keeps in thread-locals is kept by tracing already.
            .with_context_activation(false)
            // Below INFO are the spans of the HTTP/2 library, hundreds for each call; the exporter's own calls would
            // make some too, which would be exported, and so on.
            .with_filter(LevelFilter::INFO)
    });
    let logs = match config.log_format.as_str() {
        "text" => tracing_subscriber::fmt::layer().with_writer(std::io::stderr).boxed(),
        _ => logs::json(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(export).with(logs.with_filter(filter)).try_init()?;
    Ok(Telemetry { metrics, traces })
}

fn count(service: &'static str) -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".into()), &SIZES)?
        .add_global_label("service", service)
        .install_recorder()?;
    describe(metrics::PLATFORM);
    process::began();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            process::look();
            // Else histograms would keep every value until somebody asks.
            upkeep.run_upkeep();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    Ok(handle)
}

fn tracer(
    service: &'static str,
    config: &TelemetryConfig,
) -> anyhow::Result<Option<SdkTracerProvider>> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(&config.otlp_endpoint).build()?;
    sampling::begin(config.sample_ratio);
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampling::Follow)
            .with_resource(Resource::builder().with_service_name(service).build())
            .build(),
    ))
}
