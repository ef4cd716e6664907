//! Move the money of a loan: to the borrower's account when it is paid out, from it when it is paid back.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the account row.
//! Replay: the first outcome, refusals included; of a partial collection, what was taken then.
//!
//! The loan service says whose account it must be, and any other is answered as one that does not exist: a number that
//! was mistyped in an application neither receives nor pays. Neither movement is undone by a reversal, since the loan
//! would not follow; the loan service corrects by a movement of its own.

use kernel::{AccountNumber, CustomerId, PositiveMoney, RequestId};

use super::{Moved, Posted, account_of};
use crate::domain::{Asker, Books, EventKind, Rejection};

/// Money from a loan to an account.
#[derive(Debug, Clone)]
pub struct SettleToAccount {
    /// Where it arrives.
    pub account: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
    /// Whose account it must be.
    pub customer_id: CustomerId,
}

/// Money from an account to a loan.
#[derive(Debug, Clone)]
pub struct CollectFromAccount {
    /// Where it leaves.
    pub account: AccountNumber,
    /// How much is asked for.
    pub amount: PositiveMoney,
    /// Whose account it must be.
    pub customer_id: CustomerId,
    /// Whether less is taken where less is available.
    pub allow_partial: bool,
}

impl SettleToAccount {
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = account_of(self.customer_id, self.account, asker, books)?;
        account.credit(self.amount.minor(), self.amount.currency())?;
        let moved = Moved { id, kind: EventKind::LoanSettledToAccount, minor: self.amount.minor() };
        Ok(Posted { credit: Some(self.account), ..moved.book(account, books) })
    }
}

impl CollectFromAccount {
    /// A frozen account, or one of another currency, is refused as such and not as an empty one.
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = account_of(self.customer_id, self.account, asker, books)?;
        let (wanted, available) = (self.amount.minor(), account.available_minor());
        let minor =
            if self.allow_partial && available > 0 { wanted.min(available) } else { wanted };
        account.debit(minor, self.amount.currency())?;
        let moved = Moved { id, kind: EventKind::LoanSettledFromAccount, minor };
        Ok(Posted { debit: Some(self.account), ..moved.book(account, books) })
    }
}
