//! Open an account from a product for an active customer, with an opening deposit in cash if one is given.
//!
//! Round trips: one call to the customer service before; two more for the batch, to lock owners and to draw numbers.
//! Locks: the owner's row. Replay: the first outcome, refusals included, whatever the customer has become since.

use kernel::{Currency, CustomerId, RequestId};

use super::{Needs, Posted};
use crate::domain::{Account, AccountStatus, Asker, Books, Event, EventKind, Products, Rejection};

/// What the customer service said of the owner just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May hold accounts.
    Active,
    /// Registered, but may not.
    NotActive,
    /// Not registered.
    Unknown,
}

/// An account to open.
#[derive(Debug, Clone)]
pub struct OpenAccount {
    /// The owner.
    pub customer_id: CustomerId,
    /// What is known of the owner.
    pub standing: Standing,
    /// What to open it from.
    pub product_code: String,
    /// Its one currency.
    pub currency: Currency,
    /// Cash paid in at once, minor units; 0 opens it empty.
    pub opening_deposit_minor: i64,
}

impl OpenAccount {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.owners.push(self.customer_id);
        needs.numbers += 1;
    }

    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        if !asker.covers(self.customer_id) {
            return Err(Rejection::CustomerUnknown);
        }
        match self.standing {
            Standing::Active => {}
            Standing::NotActive => return Err(Rejection::CustomerNotActive),
            Standing::Unknown => return Err(Rejection::CustomerUnknown),
        }
        let product = Products::find(&self.product_code).ok_or(Rejection::ProductUnknown)?;
        if !product.offers(self.currency) {
            return Err(Rejection::CurrencyMismatch);
        }
        let mut owner = books.owner(self.customer_id);
        if owner.closed {
            return Err(Rejection::OwnerClosed);
        }
        // One number was drawn for each opening of the batch.
        let number = books.take_number().ok_or(Rejection::BalanceOverflow)?;
        let account = Account {
            number,
            customer_id: self.customer_id,
            product,
            currency: self.currency,
            status: AccountStatus::Active,
            balance_minor: 0,
            held_minor: 0,
            minimum_minor: product.minimum_minor,
            overdraft_minor: product.overdraft_minor,
            last_sequence: 0,
        };
        owner.open_accounts = owner.open_accounts.saturating_add(1);
        books.put_owner(owner);
        books.put_account(account.clone());
        if self.opening_deposit_minor > 0 {
            let mut funded = account;
            funded.credit(self.opening_deposit_minor, self.currency)?;
            books.tell(Event {
                posting: id,
                kind: EventKind::CashDeposited,
                product,
                counter_product: None,
                currency: self.currency,
                amount_minor: self.opening_deposit_minor,
                reversal: false,
            });
            books.put_moved(funded, id);
        }
        Ok(Posted {
            debit: None,
            credit: Some(number),
            amount_minor: self.opening_deposit_minor,
            currency: Some(self.currency),
            subject_id: Some(self.customer_id.as_uuid()),
        })
    }
}
