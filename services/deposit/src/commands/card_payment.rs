//! Move the money of card payments: from the holder's account what the scheme clears, to it what the scheme gives back.
//!
//! Round trips: one more for the batch where a hold is named. Locks: the account row, and that of the hold.
//! Replay: the first outcome, refusals included; of a partial debit, what was taken then.
//!
//! A payment takes what its authorization has reserved first, and the rest from what is available. The hold helps where it
//! can and never stands in the way: one that is not known, has ended, or is on another account is as none, since the
//! scheme has paid the merchant and asks for its money either way. A hold that is there has something left, so a partial
//! debit that takes nothing has no hold to end; any other refusal leaves the hold as it is.
//!
//! The card service says whose account it must be, as the loan service does for its movements. Neither movement is undone
//! by a reversal: card books what it was told, and corrects by the opposite movement.

use kernel::{AccountNumber, CustomerId, HoldId, PositiveMoney, RequestId};

use super::{Moved, Needs, Posted, account_of};
use crate::domain::{Account, Asker, Books, EventKind, Hold, HoldStatus, Rejection};

/// A payment by card to take.
#[derive(Debug, Clone)]
pub struct DebitCardPayment {
    /// Where it leaves.
    pub account: AccountNumber,
    /// How much is asked for.
    pub amount: PositiveMoney,
    /// Whose account it must be.
    pub customer_id: CustomerId,
    /// What may have been reserved for it.
    pub hold_id: Option<HoldId>,
    /// Whether what is left of the hold stays reserved, because more will be taken from it.
    pub keep_remainder: bool,
    /// Whether less is taken where less is there.
    pub allow_partial: bool,
}

/// A payment by card to give back.
#[derive(Debug, Clone)]
pub struct CreditCardPayment {
    /// Where it arrives.
    pub account: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
    /// Whose account it must be.
    pub customer_id: CustomerId,
}

impl DebitCardPayment {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.accounts.push(self.account);
        needs.holds.extend(self.hold_id);
    }

    /// A frozen account, or one of another currency, is refused as such and not as an empty one.
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = account_of(self.customer_id, self.account, asker, books)?;
        let hold = self.hold_id.and_then(|id| books.own_active_hold(id, asker).ok());
        let hold = hold.filter(|hold| hold.account == self.account);
        let reserved = hold.as_ref().map_or(0, |hold| hold.remaining_minor);
        let minor = self.takes(&account, reserved);
        let from_hold = minor.min(reserved);
        account.debit_with_reserved(minor, from_hold, self.amount.currency())?;
        let subject_id = hold.as_ref().map(|hold| hold.id.as_uuid());
        if let Some(hold) = hold {
            let left = reserved.saturating_sub(from_hold);
            let given_back = if self.keep_remainder { 0 } else { left };
            account.unreserve(given_back)?;
            let remaining_minor = left.saturating_sub(given_back);
            let status =
                if remaining_minor == 0 { HoldStatus::Captured } else { HoldStatus::Active };
            books.put_hold(Hold { remaining_minor, status, ..hold });
        }
        let moved = Moved { id, kind: EventKind::CardDebited, minor };
        Ok(Posted { debit: Some(self.account), subject_id, ..moved.book(account, books) })
    }

    /// How much is to be taken: all of it, or in part what the hold and the account have. Nothing at all is no part.
    fn takes(&self, account: &Account, reserved: i64) -> i64 {
        let wanted = self.amount.minor();
        let there = account.available_minor().max(0).saturating_add(reserved);
        if self.allow_partial && there > 0 { wanted.min(there) } else { wanted }
    }
}

impl CreditCardPayment {
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = account_of(self.customer_id, self.account, asker, books)?;
        account.credit(self.amount.minor(), self.amount.currency())?;
        let moved = Moved { id, kind: EventKind::CardCredited, minor: self.amount.minor() };
        Ok(Posted { credit: Some(self.account), ..moved.book(account, books) })
    }
}
