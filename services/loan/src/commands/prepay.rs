//! Pay back early, exactly what was quoted: here it is accepted, `movement` sees to the money.
//!
//! Round trips and replay: see `movement`. Locks: the quote's loan.

use kernel::AccountNumber;
use uuid::Uuid;

use super::Command;
use super::movement::order;
use crate::domain::{Books, Movement, MovementKind, Rejection};

/// A prepayment.
#[derive(Debug, Clone)]
pub struct Prepay {
    /// Which quote.
    pub quote_id: Uuid,
    /// The account to be debited, which must be the borrower's; `None` is that of the terms.
    pub account: Option<AccountNumber>,
}

impl Prepay {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Movement, Rejection> {
        let (loan_id, quote) = books.own_quote(self.quote_id, by.asker)?;
        let loan = books.ready_loan(loan_id, by.asker)?;
        loan.check_quote(&quote)?;
        let amount_minor = quote.amounts.total()?;
        let movement = order(by, &loan, (MovementKind::Prepayment, amount_minor), books);
        let account = self.account.unwrap_or(movement.account);
        Ok(Movement { account, quote_id: Some(self.quote_id), ..movement })
    }
}
