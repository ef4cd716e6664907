//! Undo a posting of the same business date by its opposite (冲正). Nothing posted is ever changed.
//!
//! Round trips: two more for the batch, to learn the posting's accounts before locking and whether it is undone
//! already. Locks: the accounts of the posting. Replay: the first outcome, refusals included.
//!
//! Whose a posting is follows from the account that it debited, or credited where it debited none. Somebody else's is
//! answered as one that is not known: nothing was taken from the asker under its id, nor will be.
//!
//! The reversal may arrive before its original, because a caller who lost an answer does not know which came first.
//! Then the original's request id is fenced: when it does arrive it is refused, and no money has moved.

use kernel::{Currency, RequestId};

use super::{Needs, Posted};
use crate::domain::{Asker, Books, Decision, Event, EventKind, Kind, Outcome, Rejection};

/// A posting to undo.
#[derive(Debug, Clone)]
pub struct ReversePosting {
    /// Which; a posting's id is the id of the request that made it.
    pub posting: RequestId,
}

impl ReversePosting {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.postings.push(self.posting.as_uuid());
    }

    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        if self.posting == id {
            return Err(Rejection::PostingNotReversible);
        }
        let Some(original) = books.own_posting(self.posting, asker).cloned() else {
            if books.decided(self.posting).is_none() {
                books.fence(self.posting, Currency::CNY, id);
            }
            return Ok(Posted { subject_id: Some(self.posting.as_uuid()), ..Posted::default() });
        };
        self.may_reverse(&original, books)?;
        let (amount, currency) = (original.amount_minor, original.currency);
        // The opposite: who was credited is debited.
        let mut debit = original.credit_account.map(|n| books.account(n).cloned()).transpose()?;
        let mut credit = original.debit_account.map(|n| books.account(n).cloned()).transpose()?;
        if let Some(debit) = &mut debit {
            let taken = debit.debit(amount, currency);
            // How much somebody else has left is not the asker's to know.
            let own = asker.covers(debit.customer_id);
            taken.map_err(|why| if own { why } else { Rejection::PostingNotReversible })?;
        }
        if let Some(credit) = &mut credit {
            credit.credit(amount, currency)?;
        }
        // The event repeats the original's with the sides swapped by accounting, so its products keep their places.
        let product = credit.as_ref().or(debit.as_ref()).map(|account| account.product);
        let counter_product = credit.as_ref().and(debit.as_ref()).map(|account| account.product);
        books.tell(Event {
            posting: id,
            kind: event_kind(&original)?,
            product: product.ok_or(Rejection::PostingNotReversible)?,
            counter_product,
            currency,
            amount_minor: amount,
            reversal: true,
        });
        books.mark_reversed(self.posting.as_uuid(), id);
        for account in [debit, credit].into_iter().flatten() {
            books.put_moved(account, id);
        }
        Ok(Posted {
            debit: original.credit_account,
            credit: original.debit_account,
            amount_minor: amount,
            currency: Some(currency),
            subject_id: Some(self.posting.as_uuid()),
        })
    }

    fn may_reverse(&self, original: &Outcome, books: &Books) -> Result<(), Rejection> {
        event_kind(original)?;
        if original.decision != Decision::Posted {
            return Err(Rejection::PostingNotReversible);
        }
        if books.reversed_by(self.posting.as_uuid()).is_some() {
            return Err(Rejection::AlreadyReversed);
        }
        if original.business_date != books.business_date() {
            return Err(Rejection::BusinessDatePassed);
        }
        Ok(())
    }
}

/// What accounting was told of the original.
fn event_kind(original: &Outcome) -> Result<EventKind, Rejection> {
    match original.kind {
        Kind::CashDeposit => Ok(EventKind::CashDeposited),
        Kind::CashWithdrawal => Ok(EventKind::CashWithdrawn),
        Kind::Transfer => Ok(EventKind::Transferred),
        Kind::HoldCaptured if original.credit_account.is_some() => Ok(EventKind::Transferred),
        Kind::HoldCaptured => Ok(EventKind::HoldCaptured),
        Kind::HoldPlaced
        | Kind::HoldReleased
        | Kind::Reversal
        | Kind::AccountOpened
        | Kind::AccountFrozen
        | Kind::AccountUnfrozen
        | Kind::AccountClosed
        | Kind::OwnerClosed
        | Kind::LoanSettlement
        | Kind::LoanCollection
        | Kind::CardDebit
        | Kind::CardCredit
        | Kind::Fenced => Err(Rejection::PostingNotReversible),
    }
}
