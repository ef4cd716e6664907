//! The business date: the day that the books are open for.
//!
//! It is not the clock. Accounting owns it and moves it forward at cut-over (日切), which may be hours before
//! or after midnight and may skip holidays; at ten in the evening the bank may already be posting for
//! tomorrow. So it is a type of its own that is never made from `now()`: it is read from accounting's
//! business day, and each posting carries exactly one.
//!
//! Absent on purpose: `today()`, calendars and holidays (accounting decides which day comes next), and any
//! conversion from an instant.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// A day of the books. Ordered by the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDate(NaiveDate);

/// The text is not a date of the calendar written `YYYY-MM-DD`.
///
/// It does not repeat the text, which comes from outside and may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date written as YYYY-MM-DD")]
pub struct InvalidDate;

impl BusinessDate {
    /// Takes a date that accounting gave out, such as one read from a table.
    pub const fn from_date(date: NaiveDate) -> Self {
        Self(date)
    }

    /// The date of the calendar, as the database keeps it.
    pub const fn as_date(self) -> NaiveDate {
        self.0
    }

    /// Reads exactly `YYYY-MM-DD`, years 0001 to 9999 (ISO 8601, extended format).
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        let date: NaiveDate = text.parse().map_err(|_| InvalidDate)?;
        // chrono is lenient about spaces, signs and missing zeros; there is one spelling of a date here.
        if date.year() >= 1 && date.to_string() == text && text.len() == 10 {
            Ok(Self(date))
        } else {
            Err(InvalidDate)
        }
    }

    /// The day after it in the calendar, `None` after the last that chrono knows. Whether that is the next
    /// business date is for accounting to say.
    pub fn next(self) -> Option<Self> {
        self.0.succ_opt().map(Self)
    }

    /// The day before it in the calendar, `None` before the first that chrono knows.
    pub fn previous(self) -> Option<Self> {
        self.0.pred_opt().map(Self)
    }
}

/// `2026-03-20`.
impl fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn every_date_of_four_digit_years_survives_being_printed_and_parsed(
            year in 1_i32..=9_999, day in 1_u32..=365,
        ) {
            let date = BusinessDate::from_date(NaiveDate::from_yo_opt(year, day).unwrap());

            prop_assert_eq!(BusinessDate::parse(&date.to_string()), Ok(date));
            prop_assert_eq!(date.next().and_then(BusinessDate::previous), Some(date));
        }
    }

    #[test]
    fn the_calendar_is_followed_across_months_and_leap_days() {
        assert_eq!(date("2024-02-28").next(), Some(date("2024-02-29")));
        assert_eq!(date("2026-02-28").next(), Some(date("2026-03-01")));
        assert_eq!(date("2026-01-01").previous(), Some(date("2025-12-31")));
        assert!(date("2025-12-31") < date("2026-01-01"));
    }

    #[test]
    fn the_ends_of_the_calendar_have_no_neighbour() {
        assert_eq!(BusinessDate::from_date(NaiveDate::MAX).next(), None);
        assert_eq!(BusinessDate::from_date(NaiveDate::MIN).previous(), None);
    }

    #[test]
    fn other_spellings_and_impossible_dates_are_refused() {
        for text in [
            "",
            "2026-3-20",
            "2026-03-20 ",
            " 2026-03-20",
            "+2026-03-20",
            "20260320",
            "2026/03/20",
            "2026-02-29",
            "2026-13-01",
            "0000-01-01",
            "-001-01-01",
            "12026-03-20",
            "2026-03-20T00:00:00Z",
        ] {
            assert_eq!(BusinessDate::parse(text), Err(InvalidDate), "{text}");
        }
    }
}
