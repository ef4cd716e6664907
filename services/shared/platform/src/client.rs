//! How a service calls another: its name, the trace and what is left of the deadline go with each call.
//!
//! Nothing here retries by itself: only a call that is idempotent by its request id may be repeated, and only its
//! caller knows that.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use rand::RngExt;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Code, Status, TimeoutExpired};
use tower::Service;

use crate::config::ClientConfig;
use crate::identity::CALLER_METADATA;
use crate::{deadline, status, telemetry};

/// The time that a hop keeps for itself of what is left: for the answer's way back.
const MARGIN: Duration = Duration::from_millis(5);
/// The deadline of a call outside any other call.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// A connection to a service; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    inner: tonic::transport::Channel,
    caller: HeaderValue,
}

/// Connects when first used, and again whenever needed: services may start in any order.
///
/// # Errors
/// The address is no URL.
pub fn connect_lazy(service: &'static str, config: &ClientConfig) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(config.url.clone())?
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(10)))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // Calls that are given up at their deadline are resets of ours; they must not end the connection.
        .http2_max_local_error_reset_streams(None);
    let caller = HeaderValue::from_str(&format!("service/{service}"))?;
    Ok(Channel { inner: endpoint.connect_lazy(), caller })
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
        let headers = request.headers_mut();
        deadline::to_headers(headers, left);
        telemetry::inject(headers);
        headers.insert(CALLER_METADATA, self.caller.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(left, answer).await {
                // tonic's own timer, which reads the same header, would make it CANCELLED.
                Ok(Err(error)) if is_timeout(&error) => Ok(late()),
                Ok(answer) => answer,
                Err(_) => Ok(late()),
            }
        })
    }
}

fn late() -> Response<Body> {
    let message = "the deadline passed before the service answered";
    status::deadline_exceeded("client.thincore", message).into_http()
}

fn is_timeout(error: &tonic::transport::Error) -> bool {
    causes(error).any(<dyn Error>::is::<TimeoutExpired>)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Makes a call up to three times while there is no answer and the deadline allows. Only for calls whose repetition has
/// no further effect, since a call without an answer may have had its effect.
///
/// # Errors
/// The last answer.
pub async fn retry_idempotent<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut pause = Duration::from_millis(20);
    let mut attempts_left = 2;
    loop {
        let status = match call().await {
            Err(status) if is_no_answer(&status) => status,
            answer => return answer,
        };
        let jitter = Duration::from_millis(rand::rng().random_range(0..=20));
        let too_late = deadline::remaining().is_some_and(|left| left < pause + jitter + MARGIN);
        if attempts_left == 0 || too_late {
            return Err(status);
        }
        attempts_left -= 1;
        tokio::time::sleep(pause + jitter).await;
        pause *= 3;
    }
}

/// The service says that it cannot, or the connection broke; the latter has many codes, RESOURCE_EXHAUSTED among them,
/// but always our own transport as its cause.
fn is_no_answer(status: &Status) -> bool {
    let transport = status
        .source()
        .is_some_and(|cause| causes(cause).any(<dyn Error>::is::<tonic::transport::Error>));
    status.code() == Code::Unavailable || transport
}
