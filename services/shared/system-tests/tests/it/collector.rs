//! An OTLP collector that keeps what it receives, and questions about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::support::*;

/// A span, and the service that exported it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub service: String,
    pub span: Span,
}

impl Seen {
    /// The value of an attribute that is text.
    pub fn text(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }

    /// Whether the span says that something went wrong.
    pub fn failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// Whether it links to this span.
    pub fn links_to(&self, span: &Span) -> bool {
        self.span
            .links
            .iter()
            .any(|link| link.span_id == span.span_id && link.trace_id == span.trace_id)
    }
}

/// A collector on a free port.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<ResourceSpans>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

impl Collector {
    /// Starts to listen, and says where.
    pub fn start() -> (Self, String) {
        let collector = Self::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, url)
    }

    /// Pretends that a span with this name was exported.
    pub fn plant(&self, name: &str) {
        let span = Span { name: name.to_owned(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        let planted = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        self.0.lock().unwrap().push(planted);
    }

    /// Everything that was exported, as it came.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(prost::Message::encode_to_vec).collect()
    }

    /// Everything that was exported, as text.
    pub fn everything(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }

    /// Every span so far.
    pub fn seen(&self) -> Vec<Seen> {
        let exported = self.0.lock().unwrap().clone();
        let mut seen = Vec::new();
        for of_service in exported {
            let resource = of_service.resource.unwrap_or_default();
            let service = text(&resource.attributes, "service.name").unwrap_or_default();
            let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
            seen.extend(spans.map(|span| Seen { service: service.clone(), span }));
        }
        seen
    }

    /// The spans of a trace, once there are so many.
    pub async fn trace(&self, trace: u128, count: usize) -> Trace {
        let of_trace = || {
            let seen = self.seen().into_iter();
            seen.filter(|one| one.span.trace_id == trace.to_be_bytes()).collect::<Vec<_>>()
        };
        eventually("the trace has all its spans", async || of_trace().len() >= count).await;
        Trace(of_trace())
    }
}

/// The spans of one trace.
#[derive(Debug)]
pub struct Trace(pub Vec<Seen>);

impl Trace {
    /// The only child of a span with this name.
    pub fn child(&self, parent: &[u8], service: &str, name: &str) -> &Seen {
        let mut found = self.0.iter().filter(|one| {
            one.span.parent_span_id == parent && one.service == service && one.span.name == name
        });
        let child =
            found.next().unwrap_or_else(|| panic!("no {service} {name} in {:#?}", self.outline()));
        assert!(found.next().is_none(), "more than one {service} {name}");
        child
    }

    /// How often each name occurs in each service.
    pub fn outline(&self) -> BTreeMap<(String, String), usize> {
        let mut outline = BTreeMap::new();
        for Seen { service, span } in &self.0 {
            *outline.entry((service.clone(), span.name.clone())).or_default() += 1;
        }
        outline
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?;
    match value.value? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}
