//! How a service calls another: its certificate proves who it is, and the trace and what is left of the deadline go
//! with each call.
//!
//! Nothing here repeats a call by itself: only the edge of the bank does, by [`Retries`]. A callee that fails is left alone
//! for a moment by its breaker.

mod breaker;
mod retries;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::ensure;
use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Status, TimeoutExpired};
use tower::Service;

use crate::config::ClientConfig;
use crate::identity::CALLER_METADATA;
use crate::tls::{self, Credentials};
use crate::{deadline, status, telemetry};
use breaker::{Breaker, verdict};
pub use retries::Retries;

/// The time that a hop keeps for itself of what is left: for the answer's way back.
const MARGIN: Duration = Duration::from_millis(5);
/// The deadline of a call outside any other call.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// A connection to a service; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    inner: tonic::transport::Channel,
    /// How an unprotected service names itself to another; elsewhere its certificate does.
    caller: Option<HeaderValue>,
    breaker: Arc<Breaker>,
}

/// Connects when first used, and again whenever needed: services may start in any order. Who answers must hold the
/// certificate of the service `callee`.
///
/// # Errors
/// The address is no URL, or is not encrypted although this service has `credentials`, or the other way round.
pub fn connect_lazy(
    service: &'static str,
    callee: &str,
    config: &ClientConfig,
    credentials: Option<&Arc<Credentials>>,
) -> anyhow::Result<Channel> {
    let breaker = Arc::new(Breaker::new(callee));
    let Some(credentials) = credentials else {
        ensure!(
            config.url.starts_with("http://"),
            "{} is encrypted, and this service runs unprotected",
            config.url
        );
        let own_name = HeaderValue::from_str(&format!("service/{service}"))?;
        let endpoint = Endpoint::from_shared(config.url.clone())?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true);
        let inner = transport(endpoint).connect_lazy();
        return Ok(Channel { inner, caller: Some(own_name), breaker });
    };
    let identity = format!("service/{callee}");
    Ok(Channel {
        inner: tls::channel(credentials, &identity, &config.url, transport)?,
        caller: None,
        breaker,
    })
}

/// The settings of the transport that nobody needs to choose.
fn transport(endpoint: Endpoint) -> Endpoint {
    endpoint
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // Calls that are given up at their deadline are resets of ours; they must not end the connection.
        .http2_max_local_error_reset_streams(None)
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // A caller may give one call less time than it has itself.
        let own = deadline::from_headers(request.headers()).ok().flatten();
        let left = deadline::remaining().unwrap_or(DEFAULT_DEADLINE).saturating_sub(MARGIN);
        let left = own.map_or(left, |own| own.min(left));
        if left.is_zero() {
            return Box::pin(std::future::ready(Ok(late())));
        }
        let Some(passage) = self.breaker.pass() else {
            return Box::pin(std::future::ready(Ok(left_alone())));
        };
        let headers = request.headers_mut();
        deadline::to_headers(headers, left);
        telemetry::inject(headers);
        if let Some(caller) = &self.caller {
            headers.insert(CALLER_METADATA, caller.clone());
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = match tokio::time::timeout(left, answer).await {
                // tonic's own timer, which reads the same header, would make it CANCELLED.
                Ok(Err(error)) if is_timeout(&error) => Ok(late()),
                Ok(answer) => answer,
                Err(_) => Ok(late()),
            };
            passage.ended(verdict(&answer, left));
            answer
        })
    }
}

fn late() -> Response<Body> {
    let message = "the deadline passed before the service answered";
    status::deadline_exceeded("client.thincore", message).into_http()
}

fn left_alone() -> Response<Body> {
    let message = "calls to the service fail, so none is made for a moment; nothing was done";
    status::unavailable("client.thincore", "CALLEE_UNAVAILABLE", message).into_http()
}

fn is_timeout(error: &tonic::transport::Error) -> bool {
    causes(error).any(<dyn Error>::is::<TimeoutExpired>)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Whether the connection broke under a call. Such a status has many codes, but always our own transport as its cause.
fn is_broken(status: &Status) -> bool {
    let cause = status.source();
    cause.is_some_and(|cause| causes(cause).any(<dyn Error>::is::<tonic::transport::Error>))
}
