//! The deposit service: whose account is this, pay out to it, collect from it.
//!
//! A movement's id is the request id of its call: asking again moves nothing twice and gets the first answer. What is no
//! decision of deposit's leaves the movement where it is.

use kernel::{AccountNumber, Currency, CustomerId, RequestId};
use platform::client::Channel;
use proto::common::v1 as common;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::Error;
use crate::commands::LinkedAccount;
use crate::domain::Rejection;

/// The deposit service, seen from loan.
#[derive(Clone)]
pub struct Deposits {
    client: DepositServiceClient<Channel>,
}

/// Money that is to move between a loan and an account.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The movement; deposit's request id.
    pub movement_id: RequestId,
    /// Which account.
    pub account: AccountNumber,
    /// Whose it must be.
    pub customer_id: CustomerId,
    /// How much, minor units.
    pub amount_minor: i64,
    /// Of the amount and the account.
    pub currency: Currency,
}

/// Money that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The posting in deposit.
    pub posting_id: Uuid,
    /// How much, minor units: at most what was asked for.
    pub amount_minor: i64,
}

impl Deposits {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: DepositServiceClient::new(channel) }
    }

    /// An account, read on deposit's primary; `None` where there is none.
    ///
    /// # Errors
    /// Deposit gives no answer.
    pub async fn account(&self, number: AccountNumber) -> Result<Option<LinkedAccount>, Error> {
        use common::read_consistency::Freshness;
        let request = pb::GetAccountRequest {
            account_number: number.to_string(),
            consistency: Some(common::ReadConsistency {
                freshness: Some(Freshness::Primary(true)),
            }),
        };
        let answer = match self.client.clone().get_account(request).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(failed(&status)),
        };
        let account = answer.account.unwrap_or_default();
        let closed = account.status() == pb::AccountStatus::Closed;
        let customer_id = CustomerId::parse(&account.customer_id).map_err(|_| unreadable())?;
        let currency = account.balance.unwrap_or_default().currency_code;
        let currency = Currency::parse(&currency).map_err(|_| unreadable())?;
        Ok(Some(LinkedAccount { customer_id, currency, closed }))
    }

    /// Pays out to an account.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have paid.
    pub async fn settle(&self, order: Order) -> Result<Result<Moved, Rejection>, Error> {
        let request = pb::SettleToAccountRequest {
            request_id: order.movement_id.to_string(),
            account_number: order.account.to_string(),
            amount: Some(amount(order)),
            customer_id: order.customer_id.to_string(),
        };
        let answer = self.client.clone().settle_to_account(request).await;
        decided(answer.map(|answer| answer.into_inner().posting))
    }

    /// Collects from an account: what is there, up to the amount, if `allow_partial`; else all of it or nothing.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have debited.
    pub async fn collect(
        &self,
        order: Order,
        allow_partial: bool,
    ) -> Result<Result<Moved, Rejection>, Error> {
        let request = pb::CollectFromAccountRequest {
            request_id: order.movement_id.to_string(),
            account_number: order.account.to_string(),
            amount: Some(amount(order)),
            customer_id: order.customer_id.to_string(),
            allow_partial,
        };
        let answer = self.client.clone().collect_from_account(request).await;
        decided(answer.map(|answer| answer.into_inner().posting))
    }
}

fn amount(order: Order) -> common::Money {
    let currency_code = order.currency.code().to_owned();
    common::Money { currency_code, amount_minor: order.amount_minor }
}

fn decided(answer: Result<Option<pb::Posting>, Status>) -> Result<Result<Moved, Rejection>, Error> {
    let posting = match answer {
        Ok(posting) => posting.unwrap_or_default(),
        Err(status) => {
            return refusal(&status).map(Err).ok_or_else(|| failed(&status));
        }
    };
    let posting_id = Uuid::try_parse(&posting.posting_id).map_err(|_| unreadable())?;
    let amount_minor = posting.amount.unwrap_or_default().amount_minor;
    Ok(Ok(Moved { posting_id, amount_minor }))
}

/// What deposit's refusal means here. Everything else is no decision.
fn refusal(status: &Status) -> Option<Rejection> {
    if status.code() != Code::FailedPrecondition {
        return None;
    }
    match status.get_details_error_info()?.reason.as_str() {
        "ACCOUNT_UNKNOWN" => Some(Rejection::AccountUnknown),
        "ACCOUNT_FROZEN" => Some(Rejection::AccountFrozen),
        "ACCOUNT_CLOSED" => Some(Rejection::AccountClosed),
        "CURRENCY_MISMATCH" => Some(Rejection::CurrencyMismatch),
        "INSUFFICIENT_FUNDS" => Some(Rejection::InsufficientFunds),
        "BALANCE_OVERFLOW" => Some(Rejection::BalanceOverflow),
        "REVERSED_BEFORE_POSTED" => Some(Rejection::ReversedBeforePosted),
        _ => None,
    }
}

fn failed(status: &Status) -> Error {
    Error { service: "deposit", code: status.code() }
}

fn unreadable() -> Error {
    Error { service: "deposit", code: Code::Internal }
}
