//! Pay out an approved loan, whole or a tranche: here it is accepted, `movement` sees to the money.
//!
//! Round trips and replay: see `movement`. Locks: the loan.

use kernel::{LoanId, PositiveMoney};

use super::Command;
use super::movement::order;
use crate::domain::{Books, Movement, MovementKind, Rejection};

/// A payment to the borrower.
#[derive(Debug, Clone)]
pub struct Disburse {
    /// Which loan.
    pub loan_id: LoanId,
    /// How much; `None` is everything that is approved and not paid out yet.
    pub amount: Option<PositiveMoney>,
}

impl Disburse {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Movement, Rejection> {
        let loan = books.ready_loan(self.loan_id, by.asker)?;
        if self.amount.is_some_and(|amount| amount.currency() != loan.terms.currency) {
            return Err(Rejection::CurrencyMismatch);
        }
        let amount_minor = match self.amount {
            Some(amount) => amount.minor(),
            None => loan.undisbursed_minor()?,
        };
        loan.check_disbursement(amount_minor)?;
        Ok(order(by, &loan, (MovementKind::Disbursement, amount_minor), books))
    }
}
