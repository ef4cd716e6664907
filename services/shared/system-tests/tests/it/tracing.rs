//! One transfer, followed through the processes by a collector that speaks OTLP as any other does.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::support::*;

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const CALLER: u64 = 0x00f0_67aa_0ba9_02b7;

/// A collector that keeps what it receives.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        self.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

impl Collector {
    /// Starts to listen, and says where.
    fn start() -> (Self, String) {
        let collector = Self::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, url)
    }

    /// The span of our trace with this name below this one, once it has come.
    async fn child(&self, parent: &[u8], name: &str) -> Span {
        let mut found = None;
        eventually(name, async || {
            let spans = self.0.lock().unwrap();
            let mut ours = spans.iter().filter(|span| span.trace_id == TRACE.to_be_bytes());
            found = ours.find(|span| span.parent_span_id == parent && span.name == name).cloned();
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_follows_a_transfer_from_the_channel_into_the_general_ledger() {
    let (collector, url) = Collector::start();
    let bank = Bank::start_with(|options| {
        options.otlp = Some(url);
        options.trace_ratio = Some(1.0);
    })
    .await;
    let accounts = bank.accounts(&[1_000, 0]).await;
    let mut request = Request::new(transfer(&accounts[0], &accounts[1], 10));
    let traceparent = format!("00-{TRACE:032x}-{CALLER:016x}-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());

    bank.deposit(CHANNEL).transfer(request).await.unwrap();

    let call = "/bank.deposit.v1.DepositService/Transfer";
    let rpc = collector.child(&CALLER.to_be_bytes(), call).await;
    let batch = collector.child(&rpc.span_id, "lane.batch").await;
    let booking = collector.child(&batch.span_id, "accounting.book").await;
    assert_eq!(booking.trace_id, TRACE.to_be_bytes());
}
