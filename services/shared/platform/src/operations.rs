//! The pages of the operations port, for those who run the service. They answer whatever the gRPC port is doing.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::identity::Identity;
use crate::policy::Role;
use crate::tls::Peer;

/// `/livez`: the process runs. `/readyz`: it can work. `/metrics`: for Prometheus, which needs the certificate of an
/// operator or auditor, as metrics tell how much business the bank does.
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
        .route("/metrics", get(metrics))
        .layer(from_fn(for_operators))
        .route("/livez", get(|| std::future::ready("alive\n")))
        .route("/readyz", get(readyz))
}

async fn for_operators(request: Request, next: Next) -> Response {
    let refused = refusal(request.extensions().get::<Peer>(), request.headers());
    match refused {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(peer: Option<&Peer>, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let expired = peer.is_some_and(Peer::has_expired);
    match peer {
        Some(Peer::Unprotected) => None,
        Some(Peer::Certified(_)) if !expired => {
            let identity = Identity::of(peer, headers);
            let allowed = identity.has_any(&[Role::Operator, Role::Auditor]);
            let answer = "an operator's or auditor's certificate is needed\n";
            (!allowed).then_some((StatusCode::FORBIDDEN, answer))
        }
        _ => Some((StatusCode::UNAUTHORIZED, "a valid client certificate is needed\n")),
    }
}
