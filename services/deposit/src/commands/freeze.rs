//! Forbid debits, or debits and credits; and allow them again.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the account row.
//! Replay: the first outcome, refusals included.

use kernel::AccountNumber;

use super::Posted;
use crate::domain::{AccountStatus, Asker, Books, Rejection};

/// How much a freeze forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeScope {
    /// Debits.
    Debits,
    /// Debits and credits.
    All,
}

/// An account to freeze. A narrower freeze may be widened, not repeated.
#[derive(Debug, Clone)]
pub struct FreezeAccount {
    /// Which.
    pub account: AccountNumber,
    /// How far.
    pub scope: FreezeScope,
}

/// An account to make usable again.
#[derive(Debug, Clone)]
pub struct UnfreezeAccount {
    /// Which.
    pub account: AccountNumber,
}

impl FreezeAccount {
    pub(super) fn decide(&self, asker: Asker, books: &mut Books) -> Result<Posted, Rejection> {
        let from = books.own_account(self.account, asker)?.status;
        let to = match (from, self.scope) {
            (AccountStatus::Active, FreezeScope::Debits) => AccountStatus::DebitFrozen,
            (AccountStatus::Active | AccountStatus::DebitFrozen, FreezeScope::All) => {
                AccountStatus::Frozen
            }
            (AccountStatus::Closed, _) => return Err(Rejection::AccountClosed),
            (AccountStatus::DebitFrozen | AccountStatus::Frozen, _) => {
                return Err(Rejection::IllegalTransition);
            }
        };
        set_status(self.account, to, books)
    }
}

impl UnfreezeAccount {
    pub(super) fn decide(&self, asker: Asker, books: &mut Books) -> Result<Posted, Rejection> {
        match books.own_account(self.account, asker)?.status {
            AccountStatus::DebitFrozen | AccountStatus::Frozen => {
                set_status(self.account, AccountStatus::Active, books)
            }
            AccountStatus::Closed => Err(Rejection::AccountClosed),
            AccountStatus::Active => Err(Rejection::IllegalTransition),
        }
    }
}

fn set_status(
    number: AccountNumber,
    status: AccountStatus,
    books: &mut Books,
) -> Result<Posted, Rejection> {
    let mut account = books.account(number)?.clone();
    account.status = status;
    let currency = Some(account.currency);
    books.put_account(account);
    Ok(Posted { debit: Some(number), currency, ..Posted::default() })
}
