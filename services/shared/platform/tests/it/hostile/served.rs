//! The deposit contract with handlers that decode a transfer, whatever is called, and agree.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use proto::deposit::v1 as pb;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

#[derive(Clone)]
pub struct Served;

impl NamedService for Served {
    const NAME: &'static str = "bank.deposit.v1.DepositService";
}

impl UnaryService<pb::TransferRequest> for Served {
    type Response = pb::TransferResponse;
    type Future = Ready<Result<Response<pb::TransferResponse>, Status>>;

    fn call(&mut self, _: Request<pb::TransferRequest>) -> Self::Future {
        ready(Ok(Response::new(pb::TransferResponse::default())))
    }
}

impl tower::Service<http::Request<Body>> for Served {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<_, _>::default()).unary(Served, request).await)
        })
    }
}
