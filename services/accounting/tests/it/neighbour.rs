//! Deposit's side of GetDayTotals, for tests of this service alone: the contract over a real socket, with totals that a
//! test can make wrong. The system tests hold the real deposit against the real ledger.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proto::deposit::v1::{DayTotal, GetDayTotalsRequest, GetDayTotalsResponse};
use testkit::trust::serving_as;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Deposit, as far as the tie-out knows it.
#[derive(Clone, Default)]
pub struct Deposit {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answer: GetDayTotalsResponse,
    asked: Vec<String>,
}

impl Deposit {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let deposit = Self::default();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as("service/deposit").unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(deposit.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (deposit, address)
    }

    /// From now on it answers this.
    pub fn says(&self, totals: Vec<DayTotal>, undelivered_batches: i64) {
        self.state.lock().unwrap().answer = GetDayTotalsResponse { totals, undelivered_batches };
    }

    /// The dates that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl UnaryService<GetDayTotalsRequest> for Deposit {
    type Response = GetDayTotalsResponse;
    type Future = Ready<Result<Response<GetDayTotalsResponse>, Status>>;

    fn call(&mut self, request: Request<GetDayTotalsRequest>) -> Self::Future {
        let mut state = self.state.lock().unwrap();
        state.asked.push(request.into_inner().business_date);
        ready(Ok(Response::new(state.answer.clone())))
    }
}

impl NamedService for Deposit {
    const NAME: &'static str = "bank.deposit.v1.DepositService";
}

impl Service<http::Request<Body>> for Deposit {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/bank.deposit.v1.DepositService/GetDayTotals");
        let deposit = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(deposit, request).await)
        })
    }
}
