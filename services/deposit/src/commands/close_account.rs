//! End an account that is empty.
//!
//! Round trips: one more for the batch, to learn the owner before locking. Locks: the owner's row, then the
//! account's. Replay: the first outcome, refusals included.

use kernel::AccountNumber;

use super::{Needs, Posted};
use crate::domain::{AccountStatus, Asker, Books, Rejection};

/// An account to end.
#[derive(Debug, Clone)]
pub struct CloseAccount {
    /// Which.
    pub account: AccountNumber,
}

impl CloseAccount {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.accounts.push(self.account);
        needs.owned_accounts.push(self.account);
    }

    pub(super) fn decide(&self, asker: Asker, books: &mut Books) -> Result<Posted, Rejection> {
        let mut account = books.own_account(self.account, asker)?.clone();
        match account.status {
            AccountStatus::Active => {}
            AccountStatus::Closed => return Err(Rejection::AccountClosed),
            AccountStatus::DebitFrozen | AccountStatus::Frozen => {
                return Err(Rejection::IllegalTransition);
            }
        }
        if account.balance_minor != 0 || account.held_minor != 0 {
            return Err(Rejection::AccountNotEmpty);
        }
        account.status = AccountStatus::Closed;
        let mut owner = books.owner(account.customer_id);
        owner.open_accounts = owner.open_accounts.saturating_sub(1);
        let currency = Some(account.currency);
        books.put_owner(owner);
        books.put_account(account);
        Ok(Posted { debit: Some(self.account), currency, ..Posted::default() })
    }
}
