//! Paying a loan out: whole, or in tranches before the first due date.

use chrono::NaiveDate;

use super::amounts::{add, sub};
use super::schedule::{self, Size};
use super::{
    Amounts, Effects, EntryKind, EventKind, Loan, LoanStatus, OutOfRange, Rejection, Running,
};

impl Loan {
    /// What is approved and not paid out yet.
    pub fn undisbursed_minor(&self) -> Result<i64, OutOfRange> {
        sub(self.terms.amount_minor, self.disbursed_minor)
    }

    /// Whether an amount can be paid out.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`] unless APPROVED or ACTIVE; [`Rejection::TrancheTooLate`] from the first due date
    /// on; [`Rejection::AmountOutOfRange`] below 1 or above what is left of the approval.
    pub fn check_disbursement(&self, amount_minor: i64) -> Result<(), Rejection> {
        match self.status {
            LoanStatus::Approved => {}
            LoanStatus::Active => {
                let today = self.today()?;
                if self.instalments.first().is_none_or(|first| today >= first.due_on) {
                    return Err(Rejection::TrancheTooLate);
                }
            }
            _ => return Err(Rejection::IllegalTransition),
        }
        let left = self.undisbursed_minor()?;
        if (1..=left).contains(&amount_minor) { Ok(()) } else { Err(Rejection::AmountOutOfRange) }
    }

    /// Pays out. The first time on a date, which makes the schedule; after that on
    /// [`opening_on`](Self::opening_on), whatever the date, and the schedule is made anew with as many instalments.
    ///
    /// # Errors
    /// As [`check_disbursement`](Self::check_disbursement); [`Rejection::ProductUnknown`] where the product's benchmark
    /// has no value on the date.
    pub fn disburse(&mut self, amount_minor: i64, on: NaiveDate) -> Result<Effects, Rejection> {
        self.check_disbursement(amount_minor)?;
        if self.status == LoanStatus::Approved {
            self.begin(amount_minor, on)?;
        } else {
            let index = self.running_index().ok_or(OutOfRange)?;
            let balance = add(self.balance_from(index)?, amount_minor)?;
            self.change_principal(index, balance, Size::Spread)?;
        }
        self.disbursed_minor = add(self.disbursed_minor, amount_minor)?;
        self.principal_minor = add(self.principal_minor, amount_minor)?;
        let principal = Amounts::principal(amount_minor);
        let mut effects = Effects::default();
        self.record(EntryKind::Disbursed, principal, &mut effects)?;
        effects.tell(EventKind::Disbursed, principal)?;
        self.review(&mut effects)?;
        Ok(effects)
    }

    fn begin(&mut self, amount_minor: i64, on: NaiveDate) -> Result<(), Rejection> {
        let instalments = schedule::first(&self.product, &self.terms, amount_minor, on)?;
        let first = instalments.first().ok_or(OutOfRange)?;
        self.rate = first.rate;
        self.running = Some(Running::new(on, first.due_on, first.interest_minor));
        self.instalments = instalments;
        self.disbursed_on = Some(on);
        self.calculated_through = Some(on.pred_opt().ok_or(OutOfRange)?);
        self.status = LoanStatus::Active;
        Ok(())
    }
}
