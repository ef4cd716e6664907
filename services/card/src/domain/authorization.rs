//! What the scheme asked, and what became of it.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, BusinessDate, CardId, Currency, CustomerId, RequestId};
use scheme::{Channel, Kind, ResponseCode};
use uuid::Uuid;

/// By what a message is recognised: its repetition has the same, and its reversal names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    /// Data element 32, eleven digits.
    pub acquirer: String,
    /// Data element 41.
    pub terminal: String,
    /// Data element 37.
    pub retrieval_reference: String,
    /// Data element 11, six digits.
    pub trace_number: String,
    /// Data element 7, to the second.
    pub transmitted_at: DateTime<Utc>,
}

/// Where an authorization is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthorizationStatus {
    /// The money is reserved, or being posted.
    Approved,
    /// Nothing is reserved.
    Declined,
    /// Taken back.
    Reversed,
    /// Reversed before it came.
    Fenced,
    /// Cleared in part.
    PartlyCleared,
    /// Cleared.
    Cleared,
    /// Its time was up.
    Expired,
}

impl AuthorizationStatus {
    const ALL: [Self; 7] = [
        Self::Approved,
        Self::Declined,
        Self::Reversed,
        Self::Fenced,
        Self::PartlyCleared,
        Self::Cleared,
        Self::Expired,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Declined => "DECLINED",
            Self::Reversed => "REVERSED",
            Self::Fenced => "FENCED",
            Self::PartlyCleared => "PARTLY_CLEARED",
            Self::Cleared => "CLEARED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// One request of the scheme: what was decided, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Its id.
    pub id: RequestId,
    /// Stands for its content; 0 where it has not come.
    pub fingerprint: i64,
    /// The card; `None` where the number is none of ours, and where it has not come.
    pub card_id: Option<CardId>,
    /// The card's holder.
    pub customer_id: Option<CustomerId>,
    /// The account that pays.
    pub account: Option<AccountNumber>,
    /// The hold in deposit; `None` where nothing was reserved.
    pub hold_id: Option<Uuid>,
    /// What was asked for, minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// How much of it is cleared: posted, or owed by its holder because it could not be.
    pub cleared_minor: i64,
    /// How much of what was posted at once the scheme's records have named.
    pub matched_minor: i64,
    /// How much it counts as used.
    pub counted_minor: i64,
    /// What was asked.
    pub kind: Kind,
    /// How the card was used.
    pub channel: Channel,
    /// Whether it counts as restricted, too.
    pub restricted: bool,
    /// Posted at once.
    pub posted_now: bool,
    /// Where it is in its life.
    pub status: AuthorizationStatus,
    /// What was answered.
    pub response_code: ResponseCode,
    /// Six digits; `None` where declined.
    pub approval_code: Option<String>,
    /// The merchant's.
    pub merchant_category: String,
    /// By what its message is recognised.
    pub key: MessageKey,
    /// The business date on which it counts.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// When the approval ends; `None` where nothing is reserved.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Authorization {
    /// Whether something may still be reserved or posted for it.
    pub const fn is_open(&self) -> bool {
        matches!(self.status, AuthorizationStatus::Approved | AuthorizationStatus::PartlyCleared)
    }
}

/// As the books write it.
pub const fn kind_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Purchase => "PURCHASE",
        Kind::Cash => "CASH",
        Kind::Preauthorization => "PREAUTHORIZATION",
        Kind::Refund => "REFUND",
        Kind::BalanceInquiry => "BALANCE_INQUIRY",
    }
}

/// The inverse of [`kind_code`].
pub fn kind_from_code(code: &str) -> Option<Kind> {
    let all =
        [Kind::Purchase, Kind::Cash, Kind::Preauthorization, Kind::Refund, Kind::BalanceInquiry];
    all.into_iter().find(|kind| kind_code(*kind) == code)
}
