//! The deposit service: whose account is this, reserve, take and give back.
//!
//! A hold's id and an order's id are the request ids of their calls: asking again moves nothing twice and gets the first
//! answer. What is no decision of deposit's leaves things where they are.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, Currency, CustomerId, RequestId};
use platform::client::Channel;
use proto::common::v1 as common;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::Error;

/// The deposit service, seen from card.
#[derive(Clone)]
pub struct Deposits {
    client: DepositServiceClient<Channel>,
}

/// An account that a card is to be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedAccount {
    /// Whose it is.
    pub customer_id: CustomerId,
    /// In which it is kept.
    pub currency: Currency,
    /// Whether it has ended.
    pub closed: bool,
}

/// Money to reserve.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// Deposit's request id, and the hold's id from then on.
    pub hold_id: RequestId,
    /// Which account.
    pub account: AccountNumber,
    /// How much, minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Money that is to move between an account and the scheme.
#[derive(Debug, Clone, Copy)]
pub struct Payment {
    /// The order; deposit's request id.
    pub order_id: RequestId,
    /// Which account.
    pub account: AccountNumber,
    /// Whose it must be.
    pub customer_id: CustomerId,
    /// How much, minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
}

/// How a payment is taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Debit {
    /// The hold to take it from first.
    pub hold_id: Option<Uuid>,
    /// Whether what is left of the hold stays reserved.
    pub keep_remainder: bool,
    /// Whether less is taken where less is there.
    pub allow_partial: bool,
}

/// Money that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The posting in deposit.
    pub posting_id: Uuid,
    /// How much, minor units: at most what was asked for.
    pub amount_minor: i64,
}

/// Why deposit says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the reasons of deposit, whose error reference explains them")]
pub enum Refusal {
    AccountUnknown,
    AccountFrozen,
    AccountClosed,
    CurrencyMismatch,
    InsufficientFunds,
    BalanceOverflow,
    ReversedBeforePosted,
    HoldUnknown,
    HoldEnded,
}

impl Refusal {
    const ALL: [Self; 9] = [
        Self::AccountUnknown,
        Self::AccountFrozen,
        Self::AccountClosed,
        Self::CurrencyMismatch,
        Self::InsufficientFunds,
        Self::BalanceOverflow,
        Self::ReversedBeforePosted,
        Self::HoldUnknown,
        Self::HoldEnded,
    ];

    /// As deposit writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccountUnknown => "ACCOUNT_UNKNOWN",
            Self::AccountFrozen => "ACCOUNT_FROZEN",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::InsufficientFunds => "INSUFFICIENT_FUNDS",
            Self::BalanceOverflow => "BALANCE_OVERFLOW",
            Self::ReversedBeforePosted => "REVERSED_BEFORE_POSTED",
            Self::HoldUnknown => "HOLD_UNKNOWN",
            Self::HoldEnded => "HOLD_ENDED",
        }
    }

    /// What a status of deposit says. Everything that is not listed is no decision.
    fn of(status: &Status) -> Option<Self> {
        if status.code() != Code::FailedPrecondition {
            return None;
        }
        let reason = status.get_details_error_info()?.reason;
        Self::ALL.into_iter().find(|known| known.code() == reason)
    }
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
        let request =
            pb::GetAccountRequest { account_number: number.to_string(), consistency: primary() };
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

    /// What a debit may take from an account, minor units, read on deposit's primary; `None` where there is no account.
    ///
    /// # Errors
    /// Deposit gives no answer.
    pub async fn available(&self, number: AccountNumber) -> Result<Option<i64>, Error> {
        let request =
            pb::GetBalanceRequest { account_number: number.to_string(), consistency: primary() };
        match self.client.clone().get_balance(request).await {
            Ok(answer) => {
                let available = answer.into_inner().available;
                Ok(Some(available.ok_or_else(unreadable)?.amount_minor))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(failed(&status)),
        }
    }

    /// Reserves.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have reserved.
    pub async fn hold(&self, hold: Hold) -> Result<Result<(), Refusal>, Error> {
        let request = pb::PlaceHoldRequest {
            request_id: hold.hold_id.to_string(),
            account_number: hold.account.to_string(),
            amount: Some(amount(hold.amount_minor, hold.currency)),
            expires_at: Some(timestamp(hold.expires_at)),
            reason: pb::HoldReason::Card.into(),
        };
        let answer = self.client.clone().place_hold(request).await;
        decided(answer.map(|_| ()))
    }

    /// Gives a hold back. One that is not known is fenced: placed later, it is refused.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have given back.
    pub async fn release_hold(
        &self,
        order_id: RequestId,
        hold_id: Uuid,
    ) -> Result<Result<(), Refusal>, Error> {
        let request = pb::ReleaseHoldRequest {
            request_id: order_id.to_string(),
            hold_id: hold_id.to_string(),
            fence_unknown: true,
        };
        let answer = self.client.clone().release_hold(request).await;
        decided(answer.map(|_| ()))
    }

    /// Takes what the scheme clears.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have taken.
    pub async fn debit(
        &self,
        payment: Payment,
        how: Debit,
    ) -> Result<Result<Moved, Refusal>, Error> {
        let request = pb::DebitCardPaymentRequest {
            request_id: payment.order_id.to_string(),
            account_number: payment.account.to_string(),
            amount: Some(amount(payment.amount_minor, payment.currency)),
            customer_id: payment.customer_id.to_string(),
            hold_id: how.hold_id.map(|id| id.to_string()).unwrap_or_default(),
            keep_remainder: how.keep_remainder,
            allow_partial: how.allow_partial,
        };
        let answer = self.client.clone().debit_card_payment(request).await;
        match decided(answer.map(|answer| answer.into_inner().posting))? {
            Ok(posting) => moved(posting).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Pays what the scheme gives back.
    ///
    /// # Errors
    /// Deposit gives no decision: it may or may not have paid.
    pub async fn credit(&self, payment: Payment) -> Result<Result<Moved, Refusal>, Error> {
        let request = pb::CreditCardPaymentRequest {
            request_id: payment.order_id.to_string(),
            account_number: payment.account.to_string(),
            amount: Some(amount(payment.amount_minor, payment.currency)),
            customer_id: payment.customer_id.to_string(),
        };
        let answer = self.client.clone().credit_card_payment(request).await;
        match decided(answer.map(|answer| answer.into_inner().posting))? {
            Ok(posting) => moved(posting).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// A page of the active holds of cards whose ids were made in a period, and where the next begins; an empty token
    /// is the first, and an empty one in the answer the last.
    ///
    /// # Errors
    /// Deposit gives no answer.
    pub async fn list_holds(
        &self,
        (from, before): (DateTime<Utc>, DateTime<Utc>),
        page_token: String,
    ) -> Result<(Vec<Uuid>, String), Error> {
        let request = pb::ListHoldsRequest {
            reason: pb::HoldReason::Card.into(),
            made_from: Some(timestamp(from)),
            made_before: Some(timestamp(before)),
            page_size: 1_000,
            page_token,
            consistency: primary(),
        };
        let answer = self.client.clone().list_holds(request).await;
        let page = answer.map_err(|status| failed(&status))?.into_inner();
        let ids = page.hold_ids.iter().map(|id| Uuid::try_parse(id).map_err(|_| unreadable()));
        Ok((ids.collect::<Result<_, _>>()?, page.next_page_token))
    }
}

fn amount(amount_minor: i64, currency: Currency) -> common::Money {
    common::Money { currency_code: currency.code().to_owned(), amount_minor }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}

#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
fn primary() -> Option<common::ReadConsistency> {
    use common::read_consistency::Freshness;
    Some(common::ReadConsistency { freshness: Some(Freshness::Primary(true)) })
}

fn decided<T>(answer: Result<T, Status>) -> Result<Result<T, Refusal>, Error> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(status) => Refusal::of(&status).map(Err).ok_or_else(|| failed(&status)),
    }
}

fn moved(posting: Option<pb::Posting>) -> Result<Moved, Error> {
    let posting = posting.unwrap_or_default();
    let posting_id = Uuid::try_parse(&posting.posting_id).map_err(|_| unreadable())?;
    let amount_minor = posting.amount.unwrap_or_default().amount_minor;
    Ok(Moved { posting_id, amount_minor })
}

fn failed(status: &Status) -> Error {
    Error { service: "deposit", code: status.code() }
}

fn unreadable() -> Error {
    Error { service: "deposit", code: Code::Internal }
}
