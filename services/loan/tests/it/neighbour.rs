//! Deposit and customer, for tests of this service alone: the contract over a real socket, with the memory by request
//! id that the contract promises, and with every way of not answering. The system tests run the same stories with the
//! real services.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proto::common::v1::Money;
use proto::customer::v1 as customer;
use proto::deposit::v1 as pb;
use testkit::trust::serving_as;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// How the neighbour behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Decides and answers.
    Well,
    /// Decides nothing and says that it cannot.
    Down,
    /// Decides, and says that it could not: the answer is lost.
    Forgetful,
    /// Decides, and never answers.
    Silent,
}

/// One account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub customer_id: String,
    /// Its currency.
    pub currency: String,
    /// What is on it.
    pub balance_minor: i64,
    /// Why nothing can be booked; empty where it can.
    pub blocked: &'static str,
}

/// Deposit, as far as loan knows it.
#[derive(Clone)]
pub struct Deposit {
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    accounts: HashMap<String, Account>,
    decided: HashMap<String, Result<pb::Posting, &'static str>>,
    asked: Vec<String>,
}

/// A call that moves money.
struct Call {
    request_id: String,
    account_number: String,
    customer_id: String,
    amount: Money,
    /// Debits, and whether less is enough.
    collects: Option<bool>,
}

impl Deposit {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let state = State {
            mood: Mood::Well,
            accounts: HashMap::new(),
            decided: HashMap::new(),
            asked: Vec::new(),
        };
        let deposit = Self { state: Arc::new(Mutex::new(state)) };
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as("service/deposit").unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(deposit.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (deposit, address)
    }

    /// From now on it behaves like this.
    pub fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// From now on there is this account.
    pub fn has(&self, number: &str, account: Account) {
        self.state.lock().unwrap().accounts.insert(number.to_owned(), account);
    }

    /// What is on an account.
    pub fn balance(&self, number: &str) -> i64 {
        self.state.lock().unwrap().accounts[number].balance_minor
    }

    /// From now on this is on the account.
    pub fn set_balance(&self, number: &str, minor: i64) {
        let mut state = self.state.lock().unwrap();
        state.accounts.get_mut(number).unwrap().balance_minor = minor;
    }

    /// From now on nothing is booked on the account, for this reason; an empty one lifts that.
    pub fn block(&self, number: &str, why: &'static str) {
        self.state.lock().unwrap().accounts.get_mut(number).unwrap().blocked = why;
    }

    /// The request ids of all calls that were to move money.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Decides, or repeats what it decided, and answers as its mood is.
    fn book(&self, call: Call) -> Answer<pb::Posting> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(call.request_id.clone());
        let mood = state.mood;
        if mood == Mood::Down {
            return Box::pin(async { Err(Status::unavailable("down")) });
        }
        let first = state.decided.get(&call.request_id).cloned();
        let decided = first.unwrap_or_else(|| state.decide(&call));
        state.decided.insert(call.request_id, decided.clone());
        Box::pin(async move {
            match mood {
                Mood::Silent => std::future::pending().await,
                Mood::Forgetful => Err(Status::unavailable("the answer is lost")),
                Mood::Well | Mood::Down => decided.map(Response::new).map_err(refused),
            }
        })
    }
}

impl State {
    fn decide(&mut self, call: &Call) -> Result<pb::Posting, &'static str> {
        let account = self.accounts.get_mut(&call.account_number);
        let account = account.filter(|account| account.customer_id == call.customer_id);
        let account = account.ok_or("ACCOUNT_UNKNOWN")?;
        if !account.blocked.is_empty() {
            return Err(account.blocked);
        }
        if account.currency != call.amount.currency_code {
            return Err("CURRENCY_MISMATCH");
        }
        let mut minor = call.amount.amount_minor;
        match call.collects {
            None => account.balance_minor += minor,
            Some(partial) => {
                if partial {
                    minor = minor.min(account.balance_minor);
                }
                if minor <= 0 || minor > account.balance_minor {
                    return Err("INSUFFICIENT_FUNDS");
                }
                account.balance_minor -= minor;
            }
        }
        Ok(pb::Posting {
            posting_id: call.request_id.clone(),
            amount: Some(Money { amount_minor: minor, ..call.amount.clone() }),
            ..pb::Posting::default()
        })
    }
}

fn refused(reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "deposit.thincore", HashMap::new());
    Status::with_error_details(Code::FailedPrecondition, reason, details)
}

struct GetAccount(Deposit);
struct SettleToAccount(Deposit);
struct CollectFromAccount(Deposit);

impl UnaryService<pb::GetAccountRequest> for GetAccount {
    type Response = pb::GetAccountResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, request: Request<pb::GetAccountRequest>) -> Self::Future {
        let number = request.into_inner().account_number;
        let state = self.0.state.lock().unwrap();
        let (mood, found) = (state.mood, state.accounts.get(&number).cloned());
        Box::pin(async move {
            if mood != Mood::Well {
                return Err(Status::unavailable("down"));
            }
            let account = found.ok_or_else(|| Status::not_found("no such account"))?;
            let status = match account.blocked {
                "ACCOUNT_CLOSED" => pb::AccountStatus::Closed,
                "ACCOUNT_FROZEN" => pb::AccountStatus::Frozen,
                _ => pb::AccountStatus::Active,
            };
            let balance =
                Money { currency_code: account.currency, amount_minor: account.balance_minor };
            let account = pb::Account {
                account_number: number,
                customer_id: account.customer_id,
                status: status.into(),
                balance: Some(balance),
                ..pb::Account::default()
            };
            let account = Some(account);
            Ok(Response::new(pb::GetAccountResponse { account, as_of: None }))
        })
    }
}

impl UnaryService<pb::SettleToAccountRequest> for SettleToAccount {
    type Response = pb::SettleToAccountResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, request: Request<pb::SettleToAccountRequest>) -> Self::Future {
        let m = request.into_inner();
        let booked = self.0.book(Call {
            request_id: m.request_id,
            account_number: m.account_number,
            customer_id: m.customer_id,
            amount: m.amount.unwrap_or_default(),
            collects: None,
        });
        Box::pin(async move {
            let posting = Some(booked.await?.into_inner());
            Ok(Response::new(pb::SettleToAccountResponse { posting }))
        })
    }
}

impl UnaryService<pb::CollectFromAccountRequest> for CollectFromAccount {
    type Response = pb::CollectFromAccountResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, request: Request<pb::CollectFromAccountRequest>) -> Self::Future {
        let m = request.into_inner();
        let booked = self.0.book(Call {
            request_id: m.request_id,
            account_number: m.account_number,
            customer_id: m.customer_id,
            amount: m.amount.unwrap_or_default(),
            collects: Some(m.allow_partial),
        });
        Box::pin(async move {
            let posting = Some(booked.await?.into_inner());
            Ok(Response::new(pb::CollectFromAccountResponse { posting }))
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
        let deposit = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match method.as_str() {
                "GetAccount" => {
                    let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
                    grpc.unary(GetAccount(deposit), request).await
                }
                "SettleToAccount" => {
                    let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
                    grpc.unary(SettleToAccount(deposit), request).await
                }
                "CollectFromAccount" => {
                    let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
                    grpc.unary(CollectFromAccount(deposit), request).await
                }
                other => unreachable!("loan has no business with {other}"),
            })
        })
    }
}

/// Customer, as far as loan knows it: who is not listed is not registered.
#[derive(Clone, Default)]
pub struct Customer {
    known: Arc<Mutex<HashMap<String, customer::CustomerStatus>>>,
}

impl Customer {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let service = Self::default();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        let tls = serving_as("service/customer").unwrap();
        let server = Server::builder().tls_config(tls).unwrap().add_service(service.clone());
        tokio::spawn(server.serve_with_incoming(incoming));
        (service, address)
    }

    /// From now on this customer has this standing.
    pub fn knows(&self, customer_id: &str, status: customer::CustomerStatus) {
        self.known.lock().unwrap().insert(customer_id.to_owned(), status);
    }
}

impl UnaryService<customer::BatchGetCustomerStatusRequest> for Customer {
    type Response = customer::BatchGetCustomerStatusResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, m: Request<customer::BatchGetCustomerStatusRequest>) -> Self::Future {
        let known = self.known.lock().unwrap();
        let standing = |id: String| {
            let status = *known.get(&id)?;
            Some(customer::CustomerStanding { customer_id: id, status: status.into() })
        };
        let standings = m.into_inner().customer_ids.into_iter().filter_map(standing).collect();
        let answer = customer::BatchGetCustomerStatusResponse { standings };
        Box::pin(async move { Ok(Response::new(answer)) })
    }
}

impl NamedService for Customer {
    const NAME: &'static str = "bank.customer.v1.CustomerService";
}

impl Service<http::Request<Body>> for Customer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = "/bank.customer.v1.CustomerService/BatchGetCustomerStatus";
        assert_eq!(request.uri().path(), method);
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(service, request).await)
        })
    }
}
