//! Pay cash in or out at a counter.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the account row.
//! Replay: the first outcome, refusals included.

use kernel::{AccountNumber, PositiveMoney, RequestId};

use super::Posted;
use crate::domain::{Asker, Books, Event, EventKind, Rejection};

/// Cash to pay in.
#[derive(Debug, Clone)]
pub struct DepositCash {
    /// Where it arrives.
    pub account: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
}

/// Cash to pay out.
#[derive(Debug, Clone)]
pub struct WithdrawCash {
    /// Where it leaves.
    pub account: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
}

impl DepositCash {
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = books.own_account(self.account, asker)?.clone();
        account.credit(self.amount.minor(), self.amount.currency())?;
        books.tell(event(id, EventKind::CashDeposited, account.product, self.amount));
        books.put_moved(account, id);
        Ok(posted(None, Some(self.account), self.amount))
    }
}

impl WithdrawCash {
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = books.own_account(self.account, asker)?.clone();
        account.debit(self.amount.minor(), self.amount.currency())?;
        books.tell(event(id, EventKind::CashWithdrawn, account.product, self.amount));
        books.put_moved(account, id);
        Ok(posted(Some(self.account), None, self.amount))
    }
}

fn event(
    posting: RequestId,
    kind: EventKind,
    product: &'static crate::domain::Product,
    amount: PositiveMoney,
) -> Event {
    Event {
        posting,
        kind,
        product,
        counter_product: None,
        currency: amount.currency(),
        amount_minor: amount.minor(),
        reversal: false,
    }
}

fn posted(
    debit: Option<AccountNumber>,
    credit: Option<AccountNumber>,
    amount: PositiveMoney,
) -> Posted {
    Posted {
        debit,
        credit,
        amount_minor: amount.minor(),
        currency: Some(amount.currency()),
        subject_id: None,
    }
}
