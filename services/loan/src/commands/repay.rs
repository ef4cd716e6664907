//! Pay what is due, or a recovery after a write-off: here it is accepted, `movement` sees to the money.
//!
//! Round trips and replay: see `movement`. Locks: the loan.

use kernel::{AccountNumber, LoanId, PositiveMoney};

use super::Command;
use super::movement::order;
use crate::domain::{Books, Movement, MovementKind, Rejection};

/// A repayment.
#[derive(Debug, Clone)]
pub struct Repay {
    /// Which loan.
    pub loan_id: LoanId,
    /// How much.
    pub amount: PositiveMoney,
    /// The account to be debited, which must be the borrower's; `None` is that of the terms.
    pub account: Option<AccountNumber>,
}

impl Repay {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Movement, Rejection> {
        let loan = books.ready_loan(self.loan_id, by.asker)?;
        if self.amount.currency() != loan.terms.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        loan.check_repayment(self.amount.minor())?;
        let movement = order(by, &loan, (MovementKind::Repayment, self.amount.minor()), books);
        let account = self.account.unwrap_or(movement.account);
        Ok(Movement { account, ..movement })
    }
}
