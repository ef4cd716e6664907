//! A record of a clearing file, and how it meets its authorization.

use kernel::{CardId, Currency, RequestId};
use scheme::clearing::{ClearingKind, Part};
use uuid::Uuid;

use super::{Authorization, AuthorizationStatus, Kind};

/// Where a record is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemStatus {
    /// Taken; its file is not whole, or it has not been matched.
    Received,
    /// Matched; deposit is being asked.
    Posting,
    /// Posted.
    Posted,
    /// Needs a person.
    Exception,
    /// Sent back by a person.
    Returned,
}

impl ItemStatus {
    const ALL: [Self; 5] =
        [Self::Received, Self::Posting, Self::Posted, Self::Exception, Self::Returned];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "RECEIVED",
            Self::Posting => "POSTING",
            Self::Posted => "POSTED",
            Self::Exception => "EXCEPTION",
            Self::Returned => "RETURNED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// How a record met its authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// The whole amount.
    Full,
    /// Less, and no more will come.
    Partial,
    /// One of several.
    OneOfSeveral,
    /// More than was authorized.
    Above,
    /// The authorization had ended.
    Late,
    /// There is none.
    None,
    /// It was posted when it was authorized.
    AlreadyPosted,
}

impl Match {
    const ALL: [Self; 7] = [
        Self::Full,
        Self::Partial,
        Self::OneOfSeveral,
        Self::Above,
        Self::Late,
        Self::None,
        Self::AlreadyPosted,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Partial => "PARTIAL",
            Self::OneOfSeveral => "ONE_OF_SEVERAL",
            Self::Above => "ABOVE",
            Self::Late => "LATE",
            Self::None => "NONE",
            Self::AlreadyPosted => "ALREADY_POSTED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|found| found.code() == code)
    }
}

/// A record of a clearing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id here.
    pub id: Uuid,
    /// Its file.
    pub file_id: String,
    /// Its line there.
    pub line: i32,
    /// The scheme's reference.
    pub scheme_reference: String,
    /// What it clears.
    pub kind: ClearingKind,
    /// Whether more of the same authorization will come.
    pub part: Part,
    /// The card; `None` where the number is none of ours.
    pub card_id: Option<CardId>,
    /// The authorization that it names.
    pub authorization_id: RequestId,
    /// How much.
    pub amount_minor: i64,
    /// What this bank earns.
    pub fee_minor: i64,
    /// Of both.
    pub currency: Currency,
    /// How much deposit moved.
    pub posted_minor: i64,
    /// How much the holder owes because it did not.
    pub receivable_minor: i64,
    /// How often its posting was begun.
    pub attempt: i32,
    /// Where it is.
    pub status: ItemStatus,
    /// How it met its authorization.
    pub found: Option<Match>,
    /// Why it needs a person.
    pub exception: Option<String>,
}

/// An authorization as a record meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As it is.
    pub authorization: Authorization,
    /// How much was posted at once, or is about to be, by a 0200 or a completion; `None` where it was only reserved.
    pub posted_minor: Option<i64>,
    /// How much other records have posted, or are about to.
    pub by_records_minor: i64,
}

/// What is to be done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Post it: from which hold, and whether what is left of it stays.
    Post {
        /// How it was matched.
        found: Match,
        /// The hold to take it from first.
        hold_id: Option<Uuid>,
        /// Whether what is left stays reserved.
        keep_remainder: bool,
    },
    /// It is posted already.
    Nothing,
    /// A person must look.
    Exception(&'static str),
}

impl Item {
    /// What is to be done, given the authorization it names, if it is there and of the same card.
    pub fn step(&self, met: Option<&Named>, force: bool) -> Step {
        let none = Step::Post { found: Match::None, hold_id: None, keep_remainder: false };
        let Some(met) = met.filter(|_| !force) else { return none };
        let named = &met.authorization;
        if named.card_id != self.card_id || named.currency != self.currency {
            return none;
        }
        let refund = self.kind == ClearingKind::Refund;
        if refund != (named.kind == Kind::Refund) {
            return none;
        }
        match met.posted_minor {
            Some(posted_minor) => self.step_of_posted(named, posted_minor),
            None => self.step_of_reserved(named, met.by_records_minor),
        }
    }

    /// What was posted at once is compared with the records, the whole of it or part by part.
    fn step_of_posted(&self, named: &Authorization, posted_minor: i64) -> Step {
        if named.status == AuthorizationStatus::Reversed {
            return Step::Exception("AUTHORIZATION_ENDED");
        }
        let left = posted_minor.saturating_sub(named.matched_minor);
        let more = self.part == Part::OneOfSeveral;
        match self.amount_minor.cmp(&left) {
            _ if left == 0 => Step::Exception("ALREADY_CLEARED"),
            std::cmp::Ordering::Equal => Step::Nothing,
            std::cmp::Ordering::Less if more => Step::Nothing,
            _ => Step::Exception("AMOUNT_DIFFERS"),
        }
    }

    fn step_of_reserved(&self, named: &Authorization, by_records_minor: i64) -> Step {
        let late = Step::Post { found: Match::Late, hold_id: None, keep_remainder: false };
        match named.status {
            AuthorizationStatus::Approved | AuthorizationStatus::PartlyCleared => {}
            AuthorizationStatus::Expired | AuthorizationStatus::Reversed
                if by_records_minor >= named.amount_minor =>
            {
                return Step::Exception("ALREADY_CLEARED");
            }
            AuthorizationStatus::Expired | AuthorizationStatus::Reversed => return late,
            AuthorizationStatus::Cleared => return Step::Exception("ALREADY_CLEARED"),
            AuthorizationStatus::Declined | AuthorizationStatus::Fenced => {
                return Step::Exception("NOT_APPROVED");
            }
        }
        let left = named.amount_minor.saturating_sub(named.cleared_minor);
        let more = self.part == Part::OneOfSeveral;
        let found = match self.amount_minor.cmp(&left) {
            std::cmp::Ordering::Greater => Match::Above,
            _ if more || named.cleared_minor > 0 => Match::OneOfSeveral,
            std::cmp::Ordering::Equal => Match::Full,
            std::cmp::Ordering::Less => Match::Partial,
        };
        Step::Post { found, hold_id: named.hold_id, keep_remainder: more }
    }
}
