//! Apply for a loan.
//!
//! Round trips: one call to the customer service and one to deposit before; then those of the batch. Locks: none, as
//! nobody else knows the loan yet. Replay: the first outcome, refusals included, whatever has become of the customer or
//! the account since. The loan's id is that of its application.

use std::sync::Arc;

use kernel::{Currency, CustomerId, LoanId, Money, RequestId};
use platform::approvals::payload_hash;

use super::{Acted, Command};
use crate::domain::{Application, Books, Effects, Loan, Product, Rejection, Terms};

/// What the customer service said of the borrower just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May borrow.
    Active,
    /// Registered, but may not.
    NotActive,
    /// Not registered.
    Unknown,
}

/// What deposit said of the account just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedAccount {
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Its one currency.
    pub currency: Currency,
    /// Nothing can be booked on it any more.
    pub closed: bool,
}

/// What the neighbours said just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Of the borrower.
    pub standing: Standing,
    /// Of the account; `None` where there is none.
    pub account: Option<LinkedAccount>,
}

/// An application.
#[derive(Debug, Clone)]
pub struct Apply {
    /// The borrower.
    pub customer_id: CustomerId,
    /// What to make the loan from.
    pub product_code: String,
    /// That product; `None` where there is none.
    pub product: Option<Arc<Product>>,
    /// What is asked for.
    pub terms: Terms,
    /// What is known of borrower and account.
    pub known: Option<Known>,
}

impl Apply {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        if !by.asker.covers(self.customer_id) {
            return Err(Rejection::CustomerUnknown);
        }
        let known = self.known.ok_or(Rejection::CustomerUnknown)?;
        match known.standing {
            Standing::Active => {}
            Standing::NotActive => return Err(Rejection::CustomerNotActive),
            Standing::Unknown => return Err(Rejection::CustomerUnknown),
        }
        let product = self.product.clone().ok_or(Rejection::ProductUnknown)?;
        let today = books.business_date().as_date();
        let loan = Loan::apply(self.application(by, books), product, today)?;
        let own = |account: &LinkedAccount| account.customer_id == self.customer_id;
        let account = known.account.filter(own).filter(|account| !account.closed);
        let account = account.ok_or(Rejection::AccountUnknown)?;
        if account.currency != self.terms.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        let id = loan.id;
        books.put_loan(loan, Effects::default(), None, None);
        let amount = Some(Money::new(self.terms.amount_minor, self.terms.currency));
        Ok(Acted { loan_id: Some(id), subject_id: None, amount })
    }

    fn application(&self, by: &Command, books: &Books) -> Application {
        Application {
            id: LoanId::from_uuid(by.request_id.as_uuid()),
            customer_id: self.customer_id,
            terms: self.terms,
            applied_by: by.caller.as_deref().unwrap_or("service/loan").to_owned(),
            applied_at: books.now(),
            hash: self.hash(by.request_id),
        }
    }

    /// Stands for everything that whoever decides has to look at.
    fn hash(&self, id: RequestId) -> [u8; 32] {
        let Terms { amount_minor, currency, term_months, due_day, account } = self.terms;
        let (customer_id, product) = (self.customer_id, &self.product_code);
        payload_hash(
            format!(
                "loan {id}\ncustomer {customer_id}\nproduct {product}\namount {amount_minor} {currency}\n\
                 months {term_months}\ndue day {due_day}\naccount {account}\n"
            )
            .as_bytes(),
        )
    }
}
