//! The bank as the generator calls it, and what each answer means.
//!
//! What matters is not which code came back but what the caller may conclude from it: it is done, it is refused, it
//! was turned away before anything was decided, or nobody knows. Only the last needs asking again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use platform::db::ReadToken;
use platform::identity::CUSTOMER_METADATA;
use proto::card::v1::card_service_client::CardServiceClient;
use proto::common::v1::{Money, ReadConsistency, read_consistency::Freshness};
use proto::customer::v1::customer_service_client::CustomerServiceClient;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use proto::loan::v1::loan_service_client::LoanServiceClient;
use testkit::trust::{self, Trust};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::order::{Operation, Order};
use crate::target::Target;

mod cards;
mod loans;

pub use cards::{PRODUCT as CARD_PRODUCT, Scheme};
pub use loans::Terms;

/// The only currency of the load test.
pub const CURRENCY: &str = "CNY";
/// The product that is seeded.
pub const PRODUCT: &str = "CURRENT";

/// Who we are to the bank while we generate load.
const CHANNEL: &str = "channel/loadtest";
/// Who we are while we seed, and when a loan is paid out.
const TELLER: &str = "teller/seed";
/// Who decides on the loans that the other applied for.
const SECOND_TELLER: &str = "teller/seed-2";
const CALLER: &str = "thincore-caller";
const READ_TOKEN: &str = "thincore-read-token";
/// HTTP/2 connections to the deposit service: one would serialise all its streams on one task.
const CONNECTIONS: usize = 4;
/// Rows of a statement page.
const STATEMENT_ROWS: i32 = 20;

/// Connections to the services.
#[derive(Debug)]
pub struct Client {
    deposit: Vec<DepositServiceClient<Channel>>,
    /// The teller's connections.
    seeding: DepositServiceClient<Channel>,
    customer: CustomerServiceClient<Channel>,
    /// The loan service: the channel's, the teller's, and the second teller's connection.
    loan: [LoanServiceClient<Channel>; 3],
    /// The card service: the channel's, and the teller's connection.
    card: [CardServiceClient<Channel>; 2],
    /// The line to the gateway; absent where no cards are used.
    scheme: Option<Scheme>,
    /// Whether calls must say who calls: no certificate does.
    unprotected: bool,
    next: AtomicUsize,
    deadline: Duration,
}

/// What a mutating request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done and durable; with the position that a later read may ask for.
    Posted(Option<ReadToken>),
    /// The bank said no, with the reason.
    Refused(String),
    /// The gateway answered, with the id that the bank gave it and its response code.
    Authorized {
        /// The authorization.
        authorization_id: Option<Uuid>,
        /// Data element 39.
        code: String,
    },
    /// Turned away because there is too much to do; nothing was decided. After this long it may be tried again.
    Shed(Duration),
    /// Turned away because the request is wrong, which is our fault; nothing was decided.
    Rejected(String),
    /// No answer, or one that does not tell; with what came instead.
    Unknown(String),
}

/// What a query answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account's latest entry.
    pub last_sequence: i64,
    /// The position that was read.
    pub token: Option<ReadToken>,
    /// Whether a replica answered.
    pub from_replica: bool,
}

impl Client {
    /// Connects to the services. Each request carries `deadline`.
    pub async fn connect(target: &Target, deadline: Duration) -> anyhow::Result<Self> {
        let (channel, teller) = (target.trust(CHANNEL)?, target.trust(TELLER)?);
        let second = target.trust(SECOND_TELLER)?;
        let loan = async |trust: &Option<Trust>| -> anyhow::Result<_> {
            Ok(LoanServiceClient::new(connect(&target.loan, trust.as_ref()).await?))
        };
        let card = async |trust: &Option<Trust>| -> anyhow::Result<_> {
            Ok(CardServiceClient::new(connect(&target.card, trust.as_ref()).await?))
        };
        let mut deposit = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            deposit
                .push(DepositServiceClient::new(connect(&target.deposit, channel.as_ref()).await?));
        }
        Ok(Self {
            deposit,
            seeding: DepositServiceClient::new(connect(&target.deposit, teller.as_ref()).await?),
            customer: CustomerServiceClient::new(connect(&target.customer, teller.as_ref()).await?),
            loan: [loan(&channel).await?, loan(&teller).await?, loan(&second).await?],
            card: [card(&channel).await?, card(&teller).await?],
            scheme: None,
            unprotected: !target.mtls,
            next: AtomicUsize::new(0),
            deadline,
        })
    }

    /// The same, with a line to the gateway.
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    /// Sends one request and says what it came to. `repeated`: it was sent before.
    pub async fn send(&self, order: &Order, accounts: &Accounts, repeated: bool) -> Reply {
        if order.operation.is_of_card() {
            return match &self.scheme {
                Some(scheme) => scheme.send(order, repeated).await,
                None => Reply::Rejected("there is no line to the gateway".to_owned()),
            };
        }
        match self.call(order, accounts).await {
            Ok(metadata) => Reply::Posted(read_token(&metadata)),
            Err(status) => classify(&status),
        }
    }

    /// Reads a balance or the first page of a statement, at least as fresh as `token`.
    pub async fn query(
        &self,
        operation: Operation,
        (account, accounts): (u32, &Accounts),
        token: Option<&ReadToken>,
    ) -> Result<Seen, Reply> {
        let account_number = accounts.number(account).to_string();
        let owner = accounts.owner(account);
        let consistency = token.map(|token| ReadConsistency {
            freshness: Some(Freshness::AtLeast(token.to_string())),
        });
        let (last_sequence, as_of) = if operation == Operation::ListEntries {
            let request = pb::ListEntriesRequest {
                account_number,
                page_size: STATEMENT_ROWS,
                page_token: String::new(),
                consistency,
            };
            let page = self.deposit().list_entries(self.for_customer(request, owner)).await;
            let page = page.map_err(|status| classify(&status))?.into_inner();
            (page.entries.first().map_or(0, |entry| entry.sequence), page.as_of)
        } else {
            let request = pb::GetBalanceRequest { account_number, consistency };
            let balance = self.deposit().get_balance(self.for_customer(request, owner)).await;
            let balance = balance.map_err(|status| classify(&status))?.into_inner();
            (balance.last_sequence, balance.as_of)
        };
        let as_of = as_of.unwrap_or_default();
        let token = ReadToken::parse(&as_of.read_token).ok();
        Ok(Seen { last_sequence, token, from_replica: as_of.from_replica })
    }

    /// Registers customers that were verified before.
    pub async fn register(
        &self,
        items: Vec<proto::customer::v1::RegisterCustomerRequest>,
    ) -> Result<Vec<proto::customer::v1::BatchRegisterCustomersResult>, Status> {
        let request = proto::customer::v1::BatchRegisterCustomersRequest { items, activate: true };
        let mut customer = self.customer.clone();
        let reply = customer.batch_register_customers(self.request(request, TELLER)).await?;
        Ok(reply.into_inner().results)
    }

    /// Opens accounts.
    pub async fn open(
        &self,
        items: Vec<pb::OpenAccountRequest>,
    ) -> Result<Vec<pb::BatchOpenAccountsResult>, Status> {
        let request = pb::BatchOpenAccountsRequest { items };
        let mut deposit = self.seeding.clone();
        let reply = deposit.batch_open_accounts(self.request(request, TELLER)).await?;
        Ok(reply.into_inner().results)
    }

    async fn call(&self, order: &Order, accounts: &Accounts) -> Result<MetadataMap, Status> {
        if order.operation.is_of_loan() {
            return self.call_loan(order, accounts).await;
        }
        let mut deposit = self.deposit();
        let owner = accounts.owner(order.account);
        let request_id = order.request_id.as_hyphenated().to_string();
        let account_number = accounts.number(order.account).to_string();
        let amount =
            Some(Money { currency_code: CURRENCY.to_owned(), amount_minor: order.amount_minor });
        let hold_id = order.subject.map(|id| id.as_hyphenated().to_string()).unwrap_or_default();
        macro_rules! metadata {
            ($method:ident, $message:expr) => {
                deposit.$method(self.for_customer($message, owner)).await?.into_parts().0
            };
        }
        Ok(match order.operation {
            Operation::Transfer => {
                let credit_account_number = accounts.number(order.counterparty).to_string();
                let debit_account_number = account_number;
                metadata!(
                    transfer,
                    pb::TransferRequest {
                        request_id,
                        debit_account_number,
                        credit_account_number,
                        amount
                    }
                )
            }
            Operation::CashDeposit => {
                metadata!(
                    deposit_cash,
                    pb::DepositCashRequest { request_id, account_number, amount }
                )
            }
            Operation::CashWithdrawal => {
                metadata!(
                    withdraw_cash,
                    pb::WithdrawCashRequest { request_id, account_number, amount }
                )
            }
            Operation::PlaceHold => metadata!(
                place_hold,
                pb::PlaceHoldRequest { request_id, account_number, amount, ..Default::default() }
            ),
            Operation::CaptureHold => metadata!(
                capture_hold,
                pb::CaptureHoldRequest {
                    request_id,
                    hold_id,
                    amount,
                    credit_account_number: String::new(),
                    release_remainder: true
                }
            ),
            Operation::ReleaseHold => {
                metadata!(
                    release_hold,
                    pb::ReleaseHoldRequest { request_id, hold_id, ..Default::default() }
                )
            }
            // A query, or another service's.
            _ => return Err(Status::invalid_argument("this is no order to deposit")),
        })
    }

    /// The next connection in turn; cloning shares it.
    fn deposit(&self) -> DepositServiceClient<Channel> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.deposit.len();
        self.deposit[turn].clone()
    }

    /// A request of the channel on behalf of this customer.
    fn for_customer<T>(&self, message: T, customer: Uuid) -> Request<T> {
        let mut request = self.request(message, CHANNEL);
        let mut buffer = Uuid::encode_buffer();
        let text: &str = customer.as_hyphenated().encode_lower(&mut buffer);
        if let Ok(value) = AsciiMetadataValue::try_from(text) {
            request.metadata_mut().insert(CUSTOMER_METADATA, value);
        }
        request
    }

    fn request<T>(&self, message: T, caller: &'static str) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        if self.unprotected {
            request.metadata_mut().insert(CALLER, AsciiMetadataValue::from_static(caller));
        }
        request
    }
}

/// A connection to a service under the name that `trust` certifies.
pub(crate) async fn connect(url: &str, trust: Option<&Trust>) -> anyhow::Result<Channel> {
    trust::endpoint(url, trust)?
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(5))
        .connect()
        .await
        .with_context(|| format!("cannot connect to the service at {url}"))
}

fn read_token(metadata: &MetadataMap) -> Option<ReadToken> {
    ReadToken::parse(metadata.get(READ_TOKEN)?.to_str().ok()?).ok()
}

/// What the caller may conclude from a status.
fn classify(status: &Status) -> Reply {
    let details = status.get_error_details();
    let describe = || format!("{:?}: {}", status.code(), status.message());
    let reason = || details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    match status.code() {
        Code::FailedPrecondition => Reply::Refused(reason()),
        // Without RetryInfo it comes from a broken connection, and then nothing is known.
        Code::ResourceExhausted => match details.retry_info() {
            Some(retry) => Reply::Shed(retry.retry_delay.unwrap_or(Duration::from_millis(100))),
            None => Reply::Unknown(describe()),
        },
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented
        | Code::OutOfRange => {
            Reply::Rejected(format!("{:?} {} {}", status.code(), reason(), status.message()))
        }
        _ => Reply::Unknown(describe()),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn with_reason(code: Code, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(
            reason,
            "deposit.thincore",
            std::collections::HashMap::new(),
        );
        Status::with_error_details(code, "text", details)
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let status = with_reason(Code::FailedPrecondition, "INSUFFICIENT_FUNDS");

        assert_eq!(classify(&status), Reply::Refused("INSUFFICIENT_FUNDS".to_owned()));
    }

    #[test]
    fn resource_exhausted_counts_as_shed_only_with_a_time_to_retry() {
        let delay = Duration::from_millis(250);
        let details = ErrorDetails::with_retry_info(Some(delay));
        let shed = Status::with_error_details(Code::ResourceExhausted, "busy", details);

        assert_eq!(classify(&shed), Reply::Shed(delay));
        let broken = Status::resource_exhausted("h2 protocol error");
        assert!(matches!(classify(&broken), Reply::Unknown(_)));
    }

    #[test]
    fn whatever_does_not_tell_is_unknown() {
        for code in [
            Code::DeadlineExceeded,
            Code::Unavailable,
            Code::Unknown,
            Code::Internal,
            Code::Cancelled,
            Code::Aborted,
            Code::DataLoss,
        ] {
            assert!(matches!(classify(&Status::new(code, "")), Reply::Unknown(_)), "{code:?}");
        }
    }

    #[test]
    fn a_wrong_request_is_rejected_and_never_sent_again() {
        let reply = classify(&with_reason(Code::InvalidArgument, "INVALID_REQUEST"));

        assert!(
            matches!(&reply, Reply::Rejected(text) if text.contains("INVALID_REQUEST")),
            "{reply:?}"
        );
    }
}
