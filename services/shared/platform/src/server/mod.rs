//! How calls come in: one listener for gRPC, with health and reflection beside the service, and the operations port.
//!
//! Both speak TLS and want to see a certificate, except for probes of health. It ends in this order: not ready, so that
//! nobody sends more; no new connections; calls under way finish, or the time to drain is up.

mod bodies;
mod gate;
mod meter;
mod unreadable;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use http::{Request, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;

use crate::config::ServerConfig;
use crate::operations;
use crate::policy::PolicyTable;
use crate::telemetry::Telemetry;
use crate::tls::{Credentials, Door};
use crate::traffic::Traffic;
use gate::{GateLayer, Rules};

type Probe = Arc<dyn Fn() -> bool + Send + Sync>;

/// A server to be, before its service is known.
pub struct Server {
    service: &'static str,
    config: ServerConfig,
    descriptors: &'static [u8],
    traffic: Traffic,
    ready: Probe,
    metrics: Option<PrometheusHandle>,
    credentials: Option<Arc<Credentials>>,
    operations: Option<(Routes, Rules)>,
}

/// A server that is ready to run.
pub struct Serving {
    server: Server,
    routes: Routes,
    rules: Rules,
    health: Health,
}

/// A server that has its ports.
pub struct Bound {
    serving: Serving,
    calls: TcpListener,
    address: SocketAddr,
    operations: TcpListener,
    operations_address: SocketAddr,
}

impl Server {
    /// A server for the service called `service`, with the contract's descriptors.
    ///
    /// # Errors
    /// It is to run unprotected, and an address is not on loopback.
    pub fn new(
        service: &'static str,
        config: &ServerConfig,
        descriptors: &'static [u8],
    ) -> anyhow::Result<Self> {
        for address in [config.listen, config.operations_listen] {
            ensure!(
                !config.unprotected || address.ip().is_loopback(),
                "{service}: will not listen on {address}: unprotected only on a loopback address",
            );
        }
        Ok(Self {
            service,
            config: config.clone(),
            descriptors,
            traffic: Traffic::default(),
            ready: Arc::new(|| true),
            metrics: None,
            credentials: None,
            operations: None,
        })
    }

    /// What the server proves itself with. Without it, it starts only if it is to run unprotected.
    #[must_use]
    pub fn credentials(mut self, credentials: Option<Arc<Credentials>>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Adds a gRPC service to the operations port, behind a gate like that of the service itself.
    ///
    /// # Errors
    /// A method of the service has no policy in the contract.
    pub fn operations<S>(mut self, service: S) -> anyhow::Result<Self>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        // Whoever changes limits must get in while they are reached.
        let rules = self.rules(S::NAME, Traffic::default())?;
        self.operations = Some((Routes::new(service), rules));
        Ok(self)
    }

    fn rules(&self, contract: &str, traffic: Traffic) -> anyhow::Result<Rules> {
        let policies = PolicyTable::from_descriptors(self.descriptors, contract)?;
        let default_deadline = Duration::from_millis(self.config.default_deadline_ms);
        Ok(Rules::new(self.service, contract, &policies, traffic, default_deadline))
    }

    /// Sets the limits; without it the defaults hold.
    #[must_use]
    pub fn traffic(mut self, traffic: &Traffic) -> Self {
        self.traffic = traffic.clone();
        self
    }

    /// What readiness and the health service depend on.
    #[must_use]
    pub fn ready_when(mut self, ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.ready = Arc::new(ready);
        self
    }

    /// Whose metrics the operations port shows.
    #[must_use]
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.metrics = telemetry.metrics();
        self
    }

    /// Adds the one service.
    ///
    /// # Errors
    /// A method of the service has no policy in the contract.
    pub fn serve<S>(self, service: S) -> anyhow::Result<Serving>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let (reporter, health) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.descriptors)
            .build_v1()?;
        ensure!(
            self.config.unprotected || self.credentials.is_some(),
            "{}: has no certificate, and is not to run unprotected",
            self.service
        );
        let rules = self.rules(S::NAME, self.traffic.clone())?;
        let routes = Routes::new(service).add_service(health).add_service(reflection);
        let health = Health { reporter, services: ["", S::NAME] };
        Ok(Serving { server: self, routes, rules, health })
    }
}

impl Serving {
    /// Listens and serves until `shutdown` ends, then lets calls under way finish within `server.drain_ms`.
    ///
    /// # Errors
    /// An address cannot be listened on, or the listener fails.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        self.bind().await?.until(shutdown).await
    }

    /// Listens. Connections wait until [`Bound::until`] runs.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn bind(self) -> anyhow::Result<Bound> {
        let name = self.server.service;
        let bind = |address: SocketAddr| async move {
            let cannot = |error| anyhow!("{name}: cannot listen on {address}: {error}");
            let listener = TcpListener::bind(address).await.map_err(cannot)?;
            let actual = listener.local_addr().map_err(cannot)?;
            anyhow::Ok((listener, actual))
        };
        let (calls, address) = bind(self.server.config.listen).await?;
        let (operations, operations_address) = bind(self.server.config.operations_listen).await?;
        Ok(Bound { serving: self, calls, address, operations, operations_address })
    }
}

impl Bound {
    /// Where calls come in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The operations port.
    pub fn operations_address(&self) -> SocketAddr {
        self.operations_address
    }

    /// Serves until `shutdown` ends, then lets calls under way finish within `server.drain_ms`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Serving { server, routes, rules, health } = self.serving;
        let draining = CancellationToken::new();
        let ready = {
            let (ready, draining) = (Arc::clone(&server.ready), draining.clone());
            move || !draining.is_cancelled() && ready()
        };
        let ended = CancellationToken::new();
        health.report(ready()).await;
        tokio::spawn(health.clone().follow(ready.clone(), ended.clone()));
        let age = Duration::from_secs(server.config.connection_age_max_s);
        let door = |name, certificate_required| Door {
            name,
            credentials: server.credentials.clone(),
            certificate_required,
            connections_max: server.config.connections_max,
        };
        let (routes_beside, rules_beside) = server.operations.unzip();
        let pages = operations::router(ready, server.metrics);
        let beside = Routes::from(match routes_beside {
            Some(routes) => pages.merge(routes.into_axum_router()),
            None => pages,
        });
        let rules_beside = rules_beside.unwrap_or_else(|| Rules::none(server.service));
        let beside = transport(age)
            .accept_http1(true)
            .layer(GateLayer(Arc::new(rules_beside)))
            .add_routes(beside)
            .serve_with_incoming_shutdown(
                door("operations", false).open(self.operations),
                ended.clone().cancelled_owned(),
            );
        let mut beside = tokio::spawn(beside);
        let closing = CancellationToken::new();
        let mut serving = tokio::spawn(
            transport(age)
                .layer(GateLayer(Arc::new(rules)))
                .add_routes(routes)
                .serve_with_incoming_shutdown(
                    door("calls", true).open(self.calls),
                    closing.clone().cancelled_owned(),
                ),
        );
        let (calls, operations) = (self.address, self.operations_address);
        tracing::info!(service = server.service, %calls, %operations, "serving");
        tokio::select! {
            failed = &mut serving => failed??,
            failed = &mut beside => failed?.context("the operations port failed")?,
            () = shutdown => {
                tracing::info!(service = server.service, "draining");
                draining.cancel();
                health.report(false).await;
                closing.cancel();
                let limit = Duration::from_millis(server.config.drain_ms);
                if let Ok(ended) = tokio::time::timeout(limit, &mut serving).await {
                    ended??;
                } else {
                    serving.abort();
                    tracing::warn!("connections were still open when the time to drain was up");
                }
            }
        }
        ended.cancel();
        Ok(())
    }
}

/// The settings of the transport that nobody needs to choose.
fn transport(age: Duration) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        // The caller finishes what it has begun and connects again. (With a grace beside the age, tonic 0.14 would cut
        // the connection instead.)
        .max_connection_age(age)
        .http2_max_header_list_size(16 << 10)
        .max_concurrent_streams(2_048)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        // A burst of deadlines resets many streams at once; h2's default of 20 would end the connection and with it
        // every other call on it.
        .http2_max_pending_accept_reset_streams(Some(10_000))
        .http2_max_local_error_reset_streams(Some(10_000))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
}

/// The health service's answers: for the whole server, and for the service by name.
#[derive(Clone)]
struct Health {
    reporter: HealthReporter,
    services: [&'static str; 2],
}

impl Health {
    async fn report(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Keeps in step with readiness.
    async fn follow(self, ready: impl Fn() -> bool, stop: CancellationToken) {
        let mut reported = None;
        while !stop.is_cancelled() {
            let now = ready();
            if reported.replace(now) != Some(now) {
                self.report(now).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
