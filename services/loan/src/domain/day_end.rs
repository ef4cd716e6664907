//! The end of a day: interest, arrears and what follows from them, one date after another.
//!
//! It is the same whether the end-of-day job does it or the next command on the loan, and whether day by day or all at
//! once. Most loans on most days are plain: nothing is due and nothing late; then all that happens is
//! [`Running::accrue`], which needs no instalment.

use chrono::NaiveDate;

use super::amounts::add;
use super::schedule::Size;
use super::{Amounts, Effects, EventKind, Loan, LoanStatus, OutOfRange, Running};

impl Running {
    /// Whether the end of a day, and of all before it, is plain for an ACTIVE loan: [`accrue`](Self::accrue) is all that
    /// happens, and books receivable interest. `days_overdue` is the loan's.
    pub fn is_plain(&self, days_overdue: i64, date: NaiveDate) -> bool {
        days_overdue == 0 && date < self.due_on
    }
}

impl Loan {
    /// Runs the end of every date that is not done yet, up to one. Dates that are done change nothing. Needs the
    /// instalments unless [`Running::is_plain`].
    pub fn advance(&mut self, through: NaiveDate) -> Result<Effects, OutOfRange> {
        let mut effects = Effects::default();
        if self.status == LoanStatus::WrittenOff {
            // Nothing accrues any more.
            self.calculated_through = self.calculated_through.max(Some(through));
        }
        while self.status == LoanStatus::Active
            && let Some(date) = self.opening_on().filter(|date| *date <= through)
        {
            match &self.running {
                Some(running) if running.is_plain(self.days_overdue, date) => {
                    let last = running.due_on.pred_opt().ok_or(OutOfRange)?;
                    let until = through.min(last);
                    self.accrue(until, &mut effects)?;
                    self.calculated_through = Some(until);
                }
                _ => self.end_day(date, &mut effects)?,
            }
        }
        Ok(effects)
    }

    fn end_day(&mut self, date: NaiveDate, effects: &mut Effects) -> Result<(), OutOfRange> {
        if self.running.is_some_and(|running| running.due_on <= date) {
            self.enter_next_period()?;
        }
        self.accrue(date, effects)?;
        self.charge_late_day(date, effects)?;
        self.calculated_through = Some(date);
        self.review(effects)
    }

    /// The next period begins, at the rate of its first day; a new rate makes the rest of the schedule anew.
    fn enter_next_period(&mut self) -> Result<(), OutOfRange> {
        let next = self.running_index().ok_or(OutOfRange)?.saturating_add(1);
        self.running = None;
        self.touch()?;
        let Some(instalment) = self.instalments.get(next) else { return Ok(()) };
        let start_on = instalment.period_start_on;
        let disbursed_on = self.disbursed_on.unwrap_or(start_on);
        let rate = self.product.rate_in_period(disbursed_on, start_on);
        if let Some(rate) = rate.filter(|rate| *rate != self.rate) {
            self.rate = rate;
            let balance = self.balance_from(next)?;
            self.remake(next, balance, None, Size::Spread)?;
        }
        let instalment = self.instalments.get(next).ok_or(OutOfRange)?;
        self.running = Some(Running::new(start_on, instalment.due_on, instalment.interest_minor));
        Ok(())
    }

    fn accrue(&mut self, through: NaiveDate, effects: &mut Effects) -> Result<(), OutOfRange> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let new = running.accrue(through)?;
        self.book(new, effects)
    }

    /// Penalty and compound interest of one day on every late instalment. Within the grace days they are counted but not
    /// charged; beyond, they are charged from the due date.
    fn charge_late_day(
        &mut self,
        date: NaiveDate,
        effects: &mut Effects,
    ) -> Result<(), OutOfRange> {
        let mut new = Amounts::NONE;
        for instalment in &mut self.instalments {
            if instalment.due_on > date {
                break;
            }
            if instalment.is_open() {
                let late = date.signed_duration_since(instalment.due_on).num_days();
                // The end of the due date itself ends the first late day.
                let charged = late >= self.product.grace_days;
                let day = instalment.late_day(self.product.penalty_multiple_ppm, charged)?;
                new = new.plus(day)?;
            }
        }
        self.book(new, effects)
    }

    /// Interest of any kind has arisen: on the books or, while it is kept off them, in memo.
    fn book(&mut self, new: Amounts, effects: &mut Effects) -> Result<(), OutOfRange> {
        if self.non_accrual {
            self.memo_minor = add(self.memo_minor, new.total()?)?;
            effects.tell(EventKind::Memo, new)
        } else {
            self.receivable_minor = add(self.receivable_minor, new.total()?)?;
            effects.tell(EventKind::InterestAccrued, new)
        }
    }
}
