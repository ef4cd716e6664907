//! The callers of a surge: each with a certificate and connections of its own, none of them ever retrying.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use proto::common::v1::{Money, ReadConsistency, read_consistency::Freshness};
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use sqlx::{Connection as _, PgConnection};
use testkit::trust;
use tonic::metadata::{Ascii, AsciiMetadataValue, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::mix::{CALLERS, Class, Flow};
use crate::client::CURRENCY;
use crate::order::Order;
use crate::target::Target;

/// Whom a channel acts for.
const CUSTOMER: &str = "thincore-customer";
/// HTTP/2 connections of each caller: each takes some thousand calls at once, and a surge has many.
const CONNECTIONS: usize = 4;
const OWNERS: &str = "SELECT account_number, customer_id FROM accounts";

/// What the bank said to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// Refused for what it is, with the reason.
    Refused(String),
    /// Turned away for overload: nothing was decided.
    Shed,
    /// The deadline passed: nobody knows.
    Expired,
    /// Turned away as wrong, which is our fault: nothing was decided.
    Wrong(String),
    /// Anything else: nobody knows.
    Unknown(String),
}

/// The accounts that calls are about, by index.
#[derive(Debug)]
pub struct Accounts(Vec<(String, MetadataValue<Ascii>)>);

/// Connections of all callers.
#[derive(Debug)]
pub struct Callers {
    connections: Vec<Vec<DepositServiceClient<Channel>>>,
    next: AtomicUsize,
}

impl Accounts {
    /// These accounts, each with its owner.
    pub async fn find(target: &Target, numbers: &[i64]) -> anyhow::Result<Self> {
        let mut deposit = PgConnection::connect(&target.books.deposit_url).await?;
        let rows: Vec<(i64, Uuid)> = sqlx::query_as(OWNERS).fetch_all(&mut deposit).await?;
        deposit.close().await.ok();
        let owners: HashMap<i64, Uuid> = rows.into_iter().collect();
        let mut accounts = Vec::with_capacity(numbers.len());
        for number in numbers {
            let owner = owners.get(number).with_context(|| format!("{number} is not there"))?;
            let owner = AsciiMetadataValue::try_from(owner.as_hyphenated().to_string())?;
            accounts.push((number.to_string(), owner));
        }
        Ok(Self(accounts))
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn number(&self, index: u32) -> String {
        self.get(index).map(|(number, _)| number.clone()).unwrap_or_default()
    }

    fn get(&self, index: u32) -> Option<&(String, MetadataValue<Ascii>)> {
        self.0.get(usize::try_from(index).ok()?)
    }
}

impl Callers {
    /// Connects all of them, with certificates that are issued where there are none.
    pub async fn connect(target: &Target) -> anyhow::Result<Self> {
        let mut connections = Vec::with_capacity(CALLERS.len());
        for caller in CALLERS {
            let trust = target.trust(caller)?;
            let mut own = Vec::with_capacity(CONNECTIONS);
            for _ in 0..CONNECTIONS {
                let endpoint = trust::endpoint(&target.deposit, trust.as_ref())?
                    .tcp_nodelay(true)
                    .connect_timeout(Duration::from_secs(5));
                let channel = endpoint.connect().await;
                let channel = channel.with_context(|| format!("{caller} cannot connect"))?;
                own.push(DepositServiceClient::new(channel));
            }
            connections.push(own);
        }
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// One call, with what is left of its time. A query is an order that leaves no trace.
    pub async fn call(
        &self,
        flow: Flow,
        order: &Order,
        accounts: &Accounts,
        left: Duration,
    ) -> Answer {
        let Some(mut deposit) = self.connection(flow.caller) else {
            return Answer::Wrong("there is no such caller".to_owned());
        };
        let account_number = accounts.number(order.account);
        let request_id = order.request_id.as_hyphenated().to_string();
        let amount =
            Some(Money { currency_code: CURRENCY.to_owned(), amount_minor: order.amount_minor });
        let owner = accounts.get(order.account).map(|(_, owner)| owner);
        let answered = match flow.class {
            Class::CardAuthorization => {
                let hold = pb::PlaceHoldRequest {
                    request_id,
                    account_number,
                    amount,
                    ..Default::default()
                };
                deposit.place_hold(request(hold, owner, left)).await.map(|_| ())
            }
            Class::Payment => {
                let transfer = pb::TransferRequest {
                    request_id,
                    debit_account_number: account_number,
                    credit_account_number: accounts.number(order.counterparty),
                    amount,
                };
                deposit.transfer(request(transfer, owner, left)).await.map(|_| ())
            }
            Class::Query => {
                let consistency =
                    Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) });
                let query = pb::GetBalanceRequest { account_number, consistency };
                deposit.get_balance(request(query, owner, left)).await.map(|_| ())
            }
        };
        answered.map_or_else(|status| read(&status), |()| Answer::Done)
    }

    /// The caller's next connection in turn; cloning shares it.
    fn connection(&self, caller: usize) -> Option<DepositServiceClient<Channel>> {
        let own = self.connections.get(caller)?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % own.len().max(1);
        own.get(turn).cloned()
    }
}

fn request<T>(message: T, owner: Option<&MetadataValue<Ascii>>, left: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(left);
    if let Some(owner) = owner {
        request.metadata_mut().insert(CUSTOMER, owner.clone());
    }
    request
}

/// What a caller may conclude from a status.
fn read(status: &Status) -> Answer {
    let details = status.get_error_details();
    let reason = || details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    let describe = || format!("{:?} {} {}", status.code(), reason(), status.message());
    match status.code() {
        Code::FailedPrecondition => Answer::Refused(reason()),
        // Without RetryInfo it comes from a broken connection, and then nothing is known.
        Code::ResourceExhausted if details.retry_info().is_some() => Answer::Shed,
        // The client's own timer says the latter.
        Code::DeadlineExceeded | Code::Cancelled => Answer::Expired,
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented
        | Code::OutOfRange => Answer::Wrong(describe()),
        _ => Answer::Unknown(describe()),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn only_an_answer_with_a_time_to_retry_is_shed() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(5)));
        let shed = Status::with_error_details(Code::ResourceExhausted, "busy", details);

        assert_eq!(read(&shed), Answer::Shed);
        assert!(matches!(read(&Status::resource_exhausted("h2")), Answer::Unknown(_)));
    }

    #[test]
    fn a_deadline_is_one_whoever_watches_it() {
        assert_eq!(read(&Status::deadline_exceeded("")), Answer::Expired);
        assert_eq!(read(&Status::cancelled("Timeout expired")), Answer::Expired);
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let (none, domain) = (HashMap::new(), "deposit.thincore");
        let details = ErrorDetails::with_error_info("INSUFFICIENT_FUNDS", domain, none);
        let refused = Status::with_error_details(Code::FailedPrecondition, "no", details);

        assert_eq!(read(&refused), Answer::Refused("INSUFFICIENT_FUNDS".to_owned()));
    }
}
