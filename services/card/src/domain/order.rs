//! What deposit is asked because of a card: decided first, carried out afterwards, ended exactly once.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, BusinessDate, CardId, Currency, CustomerId, RequestId};
use uuid::Uuid;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// Give back what is reserved.
    Release,
    /// Take a payment.
    Debit,
    /// Give a payment back.
    Credit,
    /// Take what is owed.
    Collect,
}

impl OrderKind {
    const ALL: [Self; 4] = [Self::Release, Self::Debit, Self::Credit, Self::Collect];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Release => "RELEASE",
            Self::Debit => "DEBIT",
            Self::Credit => "CREDIT",
            Self::Collect => "COLLECT",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderStatus {
    /// Deposit has given no answer that is written down.
    Pending,
    /// Done.
    Done,
    /// Refused, with deposit's reason.
    Refused(String),
}

impl OrderStatus {
    /// Whether deposit has refused.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// As the books write it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Done => "DONE",
            Self::Refused(_) => "REFUSED",
        }
    }
}

/// One call to deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Deposit's request id.
    pub id: RequestId,
    /// What is asked.
    pub kind: OrderKind,
    /// Because of which authorization.
    pub authorization_id: Option<RequestId>,
    /// Because of which clearing record.
    pub item_id: Option<Uuid>,
    /// Of which card; `None` only of a hold that belongs to none.
    pub card_id: Option<CardId>,
    /// Its holder.
    pub customer_id: Option<CustomerId>,
    /// The account; `None` only where a hold is released.
    pub account: Option<AccountNumber>,
    /// What is given back, or taken from first.
    pub hold_id: Option<Uuid>,
    /// How much, minor units; 0 where a hold is released.
    pub amount_minor: i64,
    /// How much has moved.
    pub moved_minor: i64,
    /// Of the amounts.
    pub currency: Currency,
    /// What is left of the hold stays reserved.
    pub keep_remainder: bool,
    /// On which it was decided.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub status: OrderStatus,
}
