//! Approve an application, or decline it.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the loan. Replay: the first outcome, refusals
//! included.

use kernel::LoanId;

use super::{Acted, Command};
use crate::domain::{Books, Effects, Rejection};

/// A decision on an application.
#[derive(Debug, Clone)]
pub struct DecideLoan {
    /// Which loan.
    pub loan_id: LoanId,
    /// Yes or no.
    pub approve: bool,
    /// The hash of the application that was looked at.
    pub application_hash: [u8; 32],
    /// Why, for the audit log.
    pub reason: String,
}

impl DecideLoan {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        let mut loan = books.own_loan(self.loan_id, by.asker)?.clone();
        let decider = by.caller.as_deref().unwrap_or("service/loan");
        loan.decide(self.approve, decider, &self.application_hash)?;
        books.put_loan(loan, Effects::default(), None, None);
        Ok(Acted::on(self.loan_id))
    }
}
