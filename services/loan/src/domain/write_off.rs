//! Writing a loan off: the claim stays, the asset goes.

use super::{Amounts, Effects, EntryKind, EventKind, Loan, LoanStatus, OutOfRange, Rejection};

/// Everything, in parts per million.
const WHOLE: i64 = 1_000_000;

impl Loan {
    /// Whether the loan can be written off.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`] unless ACTIVE; [`Rejection::NotALoss`].
    pub fn check_write_off(&self) -> Result<(), Rejection> {
        use super::Category;
        self.must_be(LoanStatus::Active)?;
        if self.category == Category::Loss { Ok(()) } else { Err(Rejection::NotALoss) }
    }

    /// Writes the loan off: interest leaves the books if it is still on them, all of the principal is set aside, and then
    /// goes against what was set aside and joins memo. From then on nothing accrues, and everything is due.
    ///
    /// # Errors
    /// As [`check_write_off`](Self::check_write_off).
    pub fn write_off(&mut self) -> Result<Effects, Rejection> {
        self.check_write_off()?;
        let mut effects = Effects::default();
        self.stop_accrual(&mut effects)?;
        self.provide(WHOLE, &mut effects)?;
        let principal = Amounts::principal(self.principal_minor);
        self.provision_minor = 0;
        self.end_interest()?;
        self.status = LoanStatus::WrittenOff;
        self.record(EntryKind::WrittenOff, principal, &mut effects)?;
        effects.tell(EventKind::WrittenOff, principal)?;
        effects.tell(EventKind::Memo, principal)?;
        Ok(effects)
    }

    /// Interest ends with what has accrued: that of the running period is cut there, that of later ones is nothing.
    fn end_interest(&mut self) -> Result<(), OutOfRange> {
        let Some(running) = self.running else { return Ok(()) };
        let index = self.running_index().ok_or(OutOfRange)?;
        for instalment in self.instalments.iter_mut().skip(index) {
            let is_running = instalment.due_on == running.due_on;
            instalment.interest_minor = if is_running { running.accrued_minor } else { 0 };
        }
        self.running = None;
        Ok(())
    }
}
