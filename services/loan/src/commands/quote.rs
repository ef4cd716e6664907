//! Say what paying back early costs.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the loan. Replay: the first outcome, refusals
//! included; a quote's id is that of its request.

use kernel::{BusinessDate, LoanId, Money, PositiveMoney};

use super::{Acted, Command, current_loan};
use crate::domain::{Books, PrepaymentKind, Rejection};

/// What is to be quoted.
#[derive(Debug, Clone)]
pub struct QuotePrepayment {
    /// Which loan.
    pub loan_id: LoanId,
    /// All of it, or part, and then with which consequence.
    pub kind: PrepaymentKind,
    /// The principal to pay back early, for a part.
    pub principal: Option<PositiveMoney>,
    /// The last date on which it is to hold; `None` is today. It ends with the running period anyway.
    pub valid_through: Option<BusinessDate>,
}

impl QuotePrepayment {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        let loan = current_loan(books, self.loan_id, by.asker)?;
        let currency = loan.terms.currency;
        if self.principal.is_some_and(|principal| principal.currency() != currency) {
            return Err(Rejection::CurrencyMismatch);
        }
        let principal = self.principal.map_or(0, PositiveMoney::minor);
        let valid_through = self.valid_through.unwrap_or(books.business_date());
        let quote = loan.quote(self.kind, principal, valid_through.as_date())?;
        let id = by.request_id.as_uuid();
        let total = Money::new(quote.amounts.total()?, currency);
        books.put_quote(id, self.loan_id, quote);
        Ok(Acted { loan_id: Some(self.loan_id), subject_id: Some(id), amount: Some(total) })
    }
}
