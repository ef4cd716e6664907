//! The operations port: HTTP, for those who run the service. It answers whatever the gRPC port is doing.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `/livez`: the process runs. `/readyz`: it can work. `/metrics`: for Prometheus.
pub(crate) fn router(
    ready: impl Fn() -> bool + Clone + Send + Sync + 'static,
    metrics: Option<PrometheusHandle>,
) -> Router {
    let readyz = move || {
        let answer = if ready() {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        };
        std::future::ready(answer)
    };
    let metrics = move || {
        let text = metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
        std::future::ready(text)
    };
    Router::new()
        .route("/livez", get(|| std::future::ready("alive\n")))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the operations port failed");
    }
}
