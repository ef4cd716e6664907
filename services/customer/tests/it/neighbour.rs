//! Deposit's side of CloseOwner, loan's of ListLoans and card's of ListCards, for tests of this service alone: the contract over real
//! sockets, with the memory by request id that the contract promises. The system tests run the same story with the real
//! services.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proto::card::v1::{self as card, ListCardsRequest, ListCardsResponse};
use proto::deposit::v1::{CloseOwnerRequest, CloseOwnerResponse};
use proto::loan::v1::{self as loan, ListLoansRequest, ListLoansResponse, LoanStatus};
use testkit::trust::serving_as;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Deposit, as far as customer knows it.
#[derive(Clone, Default)]
pub struct Deposit {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    has_accounts: bool,
    silent: bool,
    calls: Vec<CloseOwnerRequest>,
    decided: HashMap<String, bool>,
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

    /// From now on every customer has an open account, or none has.
    pub fn has_accounts(&self, has_accounts: bool) {
        self.state.lock().unwrap().has_accounts = has_accounts;
    }

    /// From now on it decides and never answers, or answers again.
    pub fn silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    /// Everything it was asked.
    pub fn calls(&self) -> Vec<CloseOwnerRequest> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Decides, or repeats what it decided. `None` when it is silent.
    fn decide(&self, request: &CloseOwnerRequest) -> Option<Result<CloseOwnerResponse, Status>> {
        let mut state = self.state.lock().unwrap();
        state.calls.push(request.clone());
        let refused = state.has_accounts;
        let refused = *state.decided.entry(request.request_id.clone()).or_insert(refused);
        if state.silent {
            return None;
        }
        if !refused {
            return Some(Ok(CloseOwnerResponse { posting: None }));
        }
        let details =
            ErrorDetails::with_error_info("OWNER_HAS_ACCOUNTS", "deposit.thincore", HashMap::new());
        Some(Err(Status::with_error_details(Code::FailedPrecondition, "open accounts", details)))
    }
}

impl UnaryService<CloseOwnerRequest> for Deposit {
    type Response = CloseOwnerResponse;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<CloseOwnerResponse>, Status>> + Send>>;

    fn call(&mut self, request: Request<CloseOwnerRequest>) -> Self::Future {
        let decided = self.decide(request.get_ref());
        Box::pin(async move {
            match decided {
                Some(answer) => answer.map(Response::new),
                None => std::future::pending().await,
            }
        })
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
        assert_eq!(request.uri().path(), "/bank.deposit.v1.DepositService/CloseOwner");
        let deposit = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(deposit, request).await)
        })
    }
}

/// Loan, as far as customer knows it: one loan to a page.
#[derive(Clone, Default)]
pub struct Loan {
    loans: Arc<Mutex<Vec<LoanStatus>>>,
}

impl Loan {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let loan = Self::default();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as("service/loan").unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(loan.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (loan, address)
    }

    /// From now on every customer has these loans.
    pub fn lists(&self, loans: &[LoanStatus]) {
        *self.loans.lock().unwrap() = loans.to_vec();
    }
}

impl UnaryService<ListLoansRequest> for Loan {
    type Response = ListLoansResponse;
    type Future = std::future::Ready<Result<Response<ListLoansResponse>, Status>>;

    fn call(&mut self, request: Request<ListLoansRequest>) -> Self::Future {
        let loans = self.loans.lock().unwrap().clone();
        let place: usize = request.get_ref().page_token.parse().unwrap_or_default();
        let next = place + 1;
        let here = loans
            .get(place)
            .map(|status| loan::Loan { status: (*status).into(), ..loan::Loan::default() });
        std::future::ready(Ok(Response::new(ListLoansResponse {
            loans: here.into_iter().collect(),
            next_page_token: if next < loans.len() { next.to_string() } else { String::new() },
            as_of: None,
        })))
    }
}

impl NamedService for Loan {
    const NAME: &'static str = "bank.loan.v1.LoanService";
}

impl Service<http::Request<Body>> for Loan {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/bank.loan.v1.LoanService/ListLoans");
        let loan = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(loan, request).await)
        })
    }
}

/// Card, as far as customer knows it: one card to a page.
#[derive(Clone, Default)]
pub struct Card {
    owed_minor: Arc<Mutex<Vec<i64>>>,
}

impl Card {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let card = Self::default();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as("service/card").unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(card.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (card, address)
    }

    /// From now on every customer has cards, and owes this on each.
    pub fn lists(&self, owed_minor: &[i64]) {
        *self.owed_minor.lock().unwrap() = owed_minor.to_vec();
    }
}

impl UnaryService<ListCardsRequest> for Card {
    type Response = ListCardsResponse;
    type Future = std::future::Ready<Result<Response<ListCardsResponse>, Status>>;

    fn call(&mut self, request: Request<ListCardsRequest>) -> Self::Future {
        let owed = self.owed_minor.lock().unwrap().clone();
        let place: usize = request.get_ref().page_token.parse().unwrap_or_default();
        let next = place + 1;
        let here = owed
            .get(place)
            .map(|minor| card::Card { receivable_minor: *minor, ..card::Card::default() });
        std::future::ready(Ok(Response::new(ListCardsResponse {
            cards: here.into_iter().collect(),
            next_page_token: if next < owed.len() { next.to_string() } else { String::new() },
            as_of: None,
        })))
    }
}

impl NamedService for Card {
    const NAME: &'static str = "bank.card.v1.CardService";
}

impl Service<http::Request<Body>> for Card {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/bank.card.v1.CardService/ListCards");
        let card = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(card, request).await)
        })
    }
}
