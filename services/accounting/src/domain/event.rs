//! What the services report: business events, in batches that are booked whole or not at all.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, Currency, PositiveMoney, PostingId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Cash was paid in.
    CashDeposited,
    /// Cash was paid out.
    CashWithdrawn,
    /// Reserved money was taken to the clearing account.
    HoldCaptured,
    /// Money moved between two deposit accounts.
    Transferred,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::CashDeposited, Self::CashWithdrawn, Self::HoldCaptured, Self::Transferred];

    /// As the rules and the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CashDeposited => "CASH_DEPOSITED",
            Self::CashWithdrawn => "CASH_WITHDRAWN",
            Self::HoldCaptured => "HOLD_CAPTURED",
            Self::Transferred => "TRANSFERRED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What an amount of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AmountKind {
    /// The amount that moved.
    Principal,
}

impl AmountKind {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Principal];

    /// As the rules write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Principal => "PRINCIPAL",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The posting that it tells of; its journal has the same id.
    pub posting: PostingId,
    /// What happened.
    pub kind: EventKind,
    /// Of the account debited, or of the only one.
    pub product: String,
    /// Of the account credited, where there are two.
    pub counter_product: Option<String>,
    /// Of all its amounts.
    pub currency: Currency,
    /// At least one, each kind once, all of the event's currency.
    pub amounts: Vec<(AmountKind, PositiveMoney)>,
    /// Undoes an event of the same kind: debit and credit change places.
    pub reversal: bool,
    /// From when the money counts, for interest.
    pub value_date: BusinessDate,
}

impl Event {
    /// The amount of this kind.
    pub fn amount(&self, kind: AmountKind) -> Option<PositiveMoney> {
        self.amounts.iter().find(|(of, _)| *of == kind).map(|(_, amount)| *amount)
    }
}

/// What a service booked in one database transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The outbox row's number, unique per source.
    pub number: i64,
    /// Of every event in it.
    pub business_date: BusinessDate,
    /// When its source booked it.
    pub booked_at: DateTime<Utc>,
    /// Stands for its content: the same number with another fingerprint is another batch.
    pub fingerprint: i64,
    /// At least one.
    pub events: Vec<Event>,
}
