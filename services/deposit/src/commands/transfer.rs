//! Move money between two accounts of this bank.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: both account rows, in order of number.
//! Replay: the first outcome, refusals included.

use kernel::{AccountNumber, PositiveMoney, RequestId};

use super::{Needs, Posted};
use crate::domain::{Asker, Books, Event, EventKind, Rejection};

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

    /// The debit first: only who could pay learns whether there is somebody to be paid.
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let (amount_minor, currency) = (self.amount.minor(), self.amount.currency());
        let mut debit = books.own_account(self.debit, asker)?.clone();
        debit.debit(amount_minor, currency)?;
        let credit = books.credited(self.credit, (amount_minor, currency), asker)?;
        books.tell(Event {
            posting: id,
            kind: EventKind::Transferred,
            product: debit.product,
            counter_product: Some(credit.product),
            currency,
            amount_minor,
            reversal: false,
        });
        books.put_moved(debit, id);
        books.put_moved(credit, id);
        Ok(Posted {
            debit: Some(self.debit),
            credit: Some(self.credit),
            amount_minor,
            currency: Some(currency),
            subject_id: None,
        })
    }
}
