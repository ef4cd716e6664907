//! What every call passes before its handler, in this order: trace and metrics, deadline, identity, authorization,
//! traffic control.
//!
//! One layer with the steps in readable order; it runs for every call, so it allocates little. Health and reflection
//! pass by: they must answer when nothing else does.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument;

use super::meter::{self, CallMeter, Meter};
use crate::identity::Identity;
use crate::policy::{MethodPolicy, PolicyTable};
use crate::telemetry::CallTrace;
use crate::traffic::{Place, Traffic};
use crate::{deadline, status};

/// What the gate knows of its service.
pub(super) struct Rules {
    domain: String,
    /// What the paths of the service begin with: no handler of its is reached without a policy.
    prefix: String,
    methods: HashMap<String, Arc<Method>>,
    traffic: Traffic,
    default_deadline: Duration,
}

struct Method {
    path: String,
    policy: MethodPolicy,
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
            let method = Method { path: path.to_owned(), policy: policy.clone(), meter };
            (path.to_owned(), Arc::new(method))
        });
        Self {
            domain: format!("{name}.thincore"),
            prefix: format!("/{contract}/"),
            methods: methods.collect(),
            traffic,
            default_deadline,
        }
    }
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
            // Health, reflection, and what is nowhere.
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
        let identity = Identity::of(headers);
        let mut meter = CallMeter::start(&self.method.meter, identity.class(), self.arrived);
        let (place, deadline) = match self.admit(headers, &identity) {
            Ok(admitted) => admitted,
            Err(refused) => {
                meter.ended(refused.code());
                trace.ended(meter::name(refused.code()));
                return Ok(refused.into_http());
            }
        };
        request.extensions_mut().insert(identity);
        let answer = inner.call(request).instrument(trace.span().clone());
        let answer = trace.scope(deadline::scope(Some(deadline), answer));
        let answer = tokio::time::timeout_at(deadline.into(), answer).await;
        drop(place);
        let response = match answer {
            Ok(response) => response?,
            // The handler is dropped here. What it had handed to a lane goes on there.
            Err(_) => self.late("the outcome is unknown until the request is repeated").into_http(),
        };
        meter.ended(code_of(&response));
        trace.ended(meter::name(code_of(&response)));
        Ok(response)
    }

    /// The steps before the handler. What they refuse costs the least that a refusal can.
    fn admit(&self, headers: &HeaderMap, identity: &Identity) -> Result<(Place, Instant), Status> {
        let deadline = self.deadline(headers)?;
        self.authorize(identity)?;
        let place = self.control(identity)?;
        Ok((place, deadline))
    }

    fn deadline(&self, headers: &HeaderMap) -> Result<Instant, Status> {
        let given = deadline::from_headers(headers).map_err(|malformed| {
            let violation = status::FieldViolation::new("grpc-timeout", malformed.to_string());
            status::invalid_argument(&self.rules.domain, vec![violation])
        })?;
        let left = given.unwrap_or(self.rules.default_deadline).saturating_sub(deadline::WAY_BACK);
        if left.is_zero() {
            return Err(self.late("nothing was done"));
        }
        // Years ahead are no deadline.
        Ok(self.arrived.checked_add(left).unwrap_or(self.arrived + self.rules.default_deadline))
    }

    fn authorize(&self, identity: &Identity) -> Result<(), Status> {
        if identity.has_any(&self.method.policy.roles) {
            return Ok(());
        }
        let message = format!("callers of the kind {} may not call this", identity.class());
        Err(status::permission_denied(&self.rules.domain, "ROLE_NOT_ALLOWED", &message))
    }

    fn control(&self, identity: &Identity) -> Result<Place, Status> {
        let policy = &self.method.policy;
        self.rules.traffic.admit(&identity.name, policy).map_err(|shed| {
            let class = policy.criticality.name();
            metrics::counter!("traffic_shed_total", "limit" => shed.limit, "class" => class)
                .increment(1);
            status::shed(&self.rules.domain, &shed, class)
        })
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
    use crate::config::TrafficConfig;

    /// What the gate answers a call of a channel with this deadline, without any client's timer in the way.
    async fn code_for(timeout: &str) -> Code {
        let contract = "bank.deposit.v1.DepositService";
        let policies = PolicyTable::from_descriptors(proto::DESCRIPTORS, contract).unwrap();
        let traffic = Traffic::new(&TrafficConfig::default());
        let patience = Duration::from_secs(5);
        let rules = Rules::new("deposit", contract, &policies, traffic, patience);
        let handler = tower::service_fn(|_: Request<Body>| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let request = Request::builder()
            .uri("/bank.deposit.v1.DepositService/Transfer")
            .header("thincore-caller", "channel/a")
            .header("grpc-timeout", timeout)
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
