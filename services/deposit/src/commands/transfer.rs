//! Move money between two accounts of this bank.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: both account rows, in order of number.
//! Replay: the first outcome, refusals included.

use kernel::{AccountNumber, PositiveMoney, RequestId};

use super::{Needs, Posted};
use crate::domain::{Books, Event, EventKind, Rejection};

/// Money to move. The two accounts differ; `api::parse` refuses the same one twice.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Where it leaves.
    pub debit: AccountNumber,
    /// Where it arrives.
    pub credit: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
}

impl Transfer {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.accounts.extend([self.debit, self.credit]);
    }

    pub(super) fn decide(&self, id: RequestId, books: &mut Books) -> Result<Posted, Rejection> {
        let mut debit = books.account(self.debit)?.clone();
        let mut credit = books.account(self.credit)?.clone();
        debit.debit(self.amount.minor(), self.amount.currency())?;
        credit.credit(self.amount.minor(), self.amount.currency())?;
        books.tell(Event {
            posting: id,
            kind: EventKind::Transferred,
            product: debit.product,
            counter_product: Some(credit.product),
            currency: self.amount.currency(),
            amount_minor: self.amount.minor(),
            reversal: false,
        });
        books.put_moved(debit, id);
        books.put_moved(credit, id);
        Ok(Posted {
            debit: Some(self.debit),
            credit: Some(self.credit),
            amount_minor: self.amount.minor(),
            currency: Some(self.amount.currency()),
            subject_id: None,
        })
    }
}
