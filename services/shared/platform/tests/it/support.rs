//! A service that serves the deposit contract with a handler that the test brings, and ways to call it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use platform::client::{self, Channel};
use platform::config::{ClientConfig, ServerConfig, TlsConfig};
use platform::tls::{self, Credentials};
use platform::{Server, Serving};
use testkit::certificates::{Authority, Issued};
use testkit::trust::Trust;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

pub const TRANSFER: &str = "/bank.deposit.v1.DepositService/Transfer";
pub const RELEASE_HOLD: &str = "/bank.deposit.v1.DepositService/ReleaseHold";
pub const FREEZE: &str = "/bank.deposit.v1.DepositService/FreezeAccount";

type Answer = Pin<Box<dyn Future<Output = Result<Response<()>, Status>> + Send>>;
type Handler = Arc<dyn Fn(Request<()>) -> Answer + Send + Sync>;

/// The deposit service, as far as the platform can tell.
#[derive(Clone)]
pub struct Stub(Handler);

impl Stub {
    pub fn new<F>(handler: impl Fn(Request<()>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        Self(Arc::new(move |request| {
            let answer = handler(request);
            Box::pin(async move { answer.await.map(Response::new) })
        }))
    }

    /// Answers at once.
    pub fn quick() -> Self {
        Self::new(|_| async { Ok(()) })
    }

    /// Never answers.
    pub fn stuck() -> Self {
        Self::new(|_| std::future::pending())
    }
}

impl NamedService for Stub {
    const NAME: &'static str = "bank.deposit.v1.DepositService";
}

impl UnaryService<()> for Stub {
    type Response = ();
    type Future = Answer;

    fn call(&mut self, request: Request<()>) -> Answer {
        (self.0)(request)
    }
}

impl tower::Service<http::Request<Body>> for Stub {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let stub = self.clone();
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<(), ()>::default()).unary(stub, request).await)
        })
    }
}

/// Ports that are free, and short times.
pub fn config() -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        operations_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        drain_ms: 5_000,
        default_deadline_ms: 5_000,
        unprotected: false,
        connections_max: 1_024,
        connection_age_max_s: 600,
    }
}

/// The certificate of an identity, from the authority of these tests.
pub fn credentials(identity: &str) -> Arc<Credentials> {
    let issued = Authority::of_this_process().issue_for_a_day(identity).unwrap();
    credentials_of(&issued)
}

/// Any certificate. The authority of these tests is believed.
pub fn credentials_of(issued: &Issued) -> Arc<Credentials> {
    let directory = tempfile::tempdir().unwrap();
    let once = TlsConfig { reload_ms: 3_600_000, ..files_in(directory.path(), issued) };
    Credentials::load(&once).unwrap()
}

/// Writes a certificate into files that are looked at often. The authority of these tests is believed.
pub fn files_in(directory: &Path, issued: &Issued) -> TlsConfig {
    let files = issued.save(directory).unwrap();
    TlsConfig {
        certificate_file: files.certificate,
        key_file: files.key,
        ca_file: Authority::of_this_process().save_certificate(directory).unwrap(),
        reload_ms: 10,
    }
}

/// A server of this process.
pub struct Running {
    pub address: SocketAddr,
    pub operations: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub async fn of(stub: Stub) -> Self {
        Self::with(&config(), |server| server, stub).await
    }

    pub async fn with(
        config: &ServerConfig,
        settings: impl FnOnce(Server) -> Server,
        stub: Stub,
    ) -> Self {
        let server = Server::new("deposit", config, proto::DESCRIPTORS).unwrap();
        let server = server.credentials(Some(credentials("service/deposit")));
        Self::serving(settings(server).serve(stub).unwrap()).await
    }

    async fn serving(serving: Serving) -> Self {
        let bound = serving.bind().await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        Self {
            address: bound.address(),
            operations: bound.operations_address(),
            stop: Some(stop),
            ended: tokio::spawn(bound.until(async move { drop(stopped.await) })),
        }
    }

    /// Tells it to end.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until it has ended.
    pub async fn ended(self) -> anyhow::Result<()> {
        within(self.ended).await.unwrap()
    }

    pub fn url(&self) -> ClientConfig {
        ClientConfig { url: format!("https://{}", self.address) }
    }

    /// A connection of the service `name`, as services make them.
    pub fn channel(&self, name: &'static str) -> Channel {
        let credentials = credentials(&format!("service/{name}"));
        client::connect_lazy(name, "deposit", &self.url(), Some(&credentials)).unwrap()
    }

    /// A connection of somebody who does not use our client, with a certificate.
    pub fn caller(&self, identity: &str) -> tonic::transport::Channel {
        self.with_credentials(&credentials(identity))
    }

    pub fn with_credentials(&self, credentials: &Arc<Credentials>) -> tonic::transport::Channel {
        tls::channel(credentials, "service/deposit", &self.url().url, |endpoint| endpoint).unwrap()
    }

    /// What the operations port answers to whoever has this certificate, or none.
    pub async fn page(&self, path: &str, identity: Option<&str>) -> (u16, String) {
        let trust = match identity {
            Some(identity) => Trust::of_this_process(identity),
            None => Trust::anonymous(Authority::of_this_process().certificate_pem()),
        };
        let url = format!("https://{}{path}", self.operations);
        testkit::http::get(&url, Some(&trust.unwrap()), Duration::from_secs(20)).await.unwrap()
    }
}

/// Calls a method.
pub async fn call<C>(channel: C, path: &'static str, request: Request<()>) -> Result<(), Status>
where
    C: GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static(path);
    client.unary(request, path, ProstCodec::<(), ()>::default()).await.map(Response::into_inner)
}

pub fn with(mut request: Request<()>, key: &'static str, value: &'static str) -> Request<()> {
    request.metadata_mut().insert(key, value.parse().unwrap());
    request
}

/// Bounds a test that would otherwise hang.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("took too long")
}

/// Looks again and again until it is so.
pub async fn eventually<F: Future<Output = bool>>(mut so: impl FnMut() -> F) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !so().await {
        assert!(Instant::now() < limit, "it did not become so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
