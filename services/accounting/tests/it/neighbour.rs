//! What deposit, loan and card say to GetDayTotals, for tests of this service alone: the contract over a real socket, with
//! totals that a test can make wrong. The system tests hold the real services against the real ledger.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proto::{card::v1 as card, deposit::v1 as deposit, loan::v1 as loan};
use testkit::trust::serving_as;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Which service it is, and its words for the question and the answer.
pub trait Contract: Send + Sync + 'static {
    /// As its certificate names it.
    const CALLED: &'static str;
    /// As the contract names it.
    const SERVICE: &'static str;
    /// One of its totals.
    type Total: Send;
    /// The question.
    type Request: prost::Message + Default + 'static;
    /// The answer.
    type Response: prost::Message + Default + Clone + 'static;

    /// The date that is asked for.
    fn date(request: Self::Request) -> String;
    /// The answer.
    fn answer(totals: Vec<Self::Total>, undelivered_batches: i64) -> Self::Response;
}

/// A service, as far as the tie-out knows it. All three have the same words, each in a package of its own.
macro_rules! contract {
    ($(#[doc = $meaning:literal])+ $Name:ident, $package:ident, $called:literal, $service:literal) => {
        $(#[doc = $meaning])+
        pub struct $Name;

        impl Contract for $Name {
            const CALLED: &'static str = $called;
            const SERVICE: &'static str = $service;
            type Total = $package::DayTotal;
            type Request = $package::GetDayTotalsRequest;
            type Response = $package::GetDayTotalsResponse;

            fn date(request: Self::Request) -> String {
                request.business_date
            }

            fn answer(totals: Vec<Self::Total>, undelivered_batches: i64) -> Self::Response {
                Self::Response { totals, undelivered_batches }
            }
        }
    };
}

contract! {
    /// Deposit.
    OfDeposit, deposit, "service/deposit", "bank.deposit.v1.DepositService"
}
contract! {
    /// Loan.
    OfLoan, loan, "service/loan", "bank.loan.v1.LoanService"
}
contract! {
    /// Card.
    OfCard, card, "service/card", "bank.card.v1.CardService"
}

/// A deposit service.
pub type Deposit = Neighbour<OfDeposit>;
/// A loan service.
pub type Loan = Neighbour<OfLoan>;
/// A card service.
pub type Card = Neighbour<OfCard>;

/// A service that has booked nothing until a test says otherwise.
pub struct Neighbour<C: Contract> {
    state: Arc<Mutex<State<C>>>,
}

struct State<C: Contract> {
    answer: C::Response,
    asked: Vec<String>,
}

impl<C: Contract> Clone for Neighbour<C> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state) }
    }
}

impl<C: Contract> Neighbour<C> {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let state = State { answer: C::Response::default(), asked: Vec::new() };
        let neighbour = Self { state: Arc::new(Mutex::new(state)) };
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as(C::CALLED).unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(neighbour.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (neighbour, address)
    }

    /// From now on it answers this.
    pub fn says(&self, totals: Vec<C::Total>, undelivered_batches: i64) {
        self.state.lock().unwrap().answer = C::answer(totals, undelivered_batches);
    }

    /// The dates that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl<C: Contract> UnaryService<C::Request> for Neighbour<C> {
    type Response = C::Response;
    type Future = Ready<Result<Response<C::Response>, Status>>;

    fn call(&mut self, request: Request<C::Request>) -> Self::Future {
        let mut state = self.state.lock().unwrap();
        state.asked.push(C::date(request.into_inner()));
        ready(Ok(Response::new(state.answer.clone())))
    }
}

impl<C: Contract> NamedService for Neighbour<C> {
    const NAME: &'static str = C::SERVICE;
}

impl<C: Contract> Service<http::Request<Body>> for Neighbour<C> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), format!("/{}/GetDayTotals", C::SERVICE));
        let neighbour = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(neighbour, request).await)
        })
    }
}
