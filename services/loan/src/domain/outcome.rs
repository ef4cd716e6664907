//! What the bank decided on one request.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, Currency, LoanId, RequestId};
use uuid::Uuid;

use super::Rejection;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A loan applied for.
    Application,
    /// An application approved or declined.
    ApplicationDecision,
    /// A payment to the borrower.
    Disbursement,
    /// A payment of what is due, or a recovery.
    Repayment,
    /// A quote for paying back early.
    Quote,
    /// A payment of what is not due yet.
    Prepayment,
    /// A category set by hand.
    Classification,
    /// A write-off proposed.
    WriteOffProposal,
    /// A proposed write-off done or rejected.
    WriteOffDecision,
    /// The end of a day begun.
    EndOfDay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Application,
        Self::ApplicationDecision,
        Self::Disbursement,
        Self::Repayment,
        Self::Quote,
        Self::Prepayment,
        Self::Classification,
        Self::WriteOffProposal,
        Self::WriteOffDecision,
        Self::EndOfDay,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Application => "APPLICATION",
            Self::ApplicationDecision => "APPLICATION_DECISION",
            Self::Disbursement => "DISBURSEMENT",
            Self::Repayment => "REPAYMENT",
            Self::Quote => "QUOTE",
            Self::Prepayment => "PREPAYMENT",
            Self::Classification => "CLASSIFICATION",
            Self::WriteOffProposal => "WRITE_OFF_PROPOSAL",
            Self::WriteOffDecision => "WRITE_OFF_DECISION",
            Self::EndOfDay => "END_OF_DAY",
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
    Done,
    /// Refused; nothing changed.
    Refused(Rejection),
}

impl Decision {
    /// As the books write it: `DONE` or the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::Refused(rejection) => rejection.code(),
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        if code == "DONE" {
            return Some(Self::Done);
        }
        Rejection::from_code(code).map(Self::Refused)
    }
}

/// What the bank decided on one request id. Once written it never changes. A request that moves money has its outcome
/// only once the money has moved or certainly will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The request.
    pub request_id: RequestId,
    /// Stands for the request's content.
    pub fingerprint: i64,
    /// What was asked.
    pub kind: Kind,
    /// What was decided.
    pub decision: Decision,
    /// The loan; `None` where the request names no such loan, or is not about one.
    pub loan_id: Option<LoanId>,
    /// The quote made or used, the movement, or the proposal.
    pub subject_id: Option<Uuid>,
    /// Minor units; 0 where the request has no amount.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// The business date it belongs to.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
}
