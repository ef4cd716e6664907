//! Interest day by day: the one rule, over nothing but the running period's own figures.

use chrono::NaiveDate;
use kernel::round_half_even;

use super::amounts::{add, sub};
use super::{Amounts, OutOfRange};

/// The running period of a loan: the interest that becomes due at its end, and how much of it has accrued.
///
/// Interest accrues evenly over the days from `from_on`, which is the start of the period, or the day on which the
/// principal last changed in it: then what had accrued until then is `carried_minor` and stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The first day of the period or, where the principal has changed in it, of the stretch since then.
    pub from_on: NaiveDate,
    /// When it ends and its instalment is due.
    pub due_on: NaiveDate,
    /// The interest of the whole period, minor units: that of its instalment.
    pub interest_minor: i64,
    /// What had accrued before `from_on`; 0 unless the principal has changed in the period.
    pub carried_minor: i64,
    /// What has accrued so far, the carried part included, on the books or in memo.
    pub accrued_minor: i64,
}

impl Running {
    /// A period that begins.
    pub const fn new(from_on: NaiveDate, due_on: NaiveDate, interest_minor: i64) -> Self {
        Self { from_on, due_on, interest_minor, carried_minor: 0, accrued_minor: 0 }
    }

    /// What has accrued through the end of a day:
    /// carried + round((interest − carried) × days elapsed / days of the stretch).
    /// On the last day of the period that is exactly its interest; before the stretch it is what was carried.
    pub fn accrued_through(&self, date: NaiveDate) -> Result<i64, OutOfRange> {
        let days = self.due_on.signed_duration_since(self.from_on).num_days();
        let elapsed = date.signed_duration_since(self.from_on).num_days();
        let elapsed = add(elapsed, 1)?.clamp(0, days.max(0));
        if days <= 0 {
            return Ok(self.interest_minor);
        }
        let interest = sub(self.interest_minor, self.carried_minor)?;
        let product = i128::from(interest).checked_mul(i128::from(elapsed)).ok_or(OutOfRange)?;
        add(self.carried_minor, round_half_even(product, i128::from(days))?)
    }

    /// Accrues through the end of a day, and answers what is new: interest alone, to be booked as receivable, or as memo
    /// of a loan whose interest is kept off the books. Days that are accrued already change nothing.
    ///
    /// This is all that most loans need on most days: nothing due, nothing late, no instalment read.
    pub fn accrue(&mut self, through: NaiveDate) -> Result<Amounts, OutOfRange> {
        let accrued = self.accrued_through(through)?.max(self.accrued_minor);
        let new = sub(accrued, self.accrued_minor)?;
        self.accrued_minor = accrued;
        Ok(Amounts::interest(new))
    }

    /// The period goes on with another principal from a day on: what has accrued is carried, and the rest of the period
    /// brings `rest_minor`.
    pub(super) fn restart(
        &mut self,
        from_on: NaiveDate,
        rest_minor: i64,
    ) -> Result<(), OutOfRange> {
        self.carried_minor = self.accrued_minor;
        self.interest_minor = add(self.accrued_minor, rest_minor)?;
        self.from_on = from_on;
        Ok(())
    }
}
