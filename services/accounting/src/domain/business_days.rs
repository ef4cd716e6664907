//! The bank's business date and its cut-over (日切).
//!
//! Invariants: exactly one date is open; at most one, the day before it, is closing and still takes the last postings
//! that its sources deliver; every earlier one is closed for ever. Dates follow one another without a gap: each
//! calendar day is a business date.

use std::collections::BTreeSet;

use kernel::BusinessDate;

use super::rejection::Rejection;

/// Whether a date takes postings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayStatus {
    /// It does, and new postings carry it.
    Open,
    /// It does, until every source has delivered the last of it.
    Closing,
    /// It does not.
    Closed,
}

impl DayStatus {
    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Open, Self::Closing, Self::Closed].into_iter().find(|status| status.code() == code)
    }

    /// Whether a batch of this date can be booked.
    pub const fn takes_postings(self) -> bool {
        matches!(self, Self::Open | Self::Closing)
    }
}

/// The date that was left and is not closed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Which.
    pub date: BusinessDate,
    /// The sources that have delivered everything of it.
    pub confirmed: BTreeSet<String>,
}

/// The business dates of the bank, as far as anything about them can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessDays {
    /// The first date that the bank ever had.
    pub first: BusinessDate,
    /// The open one.
    pub current: BusinessDate,
    /// The one being closed.
    pub closing: Option<Closing>,
}

impl BusinessDays {
    /// Leaves `from` for the next date, which it answers.
    pub fn cut_over(&mut self, from: BusinessDate) -> Result<BusinessDate, Rejection> {
        if from != self.current {
            return Err(Rejection::BusinessDateNotCurrent);
        }
        if self.closing.is_some() {
            return Err(Rejection::CutOverInProgress);
        }
        // The calendar of a bank does not end; chrono's does, in the year 262142.
        let next = from.next().ok_or(Rejection::BusinessDateUnknown)?;
        self.closing = Some(Closing { date: from, confirmed: BTreeSet::new() });
        self.current = next;
        Ok(next)
    }

    /// Notes that `source` has delivered everything of `date`, and closes the date once each of `sources` has.
    /// Answers the date's status. Confirming again changes nothing.
    pub fn confirm(
        &mut self,
        source: &str,
        date: BusinessDate,
        sources: &[String],
    ) -> Result<DayStatus, Rejection> {
        if date < self.first || date > self.current {
            return Err(Rejection::BusinessDateUnknown);
        }
        if date == self.current {
            return Err(Rejection::BusinessDateOpen);
        }
        let Some(closing) = self.closing.as_mut().filter(|closing| closing.date == date) else {
            return Ok(DayStatus::Closed);
        };
        closing.confirmed.insert(source.to_owned());
        if sources.iter().all(|source| closing.confirmed.contains(source)) {
            self.closing = None;
            return Ok(DayStatus::Closed);
        }
        Ok(DayStatus::Closing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    fn monday() -> BusinessDays {
        let first = date("2026-11-23");
        BusinessDays { first, current: first, closing: None }
    }

    fn sources() -> Vec<String> {
        ["deposit", "loan", "card"].map(str::to_owned).to_vec()
    }

    #[test]
    fn cutting_over_opens_the_next_day_beside_the_one_that_is_left() {
        let mut days = monday();

        assert_eq!(days.cut_over(date("2026-11-23")), Ok(date("2026-11-24")));
        assert_eq!(days.current, date("2026-11-24"));
        assert_eq!(days.closing.map(|closing| closing.date), Some(date("2026-11-23")));
    }

    #[test]
    fn a_repeated_order_does_not_skip_a_day() {
        let mut days = monday();
        days.cut_over(date("2026-11-23")).unwrap();

        assert_eq!(days.cut_over(date("2026-11-23")), Err(Rejection::BusinessDateNotCurrent));
        assert_eq!(days.current, date("2026-11-24"));
    }

    #[test]
    fn the_next_cut_over_waits_until_the_day_before_is_closed() {
        let mut days = monday();
        days.cut_over(date("2026-11-23")).unwrap();

        assert_eq!(days.cut_over(date("2026-11-24")), Err(Rejection::CutOverInProgress));
    }

    #[test]
    fn a_day_closes_with_the_confirmation_of_its_last_source() {
        let mut days = monday();
        days.cut_over(date("2026-11-23")).unwrap();
        let mut confirm = |source| days.confirm(source, date("2026-11-23"), &sources());

        assert_eq!(confirm("deposit"), Ok(DayStatus::Closing));
        assert_eq!(confirm("deposit"), Ok(DayStatus::Closing));
        assert_eq!(confirm("loan"), Ok(DayStatus::Closing));
        assert_eq!(confirm("card"), Ok(DayStatus::Closed));
        assert_eq!(confirm("deposit"), Ok(DayStatus::Closed));
        assert_eq!(days.cut_over(date("2026-11-24")), Ok(date("2026-11-25")));
    }

    #[test]
    fn a_day_that_is_not_over_or_never_was_cannot_be_confirmed() {
        let mut days = monday();
        let mut confirm = |on| days.confirm("deposit", date(on), &sources());

        assert_eq!(confirm("2026-11-23"), Err(Rejection::BusinessDateOpen));
        assert_eq!(confirm("2026-11-22"), Err(Rejection::BusinessDateUnknown));
        assert_eq!(confirm("2026-11-24"), Err(Rejection::BusinessDateUnknown));
    }
}
