//! Money on its way between a loan and a deposit account.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountNumber, BusinessDate, Currency, CustomerId, LoanId, RequestId};
use uuid::Uuid;

use super::Rejection;

/// Which way, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// To the borrower.
    Disbursement,
    /// From the borrower, what is due.
    Repayment,
    /// From the borrower, before it is due.
    Prepayment,
    /// From the borrower, by the end of a day.
    Collection,
}

impl MovementKind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Disbursement, Self::Repayment, Self::Prepayment, Self::Collection];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Disbursement => "DISBURSEMENT",
            Self::Repayment => "REPAYMENT",
            Self::Prepayment => "PREPAYMENT",
            Self::Collection => "COLLECTION",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementStatus {
    /// Accepted; whether the money has moved is not known.
    Pending,
    /// The money has moved, and the loan with it.
    Done,
    /// Deposit refused; nothing has moved.
    Refused(Rejection),
}

impl MovementStatus {
    /// As the books write it; the reason of a refusal has a column of its own.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Done => "DONE",
            Self::Refused(_) => "REFUSED",
        }
    }
}

/// One call to deposit, written down before it is made. It ends exactly once; until then the loan takes no other, and the
/// end of the day leaves the loan alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Deposit's request id: asking again moves nothing twice.
    pub id: RequestId,
    /// The request that was accepted; for a collection the movement's own id.
    pub request_id: RequestId,
    /// Stands for that request's content.
    pub fingerprint: i64,
    /// The loan.
    pub loan_id: LoanId,
    /// The borrower.
    pub customer_id: CustomerId,
    /// The deposit account.
    pub account: AccountNumber,
    /// Why.
    pub kind: MovementKind,
    /// What was asked for, minor units, positive.
    pub amount_minor: i64,
    /// What has moved: 0 until it has; less than was asked for only by a collection.
    pub moved_minor: i64,
    /// Of the amounts.
    pub currency: Currency,
    /// The quote that is paid.
    pub quote_id: Option<Uuid>,
    /// How far it is.
    pub status: MovementStatus,
    /// The business date on which it was accepted.
    pub business_date: BusinessDate,
    /// From when it counts for the loan: its [`opening_on`](super::Loan::opening_on) when it was accepted.
    pub value_date: NaiveDate,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}
