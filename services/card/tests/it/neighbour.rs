//! Deposit and customer, for tests of this service alone: the contract over a real socket, with the memory by request
//! id that the contract promises, and with every way of not answering. The system tests run the same stories with the
//! real services.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
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
use uuid::Uuid;

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

/// Money that is reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// On which account.
    pub account: String,
    /// How much is left.
    pub minor: i64,
    /// Whether it has not ended.
    pub active: bool,
}

/// Deposit, as far as card knows it.
#[derive(Clone)]
pub struct Deposit {
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    accounts: HashMap<String, Account>,
    holds: HashMap<String, Held>,
    fenced: HashSet<String>,
    decided: HashMap<String, Result<pb::Posting, &'static str>>,
    asked: Vec<(&'static str, String)>,
}

impl Deposit {
    /// Listens on a free port of 127.0.0.1 until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let state = State {
            mood: Mood::Well,
            accounts: HashMap::new(),
            holds: HashMap::new(),
            fenced: HashSet::new(),
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on it behaves so.
    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// From now on there is this account.
    pub fn has(&self, number: &str, account: Account) {
        self.state().accounts.insert(number.to_owned(), account);
    }

    /// What is on an account.
    pub fn balance(&self, number: &str) -> i64 {
        self.state().accounts[number].balance_minor
    }

    /// What is reserved on an account.
    pub fn held(&self, number: &str) -> i64 {
        self.state().held(number)
    }

    /// Every hold there ever was, by id.
    pub fn holds(&self) -> HashMap<String, Held> {
        self.state().holds.clone()
    }

    /// Reserves behind everybody's back, as a call whose caller has died since.
    pub fn plant_hold(&self, id: &str, account: &str, minor: i64) {
        let held = Held { account: account.to_owned(), minor, active: true };
        self.state().holds.insert(id.to_owned(), held);
    }

    /// From now on this is on the account.
    pub fn set_balance(&self, number: &str, minor: i64) {
        self.state().accounts.get_mut(number).unwrap().balance_minor = minor;
    }

    /// From now on nothing is booked on the account, for this reason; an empty one lifts that.
    pub fn block(&self, number: &str, why: &'static str) {
        self.state().accounts.get_mut(number).unwrap().blocked = why;
    }

    /// The request ids of all calls of a method.
    pub fn asked(&self, method: &str) -> Vec<String> {
        let state = self.state();
        let of = state.asked.iter().filter(|(called, _)| *called == method);
        of.map(|(_, id)| id.clone()).collect()
    }

    /// Decides, or repeats what it decided, and answers as its mood is.
    fn book(
        &self,
        method: &'static str,
        id: &str,
        how: impl FnOnce(&mut State) -> Decided,
    ) -> Booked {
        let mut state = self.state();
        state.asked.push((method, id.to_owned()));
        let mood = state.mood;
        if mood == Mood::Down {
            return Box::pin(async { Err(Status::unavailable("down")) });
        }
        let decided = match state.decided.get(id) {
            Some(first) => first.clone(),
            None => how(&mut state),
        };
        state.decided.insert(id.to_owned(), decided.clone());
        Box::pin(async move {
            match mood {
                Mood::Silent => std::future::pending().await,
                Mood::Forgetful => Err(Status::unavailable("the answer is lost")),
                Mood::Well | Mood::Down => decided.map_err(refused),
            }
        })
    }
}

type Decided = Result<pb::Posting, &'static str>;
type Booked = Pin<Box<dyn Future<Output = Result<pb::Posting, Status>> + Send>>;

impl State {
    fn held(&self, number: &str) -> i64 {
        let of = self.holds.values().filter(|held| held.active && held.account == number);
        of.map(|held| held.minor).sum()
    }

    /// The account, if it can be booked on; of this customer if one is named.
    fn usable(
        &mut self,
        number: &str,
        customer_id: Option<&str>,
        currency: &str,
    ) -> Result<&mut Account, &'static str> {
        let account = self.accounts.get_mut(number);
        let own = |account: &&mut Account| customer_id.is_none_or(|id| account.customer_id == id);
        let account = account.filter(own).ok_or("ACCOUNT_UNKNOWN")?;
        if !account.blocked.is_empty() {
            return Err(account.blocked);
        }
        if account.currency == currency { Ok(account) } else { Err("CURRENCY_MISMATCH") }
    }

    fn place(&mut self, m: &pb::PlaceHoldRequest) -> Decided {
        if self.fenced.contains(&m.request_id) {
            return Err("REVERSED_BEFORE_POSTED");
        }
        let amount = m.amount.clone().unwrap_or_default();
        let held = self.held(&m.account_number);
        let account = self.usable(&m.account_number, None, &amount.currency_code)?;
        if account.balance_minor - held < amount.amount_minor {
            return Err("INSUFFICIENT_FUNDS");
        }
        let held =
            Held { account: m.account_number.clone(), minor: amount.amount_minor, active: true };
        self.holds.insert(m.request_id.clone(), held);
        Ok(posting(&m.request_id, amount))
    }

    fn release(&mut self, m: &pb::ReleaseHoldRequest) -> Decided {
        let Some(held) = self.holds.get_mut(&m.hold_id) else {
            if !m.fence_unknown {
                return Err("HOLD_UNKNOWN");
            }
            self.fenced.insert(m.hold_id.clone());
            return Ok(posting(&m.request_id, Money::default()));
        };
        if !held.active {
            return Err("HOLD_ENDED");
        }
        held.active = false;
        let minor = std::mem::take(&mut held.minor);
        Ok(posting(&m.request_id, Money { currency_code: "CNY".into(), amount_minor: minor }))
    }

    fn debit(&mut self, m: &pb::DebitCardPaymentRequest) -> Decided {
        let amount = m.amount.clone().unwrap_or_default();
        let all_held = self.held(&m.account_number);
        let own = self.holds.get(&m.hold_id).filter(|held| held.active);
        let held = own.filter(|held| held.account == m.account_number).map_or(0, |held| held.minor);
        let account =
            self.usable(&m.account_number, Some(&m.customer_id), &amount.currency_code)?;
        let there = account.balance_minor - all_held + held;
        let mut minor = amount.amount_minor;
        if m.allow_partial {
            minor = minor.min(there);
        }
        let enough = minor > 0 && minor <= there;
        if enough {
            account.balance_minor -= minor;
        }
        if let Some(hold) = self.holds.get_mut(&m.hold_id).filter(|held| held.active) {
            hold.minor -= if enough { minor.min(hold.minor) } else { 0 };
            if !m.keep_remainder && (enough || m.allow_partial) {
                hold.minor = 0;
            }
            hold.active = hold.minor > 0;
        }
        if !enough {
            return Err("INSUFFICIENT_FUNDS");
        }
        Ok(posting(&m.request_id, Money { amount_minor: minor, ..amount }))
    }

    fn credit(&mut self, m: &pb::CreditCardPaymentRequest) -> Decided {
        let amount = m.amount.clone().unwrap_or_default();
        let account =
            self.usable(&m.account_number, Some(&m.customer_id), &amount.currency_code)?;
        account.balance_minor += amount.amount_minor;
        Ok(posting(&m.request_id, amount))
    }
}

fn posting(id: &str, amount: Money) -> pb::Posting {
    pb::Posting { posting_id: id.to_owned(), amount: Some(amount), ..pb::Posting::default() }
}

fn refused(reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "deposit.thincore", HashMap::new());
    Status::with_error_details(Code::FailedPrecondition, reason, details)
}

/// A method of deposit: how it is asked and how it answers.
macro_rules! method {
    ($name:ident, $asked:ty, $answer:ty, |$deposit:ident, $m:ident| $body:expr) => {
        struct $name(Deposit);

        impl UnaryService<$asked> for $name {
            type Response = $answer;
            type Future = Answer<$answer>;

            fn call(&mut self, request: Request<$asked>) -> Self::Future {
                let ($deposit, $m) = (self.0.clone(), request.into_inner());
                let answer = $body;
                Box::pin(async move { answer.await.map(Response::new) })
            }
        }
    };
}

method!(GetAccount, pb::GetAccountRequest, pb::GetAccountResponse, |deposit, m| {
    let (mood, found) = deposit.find(&m.account_number);
    async move {
        let account = answered(mood, found)?;
        let status = match account.blocked {
            "ACCOUNT_CLOSED" => pb::AccountStatus::Closed,
            "ACCOUNT_FROZEN" => pb::AccountStatus::Frozen,
            _ => pb::AccountStatus::Active,
        };
        let balance =
            Money { currency_code: account.currency, amount_minor: account.balance_minor };
        let account = pb::Account {
            account_number: m.account_number,
            customer_id: account.customer_id,
            status: status.into(),
            balance: Some(balance),
            ..pb::Account::default()
        };
        Ok(pb::GetAccountResponse { account: Some(account), as_of: None })
    }
});

method!(GetBalance, pb::GetBalanceRequest, pb::GetBalanceResponse, |deposit, m| {
    let (mood, found) = deposit.find(&m.account_number);
    let held = deposit.held(&m.account_number);
    async move {
        let account = answered(mood, found)?;
        let currency_code = account.currency;
        let available = Money { currency_code, amount_minor: account.balance_minor - held };
        let available = Some(available);
        Ok(pb::GetBalanceResponse { available, ..pb::GetBalanceResponse::default() })
    }
});

method!(ListHolds, pb::ListHoldsRequest, pb::ListHoldsResponse, |deposit, m| {
    let mood = deposit.state().mood;
    let holds = deposit.holds();
    let seconds = |at: Option<prost_types::Timestamp>| at.map_or(0, |at| at.seconds);
    let (from, before) = (seconds(m.made_from), seconds(m.made_before));
    let made = |id: &String| {
        let made = Uuid::parse_str(id).unwrap().get_timestamp().unwrap().to_unix().0;
        let made = i64::try_from(made).unwrap();
        made >= from && made < before
    };
    let active = holds.into_iter().filter(|(_, held)| held.active).map(|(id, _)| id);
    let hold_ids: Vec<String> = active.filter(made).collect();
    async move {
        if mood != Mood::Well {
            return Err(Status::unavailable("down"));
        }
        Ok(pb::ListHoldsResponse { hold_ids, ..pb::ListHoldsResponse::default() })
    }
});

method!(PlaceHold, pb::PlaceHoldRequest, pb::PlaceHoldResponse, |deposit, m| {
    assert_eq!(m.reason(), pb::HoldReason::Card);
    let id = m.request_id.clone();
    let booked = deposit.book("PlaceHold", &id, |state| state.place(&m));
    async move { Ok(pb::PlaceHoldResponse { posting: Some(booked.await?) }) }
});

method!(ReleaseHold, pb::ReleaseHoldRequest, pb::ReleaseHoldResponse, |deposit, m| {
    let id = m.request_id.clone();
    let booked = deposit.book("ReleaseHold", &id, |state| state.release(&m));
    async move { Ok(pb::ReleaseHoldResponse { posting: Some(booked.await?) }) }
});

method!(DebitCard, pb::DebitCardPaymentRequest, pb::DebitCardPaymentResponse, |deposit, m| {
    let id = m.request_id.clone();
    let booked = deposit.book("DebitCardPayment", &id, |state| state.debit(&m));
    async move { Ok(pb::DebitCardPaymentResponse { posting: Some(booked.await?) }) }
});

method!(CreditCard, pb::CreditCardPaymentRequest, pb::CreditCardPaymentResponse, |deposit, m| {
    let id = m.request_id.clone();
    let booked = deposit.book("CreditCardPayment", &id, |state| state.credit(&m));
    async move { Ok(pb::CreditCardPaymentResponse { posting: Some(booked.await?) }) }
});

impl Deposit {
    fn find(&self, number: &str) -> (Mood, Option<Account>) {
        let state = self.state();
        (state.mood, state.accounts.get(number).cloned())
    }
}

fn answered(mood: Mood, found: Option<Account>) -> Result<Account, Status> {
    if mood != Mood::Well {
        return Err(Status::unavailable("down"));
    }
    found.ok_or_else(|| Status::not_found("no such account"))
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
        macro_rules! unary {
            ($service:expr) => {{
                let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
                grpc.unary($service, request).await
            }};
        }
        let deposit = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match method.as_str() {
                "GetAccount" => unary!(GetAccount(deposit)),
                "GetBalance" => unary!(GetBalance(deposit)),
                "ListHolds" => unary!(ListHolds(deposit)),
                "PlaceHold" => unary!(PlaceHold(deposit)),
                "ReleaseHold" => unary!(ReleaseHold(deposit)),
                "DebitCardPayment" => unary!(DebitCard(deposit)),
                "CreditCardPayment" => unary!(CreditCard(deposit)),
                other => unreachable!("card has no business with {other}"),
            })
        })
    }
}

/// Customer, as far as card knows it: who is not listed is not registered.
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
