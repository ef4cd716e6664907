//! Every way in which the general ledger says no to a well-formed request.
//!
//! A refused cut-over or confirmation is recorded under its request id and answered again. A refused batch is not:
//! once its rule exists, or once somebody has put right what its source got wrong, delivering it again must book it.

use kernel::PostingId;

/// Why a request or a batch was refused. `docs/reference/errors.md` explains each to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejection {
    /// The amounts of an event sum to more than a journal can keep.
    #[error("the amounts sum to more than can be kept")]
    AmountOverflow,
    /// The source used the number of a booked batch for another one.
    #[error("the batch number was used for another batch")]
    BatchNumberReused,
    /// The business date takes no postings, any more or at all.
    #[error("the business date is not open")]
    BusinessDateClosed,
    /// Only the current business date can be left.
    #[error("the business date to leave is not the current one")]
    BusinessDateNotCurrent,
    /// A source finishes a date only after the cut-over from it.
    #[error("the business date has not been left yet")]
    BusinessDateOpen,
    /// The bank never was at this business date.
    #[error("there is no such business date")]
    BusinessDateUnknown,
    /// The date before the current one is not closed yet.
    #[error("the previous business date is not closed yet")]
    CutOverInProgress,
    /// An event of the batch lacks something that every event has.
    #[error("an event is malformed")]
    EventMalformed,
    /// The request id was used before for a request with other content. Not recorded: the first outcome stays.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// No accounting rule says how to book an event of the batch.
    #[error("no accounting rule covers an event")]
    RuleMissing,
}

impl Rejection {
    /// All of them, for the error reference and for tests that must miss none.
    pub const ALL: [Self; 10] = [
        Self::AmountOverflow,
        Self::BatchNumberReused,
        Self::BusinessDateClosed,
        Self::BusinessDateNotCurrent,
        Self::BusinessDateOpen,
        Self::BusinessDateUnknown,
        Self::CutOverInProgress,
        Self::EventMalformed,
        Self::RequestIdReused,
        Self::RuleMissing,
    ];

    /// The reason as callers and the books know it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AmountOverflow => "AMOUNT_OVERFLOW",
            Self::BatchNumberReused => "BATCH_NUMBER_REUSED",
            Self::BusinessDateClosed => "BUSINESS_DATE_CLOSED",
            Self::BusinessDateNotCurrent => "BUSINESS_DATE_NOT_CURRENT",
            Self::BusinessDateOpen => "BUSINESS_DATE_OPEN",
            Self::BusinessDateUnknown => "BUSINESS_DATE_UNKNOWN",
            Self::CutOverInProgress => "CUT_OVER_IN_PROGRESS",
            Self::EventMalformed => "EVENT_MALFORMED",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::RuleMissing => "RULE_MISSING",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.code() == code)
    }
}

/// Why a batch is not in the books, and which of its events is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRefusal {
    /// The reason.
    pub rejection: Rejection,
    /// The event, where it is one and it has an id.
    pub posting: Option<PostingId>,
    /// What exactly is missing or wrong, for whoever must put it right.
    pub detail: String,
}

impl BatchRefusal {
    /// A refusal of the batch as a whole.
    pub fn of_batch(rejection: Rejection, detail: impl Into<String>) -> Self {
        Self { rejection, posting: None, detail: detail.into() }
    }

    /// A refusal because of one event.
    pub fn of_event(rejection: Rejection, posting: PostingId, detail: impl Into<String>) -> Self {
        Self { rejection, posting: Some(posting), detail: detail.into() }
    }
}
