//! What the services report: business events, in batches that are booked whole or not at all.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, Currency, PositiveMoney, PostingId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A payment by card came back to a deposit account.
    CardCredited,
    /// A payment by card left a deposit account.
    CardDebited,
    /// The scheme settled more than was cleared, and the difference was adjusted.
    CardDifference,
    /// A payment by card that was cleared could not be taken from the account: its holder owes it.
    CardReceivable,
    /// The scheme was paid.
    CardSettled,
    /// Cash was paid in.
    CashDeposited,
    /// Cash was paid out.
    CashWithdrawn,
    /// Reserved money was taken to the clearing account.
    HoldCaptured,
    /// A loan was paid out.
    LoanDisbursed,
    /// Interest on loans came to be owed.
    LoanInterestAccrued,
    /// Interest that was not on the books any more was paid.
    LoanInterestReceived,
    /// Interest on loans that are in doubt left the books.
    LoanInterestRemoved,
    /// What is owed off the balance sheet was noted.
    LoanMemo,
    /// More was set aside for the loss of loans.
    LoanProvisioned,
    /// Something was paid on a loan that is written off.
    LoanRecovered,
    /// A loan was paid back, all or part.
    LoanRepaid,
    /// Money for a loan left a deposit account.
    LoanSettledFromAccount,
    /// Money of a loan reached a deposit account.
    LoanSettledToAccount,
    /// A loan was written off against what was set aside for it.
    LoanWrittenOff,
    /// Money moved between two deposit accounts.
    Transferred,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::CardCredited,
        Self::CardDebited,
        Self::CardDifference,
        Self::CardReceivable,
        Self::CardSettled,
        Self::CashDeposited,
        Self::CashWithdrawn,
        Self::HoldCaptured,
        Self::LoanDisbursed,
        Self::LoanInterestAccrued,
        Self::LoanInterestReceived,
        Self::LoanInterestRemoved,
        Self::LoanMemo,
        Self::LoanProvisioned,
        Self::LoanRecovered,
        Self::LoanRepaid,
        Self::LoanSettledFromAccount,
        Self::LoanSettledToAccount,
        Self::LoanWrittenOff,
        Self::Transferred,
    ];

    /// As the rules and the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CardCredited => "CARD_CREDITED",
            Self::CardDebited => "CARD_DEBITED",
            Self::CardDifference => "CARD_DIFFERENCE",
            Self::CardReceivable => "CARD_RECEIVABLE",
            Self::CardSettled => "CARD_SETTLED",
            Self::CashDeposited => "CASH_DEPOSITED",
            Self::CashWithdrawn => "CASH_WITHDRAWN",
            Self::HoldCaptured => "HOLD_CAPTURED",
            Self::LoanDisbursed => "LOAN_DISBURSED",
            Self::LoanInterestAccrued => "LOAN_INTEREST_ACCRUED",
            Self::LoanInterestReceived => "LOAN_INTEREST_RECEIVED",
            Self::LoanInterestRemoved => "LOAN_INTEREST_REMOVED",
            Self::LoanMemo => "LOAN_MEMO",
            Self::LoanProvisioned => "LOAN_PROVISIONED",
            Self::LoanRecovered => "LOAN_RECOVERED",
            Self::LoanRepaid => "LOAN_REPAID",
            Self::LoanSettledFromAccount => "LOAN_SETTLED_FROM_ACCOUNT",
            Self::LoanSettledToAccount => "LOAN_SETTLED_TO_ACCOUNT",
            Self::LoanWrittenOff => "LOAN_WRITTEN_OFF",
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
    /// The amount that moved; of a loan, its principal.
    Principal,
    /// Interest.
    Interest,
    /// Penalty interest on principal that is late.
    Penalty,
    /// Interest on interest that is late.
    Compound,
    /// A fee: for paying early, or what the bank earns of a payment by card.
    Fee,
    /// What is set aside for a loss.
    Provision,
}

impl AmountKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Principal,
        Self::Interest,
        Self::Penalty,
        Self::Compound,
        Self::Fee,
        Self::Provision,
    ];

    /// As the rules write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Principal => "PRINCIPAL",
            Self::Interest => "INTEREST",
            Self::Penalty => "PENALTY",
            Self::Compound => "COMPOUND",
            Self::Fee => "FEE",
            Self::Provision => "PROVISION",
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
    /// Of the account debited, or of the only one, or of the loan or card.
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
