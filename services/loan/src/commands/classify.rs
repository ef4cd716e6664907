//! Put a loan into a worse risk category than its arrears do, or take that back.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the loan. Replay: the first outcome, refusals
//! included.

use kernel::LoanId;

use super::{Acted, Command, current_loan};
use crate::domain::{Books, Category, Rejection};

/// A classification.
#[derive(Debug, Clone)]
pub struct Classify {
    /// Which loan.
    pub loan_id: LoanId,
    /// The best category that it may have from now on.
    pub category: Category,
    /// Why, for the audit log.
    pub reason: String,
}

impl Classify {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        let mut loan = current_loan(books, self.loan_id, by.asker)?;
        let effects = loan.classify(self.category)?;
        books.put_loan(loan, effects, Some(by.request_id), None);
        Ok(Acted::on(self.loan_id))
    }
}
