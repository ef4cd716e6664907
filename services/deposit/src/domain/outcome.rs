//! What the bank decided on one request.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, BusinessDate, Currency, RequestId};
use uuid::Uuid;

use super::Rejection;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Cash paid in.
    CashDeposit,
    /// Cash paid out.
    CashWithdrawal,
    /// Money between two accounts.
    Transfer,
    /// Money reserved.
    HoldPlaced,
    /// Reserved money taken.
    HoldCaptured,
    /// Reserved money given back.
    HoldReleased,
    /// A posting undone.
    Reversal,
    /// An account opened.
    AccountOpened,
    /// An account frozen.
    AccountFrozen,
    /// An account made usable again.
    AccountUnfrozen,
    /// An account closed.
    AccountClosed,
    /// A customer for whom nothing more is opened.
    OwnerClosed,
    /// Money of a loan paid to an account.
    LoanSettlement,
    /// Money taken from an account for a loan.
    LoanCollection,
    /// A payment by card taken from an account.
    CardDebit,
    /// A payment by card given back to an account.
    CardCredit,
    /// Never asked for: the place of a request that was reversed before it arrived.
    Fenced,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::CashDeposit,
        Self::CashWithdrawal,
        Self::Transfer,
        Self::HoldPlaced,
        Self::HoldCaptured,
        Self::HoldReleased,
        Self::Reversal,
        Self::AccountOpened,
        Self::AccountFrozen,
        Self::AccountUnfrozen,
        Self::AccountClosed,
        Self::OwnerClosed,
        Self::LoanSettlement,
        Self::LoanCollection,
        Self::CardDebit,
        Self::CardCredit,
        Self::Fenced,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CashDeposit => "CASH_DEPOSIT",
            Self::CashWithdrawal => "CASH_WITHDRAWAL",
            Self::Transfer => "TRANSFER",
            Self::HoldPlaced => "HOLD_PLACED",
            Self::HoldCaptured => "HOLD_CAPTURED",
            Self::HoldReleased => "HOLD_RELEASED",
            Self::Reversal => "REVERSAL",
            Self::AccountOpened => "ACCOUNT_OPENED",
            Self::AccountFrozen => "ACCOUNT_FROZEN",
            Self::AccountUnfrozen => "ACCOUNT_UNFROZEN",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::OwnerClosed => "OWNER_CLOSED",
            Self::LoanSettlement => "LOAN_SETTLEMENT",
            Self::LoanCollection => "LOAN_COLLECTION",
            Self::CardDebit => "CARD_DEBIT",
            Self::CardCredit => "CARD_CREDIT",
            Self::Fenced => "FENCED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Done, and in the books.
    Posted,
    /// Refused; nothing changed.
    Refused(Rejection),
}

impl Decision {
    /// As the books write it: `POSTED` or the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Posted => "POSTED",
            Self::Refused(rejection) => rejection.code(),
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        if code == "POSTED" {
            return Some(Self::Posted);
        }
        Rejection::from_code(code).map(Self::Refused)
    }
}

/// What the bank decided on one request id. Once written it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The request; a posting has no other id.
    pub request_id: RequestId,
    /// Stands for the request's content.
    pub fingerprint: i64,
    /// What was asked.
    pub kind: Kind,
    /// What was decided.
    pub decision: Decision,
    /// Debited, reserved on, or ended.
    pub debit_account: Option<AccountNumber>,
    /// Credited or opened.
    pub credit_account: Option<AccountNumber>,
    /// Minor units; 0 where the request has no amount.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// The hold captured, released or taken from, or the posting reversed.
    pub subject_id: Option<Uuid>,
    /// The business date it belongs to.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
}
