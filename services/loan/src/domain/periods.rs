//! Due dates, and the periods between them.
//!
//! Instalments are due on the due day of each month or, in shorter months, on its last day; the first on the first such
//! date that is at least 15 days after the money was paid out. So the first period has 15 to 45 days.

use chrono::{Datelike, Days, Months, NaiveDate};
use kernel::YearFraction;

use super::OutOfRange;

/// The fewest days from the payment to the borrower to the first due date.
const FIRST_PERIOD_DAYS: u64 = 15;

/// The days that bear interest for one instalment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// The first day.
    pub start_on: NaiveDate,
    /// The day after the last: when it is due.
    pub due_on: NaiveDate,
}

/// A period in months: the first one may be broken, the others are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WholeMonths {
    /// Months after the first.
    further: i64,
    /// Days of the first, where it is broken.
    broken_days: Option<i64>,
}

impl Period {
    /// The days from the first to the due date.
    pub(super) fn days(self) -> i64 {
        self.due_on.signed_duration_since(self.start_on).num_days()
    }

    /// How many months the period has, from one due date to the next.
    pub(super) fn months(self, due_day: u32) -> Result<WholeMonths, OutOfRange> {
        let first = first_due_on(self.start_on, due_day)?;
        let before = first.checked_sub_months(Months::new(1)).ok_or(OutOfRange)?;
        let whole = in_month(before, due_day)? == self.start_on;
        let broken = Self { start_on: self.start_on, due_on: first }.days();
        Ok(WholeMonths {
            further: months_since_year_0(self.due_on)
                .checked_sub(months_since_year_0(first))
                .ok_or(OutOfRange)?,
            broken_days: (!whole).then_some(broken),
        })
    }
}

impl WholeMonths {
    /// Its twelfths of a year, where no month is broken.
    pub(super) fn whole(self) -> Option<Result<YearFraction, OutOfRange>> {
        if self.broken_days.is_some() {
            return None;
        }
        let months = self.further.checked_add(1).ok_or(OutOfRange);
        Some(months.and_then(|months| part_of_year(months, 12)))
    }

    /// Whole months as twelfths, and the days of the broken one as 360ths of a year.
    pub(super) fn with_days_of_broken_one(self) -> Result<YearFraction, OutOfRange> {
        let days = self.further.checked_mul(30).ok_or(OutOfRange)?;
        let days = days.checked_add(self.broken_days.unwrap_or(30)).ok_or(OutOfRange)?;
        part_of_year(days, 360)
    }
}

fn part_of_year(numerator: i64, denominator: i64) -> Result<YearFraction, OutOfRange> {
    YearFraction::try_new(numerator, denominator).map_err(|_| OutOfRange)
}

/// The due date of the month that a date is in.
fn in_month(date: NaiveDate, due_day: u32) -> Result<NaiveDate, OutOfRange> {
    // The due day itself or, in a month that is too short for it, the last of its days.
    (28..=due_day.max(28))
        .rev()
        .map(|last| due_day.min(last))
        .find_map(|day| date.with_day(day))
        .ok_or(OutOfRange)
}

/// The first due date of a loan that is paid out on a date.
pub(super) fn first_due_on(disbursed_on: NaiveDate, due_day: u32) -> Result<NaiveDate, OutOfRange> {
    let earliest = disbursed_on.checked_add_days(Days::new(FIRST_PERIOD_DAYS)).ok_or(OutOfRange)?;
    let due_on = in_month(earliest, due_day)?;
    if due_on >= earliest { Ok(due_on) } else { due_after(earliest, due_day, 1) }
}

/// The due date so many months after the month of a date.
fn due_after(date: NaiveDate, due_day: u32, months: u32) -> Result<NaiveDate, OutOfRange> {
    in_month(date.checked_add_months(Months::new(months)).ok_or(OutOfRange)?, due_day)
}

/// The monthly periods of a loan.
pub(super) fn monthly(
    disbursed_on: NaiveDate,
    due_day: u32,
    months: u32,
) -> Result<Vec<Period>, OutOfRange> {
    let first = first_due_on(disbursed_on, due_day)?;
    let mut start_on = disbursed_on;
    let mut period = |month| {
        let due_on = due_after(first, due_day, month)?;
        let period = Period { start_on, due_on };
        start_on = due_on;
        Ok(period)
    };
    (0..months).map(&mut period).collect()
}

fn months_since_year_0(date: NaiveDate) -> i64 {
    i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month0()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::date;
    use super::*;

    fn due_dates(disbursed_on: &str, due_day: u32, months: u32) -> Vec<String> {
        let periods = monthly(date(disbursed_on), due_day, months).unwrap();
        periods.iter().map(|period| period.due_on.to_string()).collect()
    }

    #[test]
    fn the_first_due_date_is_at_least_fifteen_days_away() {
        assert_eq!(due_dates("2026-03-05", 20, 2), ["2026-03-20", "2026-04-20"]);
        assert_eq!(due_dates("2026-03-06", 20, 2), ["2026-04-20", "2026-05-20"]);
        assert_eq!(due_dates("2026-12-20", 1, 2), ["2027-02-01", "2027-03-01"]);
    }

    #[test]
    fn the_thirty_first_is_the_last_day_of_each_month() {
        assert_eq!(
            due_dates("2027-12-31", 31, 4),
            ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
        );
        assert_eq!(due_dates("2026-01-30", 29, 2), ["2026-02-28", "2026-03-29"]);
    }

    #[test]
    fn a_month_is_whole_from_due_date_to_due_date() {
        let whole = |start, due, due_day| {
            let period = Period { start_on: date(start), due_on: date(due) };
            period.months(due_day).unwrap().whole().map(|part| {
                let part = part.unwrap();
                (part.numerator(), part.denominator())
            })
        };

        assert_eq!(whole("2026-02-28", "2026-03-31", 31), Some((1, 12)));
        assert_eq!(whole("2026-01-31", "2026-02-28", 31), Some((1, 12)));
        assert_eq!(whole("2026-03-10", "2026-09-10", 10), Some((1, 2)));
        assert_eq!(whole("2026-03-10", "2026-04-20", 20), None);
    }

    #[test]
    fn the_days_of_a_broken_month_come_on_top_of_the_whole_ones() {
        let period = Period { start_on: date("2026-03-10"), due_on: date("2026-06-20") };
        let part = period.months(20).unwrap().with_days_of_broken_one().unwrap();

        // 41 days to 20 April, and two months.
        assert_eq!(part, YearFraction::try_new(41 + 60, 360).unwrap());
    }
}
