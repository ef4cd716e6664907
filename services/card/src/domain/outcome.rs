//! What the bank decided on one request, other than one of the scheme.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, CardId, RequestId};
use uuid::Uuid;

use super::Rejection;

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $Name:ident = $code:literal;)+) => {
        /// What a request does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[doc = $meaning])+ $Name,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$Name),+];

            /// As the books write it.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$Name => $code,)+
                }
            }
        }
    };
}

kinds! {
    /// A card issued.
    Issue = "ISSUE_CARD";
    /// A card made usable.
    Activate = "ACTIVATE_CARD";
    /// A PIN set.
    SetPin = "SET_PIN";
    /// A PIN changed.
    ChangePin = "CHANGE_PIN";
    /// A PIN verified.
    VerifyPin = "VERIFY_PIN";
    /// A card blocked.
    Block = "BLOCK_CARD";
    /// A card unblocked.
    Unblock = "UNBLOCK_CARD";
    /// A card reported missing.
    ReportMissing = "REPORT_CARD_MISSING";
    /// A card replaced.
    Replace = "REPLACE_CARD";
    /// A card renewed.
    Renew = "RENEW_CARD";
    /// A card ended.
    Cancel = "CANCEL_CARD";
    /// Switches set.
    SetSwitches = "SET_CARD_SWITCHES";
    /// Limits set.
    SetLimits = "SET_CARD_LIMITS";
    /// A number shown.
    Reveal = "REVEAL_CARD";
    /// A part of a clearing file taken.
    SubmitPart = "SUBMIT_CLEARING_PART";
    /// A clearing file closed.
    CloseFile = "CLOSE_CLEARING_FILE";
    /// A clearing record decided by a person.
    ResolveException = "RESOLVE_CLEARING_EXCEPTION";
    /// A settlement report taken.
    SubmitReport = "SUBMIT_SETTLEMENT_REPORT";
    /// A break resolved.
    ResolveBreak = "RESOLVE_SETTLEMENT_BREAK";
}

impl Kind {
    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Done, and in the books.
    Done,
    /// Refused.
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

/// What the bank decided on one request id. Once written it never changes.
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
    /// The card; `None` where the request names no such card, or is not about one.
    pub card_id: Option<CardId>,
    /// The new card, the record or the break.
    pub subject_id: Option<Uuid>,
    /// The business date it belongs to.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
}
