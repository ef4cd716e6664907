//! Paying what is due: by the borrower, or collected at the end of a day. After a write-off it is a recovery.

use super::amounts::sub;
use super::{Amounts, Effects, EntryKind, EventKind, Loan, LoanStatus, OutOfRange, Rejection};

impl Loan {
    /// Whether a payment of this amount can be taken: what is due covers it.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`] unless ACTIVE or WRITTEN_OFF; [`Rejection::AmountOutOfRange`] below 1;
    /// [`Rejection::RepaymentExceedsDue`].
    pub fn check_repayment(&self, amount_minor: i64) -> Result<(), Rejection> {
        if !matches!(self.status, LoanStatus::Active | LoanStatus::WrittenOff) {
            return Err(Rejection::IllegalTransition);
        }
        if amount_minor < 1 {
            return Err(Rejection::AmountOutOfRange);
        }
        let due = self.owed()?.due.total()?;
        if amount_minor > due { Err(Rejection::RepaymentExceedsDue) } else { Ok(()) }
    }

    /// Takes a payment of the borrower.
    ///
    /// # Errors
    /// As [`check_repayment`](Self::check_repayment).
    pub fn repay(&mut self, amount_minor: i64) -> Result<Effects, Rejection> {
        self.take(EntryKind::Repaid, amount_minor)
    }

    /// Takes what was collected from the linked account.
    ///
    /// # Errors
    /// As [`check_repayment`](Self::check_repayment).
    pub fn collect(&mut self, amount_minor: i64) -> Result<Effects, Rejection> {
        self.take(EntryKind::Collected, amount_minor)
    }

    fn take(&mut self, kind: EntryKind, amount_minor: i64) -> Result<Effects, Rejection> {
        self.check_repayment(amount_minor)?;
        let mut effects = Effects::default();
        if self.status == LoanStatus::WrittenOff {
            self.recover(amount_minor, &mut effects)?;
            return Ok(effects);
        }
        let paid = self.allocate(amount_minor)?;
        let charges = paid.charges();
        self.principal_minor = sub(self.principal_minor, paid.principal_minor)?;
        self.record(kind, paid, &mut effects)?;
        if self.non_accrual {
            self.memo_minor = sub(self.memo_minor, charges.total()?)?;
            effects.tell(EventKind::Repaid, Amounts::principal(paid.principal_minor))?;
            effects.tell(EventKind::InterestReceived, charges)?;
            effects.take_back(EventKind::Memo, charges)?;
        } else {
            self.receivable_minor = sub(self.receivable_minor, charges.total()?)?;
            effects.tell(EventKind::Repaid, paid)?;
        }
        self.settle_if_paid();
        self.review(&mut effects)?;
        Ok(effects)
    }

    fn recover(&mut self, amount_minor: i64, effects: &mut Effects) -> Result<(), OutOfRange> {
        let paid = self.allocate_recovery(amount_minor)?;
        self.principal_minor = sub(self.principal_minor, paid.principal_minor)?;
        self.memo_minor = sub(self.memo_minor, paid.charges().total()?)?;
        self.record(EntryKind::Recovered, paid, effects)?;
        effects.tell(EventKind::Recovered, paid)?;
        effects.take_back(EventKind::Memo, paid)?;
        if !self.instalments.iter().any(super::Instalment::is_open) {
            self.status = LoanStatus::Recovered;
        }
        Ok(())
    }

    /// The loan ends once nothing of it is unpaid, due or not.
    pub(super) fn settle_if_paid(&mut self) {
        if self.principal_minor == 0 && !self.instalments.iter().any(super::Instalment::is_open) {
            self.status = LoanStatus::Settled;
            self.running = None;
        }
    }
}
