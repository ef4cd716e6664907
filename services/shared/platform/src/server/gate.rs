//! What every call passes before its handler, in this order: trace and metrics, deadline, identity, authorization,
//! traffic control.
//!
//! One layer with the steps in readable order; it runs for every call, so it allocates little. Health passes by, as it
//! must answer when nothing else does, and reflection does for whoever has a role.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, Response};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument;

use super::meter::{self, CallMeter, Meter};
use super::{bodies, unreadable};
use crate::identity::Identity;
use crate::policy::{MethodPolicy, PolicyTable};
use crate::telemetry::CallTrace;
use crate::tls::Peer;
use crate::traffic::{Place, Traffic};
use crate::{deadline, status};

/// What the paths of the reflection services begin with.
const REFLECTION: &str = "/grpc.reflection.";
const NO_ROLE: &str = "ROLE_NOT_ALLOWED";
/// How many times the default a caller's deadline may be.
const DEADLINE_MAX: u32 = 6;

/// What the gate knows of its service.
pub(super) struct Rules {
    domain: Arc<str>,
    /// What the paths of the service begin with: no handler of its is reached without a policy.
    prefix: String,
    methods: HashMap<String, Arc<Method>>,
    traffic: Traffic,
    bodies: Arc<Semaphore>,
    default_deadline: Duration,
}

struct Method {
    path: String,
    policy: Arc<MethodPolicy>,
    meter: Arc<Meter>,
}

impl Rules {
    /// The rules of the service with this name, whose contract's full name is `contract`.
    pub(super) fn new(
        name: &str,
        contract: &str,
        policies: &PolicyTable,
        traffic: Traffic,
        default_deadline: Duration,
    ) -> Self {
        let methods = policies.iter().map(|(path, policy)| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let meter = Arc::new(Meter::new(name));
            let method = Method { path: path.to_owned(), policy: Arc::new(policy.clone()), meter };
            (path.to_owned(), Arc::new(method))
        });
        Self {
            domain: format!("{name}.thincore").into(),
            prefix: format!("/{contract}/"),
            methods: methods.collect(),
            traffic,
            bodies: bodies::budget(),
            default_deadline,
        }
    }

    /// The rules of a port that has no service of its own.
    pub(super) fn none(name: &str) -> Self {
        let traffic = Traffic::default();
        Self::new(name, "", &PolicyTable::default(), traffic, Duration::ZERO)
    }
}

fn may_reflect(request: &Request<Body>) -> bool {
    let peer = request.extensions().get::<Peer>();
    matches!(peer, Some(Peer::Unprotected)) || Identity::of(peer, request.headers()).role.is_some()
}

/// Puts the gate in front of a service.
#[derive(Clone)]
pub(super) struct GateLayer(pub Arc<Rules>);

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, rules: Arc::clone(&self.0) }
    }
}

/// The gate.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Taken now and not when the future first runs: tonic starts its own timer now.
        let arrived = Instant::now();
        // The clone takes the place of the one that is ready.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let path = request.uri().path();
        let Some(method) = self.rules.methods.get(path) else {
            if path.starts_with(&self.rules.prefix) {
                let unknown = Status::unimplemented("the service has no such method").into_http();
                return Box::pin(std::future::ready(Ok(unknown)));
            }
            if path.starts_with(REFLECTION) && !may_reflect(&request) {
                let message = "callers without a role may not see the contract";
                let denied = status::permission_denied(&self.rules.domain, NO_ROLE, message);
                return Box::pin(std::future::ready(Ok(denied.into_http())));
            }
            // Health, reflection, the pages of the operations port, and what is nowhere.
            return Box::pin(inner.call(request));
        };
        let call = Call { rules: Arc::clone(&self.rules), method: Arc::clone(method), arrived };
        Box::pin(call.pass(inner, request))
    }
}

struct Call {
    rules: Arc<Rules>,
    method: Arc<Method>,
    arrived: Instant,
}

impl Call {
    async fn pass<S>(
        self,
        mut inner: S,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let headers = request.headers();
        let trace = CallTrace::begin(headers, &self.method.path);
        let peer = request.extensions().get::<Peer>();
        let identity = Identity::of(peer, headers);
        let mut meter = CallMeter::start(&self.method.meter, identity.class(), self.arrived);
        let (place, deadline) = match self.admit(headers, peer, &identity) {
            Ok(admitted) => admitted,
            Err(refused) => {
                meter.ended(refused.code());
                trace.ended(meter::name(refused.code()));
                return Ok(refused.into_http());
            }
        };
        let extensions = request.extensions_mut();
        extensions.insert(identity);
        extensions.insert(Arc::clone(&self.method.policy));
        let Rules { bodies, domain, .. } = &*self.rules;
        let request = request.map(|body| bodies::bounded(body, bodies, domain));
        let answer = inner.call(request).instrument(trace.span().clone());
        let answer = trace.scope(deadline::scope(Some(deadline), answer));
        let answer = tokio::time::timeout_at(deadline.into(), answer).await;
        drop(place);
        let response = match answer {
            Ok(response) => {
                let response = response?;
                unreadable::explain(&self.rules.domain, code_of(&response), response)
            }
            // The handler is dropped here. What it had handed to a lane goes on there.
            Err(_) => self.late("the outcome is unknown until the request is repeated").into_http(),
        };
        meter.ended(code_of(&response));
        trace.ended(meter::name(code_of(&response)));
        Ok(response)
    }

    /// The steps before the handler. What they refuse costs the least that a refusal can.
    fn admit(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        identity: &Identity,
    ) -> Result<(Place, Instant), Status> {
        let deadline = self.deadline(headers)?;
        self.authorize(peer, identity)?;
        let place = self.control(identity)?;
        Ok((place, deadline))
    }

    fn deadline(&self, headers: &HeaderMap) -> Result<Instant, Status> {
        let given = deadline::from_headers(headers).map_err(|malformed| {
            let violation = status::FieldViolation::new("grpc-timeout", malformed.to_string());
            status::invalid_argument(&self.rules.domain, vec![violation])
        })?;
        let default = self.rules.default_deadline;
        // Whoever asks for hours would hold what a call takes, half a message for example, for hours.
        let most = default.saturating_mul(DEADLINE_MAX);
        let left = given.unwrap_or(default).min(most).saturating_sub(deadline::WAY_BACK);
        if left.is_zero() {
            return Err(self.late("nothing was done"));
        }
        Ok(self.arrived.checked_add(left).unwrap_or(self.arrived))
    }

    fn authorize(&self, peer: Option<&Peer>, identity: &Identity) -> Result<(), Status> {
        let unproven =
            |reason, message| Err(status::unauthenticated(&self.rules.domain, reason, message));
        match peer {
            Some(Peer::Unprotected) => Ok(()),
            None | Some(Peer::Nobody) => {
                unproven("CERTIFICATE_REQUIRED", "the connection has no client certificate")
            }
            Some(peer) if peer.has_expired() => {
                unproven("CERTIFICATE_EXPIRED", "the certificate has expired since it connected")
            }
            Some(_) if identity.has_any(&self.method.policy.roles) => Ok(()),
            Some(_) => {
                let message = format!("callers of the kind {} may not call this", identity.class());
                Err(status::permission_denied(&self.rules.domain, NO_ROLE, &message))
            }
        }
    }

    fn control(&self, identity: &Identity) -> Result<Place, Status> {
        let policy = &self.method.policy;
        let class = policy.criticality.name();
        let admitted = self.rules.traffic.admit(&identity.name, policy);
        admitted.map_err(|shed| status::shed(&self.rules.domain, &shed, class))
    }

    fn late(&self, consequence: &str) -> Status {
        let message = format!("the deadline passed; {consequence}");
        status::deadline_exceeded(&self.rules.domain, &message)
    }
}

/// An answer that failed has its code in the headers; one that succeeded has it in the trailers, still to come. A stream
/// that fails half-way counts as the success that it began as; no service of ours has one.
fn code_of(response: &Response<Body>) -> Code {
    response
        .headers()
        .get("grpc-status")
        .map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// What the gate answers a call of a channel with this deadline, without any client's timer in the way.
    async fn code_for(timeout: &str) -> Code {
        let contract = "bank.deposit.v1.DepositService";
        let policies = PolicyTable::from_descriptors(proto::DESCRIPTORS, contract).unwrap();
        let traffic = Traffic::default();
        let patience = Duration::from_secs(5);
        let rules = Rules::new("deposit", contract, &policies, traffic, patience);
        let handler = tower::service_fn(|_: Request<Body>| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let request = Request::builder()
            .uri("/bank.deposit.v1.DepositService/Transfer")
            .header("grpc-timeout", timeout)
            .extension(Peer::Unprotected)
            .body(Body::empty())
            .unwrap();

        code_of(&GateLayer(Arc::new(rules)).layer(handler).call(request).await.unwrap())
    }

    #[tokio::test]
    async fn a_deadline_that_passes_before_or_in_the_handler_is_deadline_exceeded() {
        assert_eq!(code_for("0m").await, Code::DeadlineExceeded);
        assert_eq!(code_for("900u").await, Code::DeadlineExceeded);
        assert_eq!(code_for("20m").await, Code::DeadlineExceeded);
        assert_eq!(code_for("5S").await, Code::Ok);
        assert_eq!(code_for("never").await, Code::InvalidArgument);
    }
}
