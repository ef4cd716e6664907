//! Money that is reserved on an account until it is captured, released, or expires. It ends exactly once.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, Currency, HoldId};

/// Where a hold is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    /// Reserves `remaining_minor`.
    Active,
    /// All of it was taken.
    Captured,
    /// What was left was given back.
    Released,
    /// What was left was given back because its time was up.
    Expired,
}

impl HoldStatus {
    const ALL: [Self; 4] = [Self::Active, Self::Captured, Self::Released, Self::Expired];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Captured => "CAPTURED",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Why money is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// Any.
    General,
    /// A card authorization: the card service sees to its end.
    Card,
}

impl HoldReason {
    const ALL: [Self; 2] = [Self::General, Self::Card];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::General => "GENERAL",
            Self::Card => "CARD",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// A hold as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The request id that placed it.
    pub id: HoldId,
    /// Where it reserves.
    pub account: AccountNumber,
    /// What was reserved at first, minor units.
    pub placed_minor: i64,
    /// What is still reserved; zero once ended.
    pub remaining_minor: i64,
    /// The account's currency.
    pub currency: Currency,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// Where it is in its life.
    pub status: HoldStatus,
    /// Why it was placed.
    pub reason: HoldReason,
}
