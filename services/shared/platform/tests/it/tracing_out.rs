//! Traces and metrics as the outside receives them.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use platform::config::TelemetryConfig;
use platform::telemetry;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::support::{Running, Stub, TRANSFER, call, config, with, within};

/// A collector that keeps what it receives.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request
            .into_inner()
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

fn collector() -> (Collector, String) {
    let collector = Collector::default();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", incoming.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming),
    );
    (collector, url)
}

/// One test, since a process has one telemetry.
#[tokio::test(flavor = "multi_thread")]
async fn traced_calls_are_exported_and_every_call_is_counted() {
    let (collector, otlp_endpoint) = collector();
    let settings =
        TelemetryConfig { otlp_endpoint, sample_ratio: 0.0, ..TelemetryConfig::default() };
    let telemetry = telemetry::start("deposit", &settings).unwrap();
    let last = Running::of(Stub::new(|_| async {
        let _work = tracing::info_span!("work").entered();
        Ok(())
    }))
    .await;
    let next = last.channel("loan");
    let stub = Stub::new(move |_| call(next.clone(), TRANSFER, Request::new(())));
    let first = Running::with(&config(), |server| server.telemetry(&telemetry), stub).await;
    let channel = first.caller("channel/a");

    let sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let unsampled = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-00";
    call(channel.clone(), TRANSFER, with(Request::new(()), "traceparent", sampled)).await.unwrap();
    call(channel.clone(), TRANSFER, with(Request::new(()), "traceparent", unsampled))
        .await
        .unwrap();
    call(first.caller("auditor/a"), TRANSFER, Request::new(())).await.unwrap_err();
    let metrics = first.page("/metrics", Some("auditor/1")).await.1;
    within(telemetry.flush()).await;

    let spans = collector.0.lock().unwrap();
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [TRANSFER, TRANSFER, "work"]);
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes().to_vec();
    assert!(spans.iter().all(|span| span.trace_id == trace), "{spans:?}");
    let parent_of = |span: &Span| span.parent_span_id.clone();
    let outer = spans.iter().find(|s| parent_of(s) == 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    let inner = spans.iter().find(|s| parent_of(s) == outer.unwrap().span_id);
    assert_eq!(inner.unwrap().name, TRANSFER);
    let counted = |code: &str, caller: &str| {
        metrics.lines().any(|line| {
            line.starts_with("rpc_requests_total{")
                && [r#"method="Transfer""#, code, caller].iter().all(|label| line.contains(label))
        })
    };
    assert!(counted(r#"code="OK""#, r#"caller="channel""#), "{metrics}");
    assert!(counted(r#"code="OK""#, r#"caller="service""#), "{metrics}");
    assert!(counted(r#"code="PERMISSION_DENIED""#, r#"caller="auditor""#), "{metrics}");
    assert!(metrics.contains("rpc_duration_seconds_bucket"), "{metrics}");
}
