//! What was decided on an order to cut over, or on a source's word that it has finished a date.

use kernel::{BusinessDate, RequestId};

use super::rejection::Rejection;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayRequestKind {
    /// An order to leave the current business date.
    CutOver,
    /// A source's word that it has delivered everything of a date.
    Confirm,
}

impl DayRequestKind {
    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CutOver => "CUT_OVER",
            Self::Confirm => "CONFIRM",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::CutOver, Self::Confirm].into_iter().find(|kind| kind.code() == code)
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayDecision {
    /// New postings carry this date now.
    CutOver(BusinessDate),
    /// The word of a source is noted.
    Confirmed {
        /// Which date it has finished.
        date: BusinessDate,
        /// It was the last source, or the date was closed before.
        closed: bool,
    },
    /// Nothing changed.
    Refused(Rejection),
}

impl DayDecision {
    /// As the books write it: DONE, CLOSED, or the reason of the refusal.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CutOver(_) | Self::Confirmed { closed: false, .. } => "DONE",
            Self::Confirmed { closed: true, .. } => "CLOSED",
            Self::Refused(rejection) => rejection.code(),
        }
    }

    /// The date that it is about; `None` where refused.
    pub const fn date(self) -> Option<BusinessDate> {
        match self {
            Self::CutOver(date) | Self::Confirmed { date, .. } => Some(date),
            Self::Refused(_) => None,
        }
    }

    /// The decision that the books write so; `None` where they would not.
    pub fn from_parts(
        kind: DayRequestKind,
        code: &str,
        date: Option<BusinessDate>,
    ) -> Option<Self> {
        match (kind, code, date) {
            (DayRequestKind::CutOver, "DONE", Some(date)) => Some(Self::CutOver(date)),
            (DayRequestKind::Confirm, "DONE" | "CLOSED", Some(date)) => {
                Some(Self::Confirmed { date, closed: code == "CLOSED" })
            }
            (_, code, None) => Rejection::from_code(code).map(Self::Refused),
            _ => None,
        }
    }
}

/// The decision on a request id, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOutcome {
    /// Whose.
    pub request_id: RequestId,
    /// Stands for the request's content.
    pub fingerprint: i64,
    /// What was asked for.
    pub kind: DayRequestKind,
    /// What was decided.
    pub decision: DayDecision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decision_is_read_back_as_it_was_written() {
        let date = BusinessDate::parse("2026-11-24").unwrap();
        let mut decisions = vec![
            (DayRequestKind::CutOver, DayDecision::CutOver(date)),
            (DayRequestKind::Confirm, DayDecision::Confirmed { date, closed: false }),
            (DayRequestKind::Confirm, DayDecision::Confirmed { date, closed: true }),
        ];
        for rejection in Rejection::ALL {
            decisions.push((DayRequestKind::CutOver, DayDecision::Refused(rejection)));
        }

        for (kind, decision) in decisions {
            let read = DayDecision::from_parts(kind, decision.code(), decision.date());
            assert_eq!(read, Some(decision));
        }
    }
}
