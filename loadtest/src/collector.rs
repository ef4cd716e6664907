//! A receiver for the traces of a bank of our own: what a lab has beside its bank, so that figures include the cost of
//! exporting. It takes every export and counts its spans; looking at them is what collectors are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// An OTLP receiver on a free port of this machine, until dropped.
#[derive(Debug)]
pub struct Collector {
    /// Where services export to.
    pub url: String,
    spans: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Collector {
    /// Listens.
    pub fn start() -> anyhow::Result<Self> {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())
            .map_err(|error| anyhow::anyhow!("{error}"))
            .context("cannot listen for traces")?;
        let url = format!("http://{}", incoming.local_addr()?);
        let spans = Arc::<AtomicU64>::default();
        let service = TraceServiceServer::new(Counter(Arc::clone(&spans)));
        let server = tonic::transport::Server::builder().add_service(service);
        let task = tokio::spawn(async move {
            // It ends with the command; what is not received is not missed.
            server.serve_with_incoming(incoming).await.ok();
        });
        Ok(Self { url, spans, task })
    }

    /// How many spans have arrived.
    pub fn spans(&self) -> u64 {
        self.spans.load(Ordering::Relaxed)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Counter(Arc<AtomicU64>);

#[tonic::async_trait]
impl TraceService for Counter {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
        let spans = scopes.map(|scope| scope.spans.len()).sum::<usize>();
        self.0.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}
