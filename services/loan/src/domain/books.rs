//! The part of the books that one batch touches, loaded and locked, and what the batch changes in it.
//!
//! Every change goes through the verbs here, so that whatever happens to a loan has its entries and events, and each
//! request its outcome; `store` writes [`Changes`] and nothing else.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency, LoanId, RequestId};
use uuid::Uuid;

use super::{
    Asker, Effects, Instalment, Loan, Movement, MovementStatus, Outcome, Product, Quote, Rejection,
};

/// What one change of a loan leaves behind, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanEffects {
    /// The loan.
    pub loan_id: LoanId,
    /// Its product.
    pub product: Arc<Product>,
    /// Its currency.
    pub currency: Currency,
    /// The request that caused it; `None` where the end of a day did.
    pub request_id: Option<RequestId>,
    /// The posting in deposit that moved the money.
    pub deposit_posting: Option<Uuid>,
    /// Entries and events.
    pub effects: Effects,
}

/// A loan that existed, in its final state, and what of its schedule is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedLoan {
    /// The loan.
    pub loan: Loan,
    /// The instalments that are new or changed.
    pub instalments: Vec<Instalment>,
    /// Instalments of a higher number are gone.
    pub last_number: u32,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub struct Changes {
    /// New decisions.
    pub outcomes: Vec<Outcome>,
    /// What happened to loans, in order.
    pub effects: Vec<LoanEffects>,
    /// Loans applied for in this batch, in their final state.
    pub applied: Vec<Loan>,
    /// Loans that existed and changed, by id.
    pub loans: Vec<ChangedLoan>,
    /// Movements accepted in this batch, in their final state.
    pub accepted: Vec<Movement>,
    /// Movements that existed and have ended.
    pub ended: Vec<Movement>,
    /// New quotes: id, loan, and what was quoted.
    pub quotes: Vec<(Uuid, LoanId, Quote)>,
}

/// The loaded part of the books.
#[derive(Debug)]
pub struct Books {
    business_date: BusinessDate,
    now: DateTime<Utc>,
    /// Each loan as it stands, and as it was loaded.
    loans: HashMap<LoanId, (Loan, Option<Loan>)>,
    /// Each movement as it stands, and whether it was loaded.
    movements: HashMap<RequestId, (Movement, bool)>,
    quotes: HashMap<Uuid, (LoanId, Quote)>,
    decided: HashMap<RequestId, Outcome>,
    changes: Changes,
}

impl Books {
    /// Books in which nothing is loaded yet.
    pub fn new(business_date: BusinessDate, now: DateTime<Utc>) -> Self {
        Self {
            business_date,
            now,
            loans: HashMap::new(),
            movements: HashMap::new(),
            quotes: HashMap::new(),
            decided: HashMap::new(),
            changes: Changes::default(),
        }
    }

    /// Puts in a loan that was read under its lock, with its instalments.
    pub fn load_loan(&mut self, loan: Loan) {
        self.loans.insert(loan.id, (loan.clone(), Some(loan)));
    }

    /// Puts in a movement whose loan is locked: each PENDING one, and any that a command names.
    pub fn load_movement(&mut self, movement: Movement) {
        self.movements.insert(movement.id, (movement, true));
    }

    /// Puts in a quote.
    pub fn load_quote(&mut self, id: Uuid, loan_id: LoanId, quote: Quote) {
        self.quotes.insert(id, (loan_id, quote));
    }

    /// Puts in a decision that stands.
    pub fn load_outcome(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome);
    }

    /// The business date of everything decided here.
    pub fn business_date(&self) -> BusinessDate {
        self.business_date
    }

    /// The instant of everything decided here.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The decision on a request id, from an earlier batch or this one.
    pub fn decided(&self, request: RequestId) -> Option<&Outcome> {
        self.decided.get(&request)
    }

    /// A loan that whoever asks may know of.
    ///
    /// # Errors
    /// [`Rejection::LoanUnknown`], also for a loan of somebody else.
    pub fn own_loan(&self, id: LoanId, asker: Asker) -> Result<&Loan, Rejection> {
        let loan = self.loans.get(&id).map(|(loan, _)| loan);
        loan.filter(|loan| asker.covers(loan.customer_id)).ok_or(Rejection::LoanUnknown)
    }

    /// Such a loan, no money of which is on its way, calculated through the day before the business date.
    ///
    /// # Errors
    /// [`Rejection::LoanUnknown`], [`Rejection::LoanBusy`].
    pub fn ready_loan(&mut self, id: LoanId, asker: Asker) -> Result<Loan, Rejection> {
        self.own_loan(id, asker)?;
        if self.pending(id).is_some() {
            return Err(Rejection::LoanBusy);
        }
        if let Some(yesterday) = self.business_date.previous() {
            self.advance_loan(id, yesterday.as_date())?;
        }
        self.own_loan(id, asker).cloned()
    }

    /// Runs the end of every date that a loan has not done yet, up to one.
    ///
    /// # Errors
    /// [`Rejection::LoanUnknown`].
    pub fn advance_loan(&mut self, id: LoanId, through: NaiveDate) -> Result<(), Rejection> {
        let mut loan = self.own_loan(id, Asker::Bank)?.clone();
        let before = loan.calculated_through;
        let effects = loan.advance(through)?;
        if loan.calculated_through != before {
            self.put_loan(loan, effects, None, None);
        }
        Ok(())
    }

    /// The movement of a loan that is on its way.
    pub fn pending(&self, loan_id: LoanId) -> Option<&Movement> {
        let of_loan = |movement: &&Movement| {
            movement.loan_id == loan_id && movement.status == MovementStatus::Pending
        };
        self.movements.values().map(|(movement, _)| movement).find(of_loan)
    }

    /// A movement.
    pub fn movement(&self, id: RequestId) -> Option<&Movement> {
        self.movements.get(&id).map(|(movement, _)| movement)
    }

    /// The movement that a request led to.
    pub fn movement_of(&self, request: RequestId) -> Option<&Movement> {
        self.movements.values().map(|(movement, _)| movement).find(|one| one.request_id == request)
    }

    /// A quote on a loan that whoever asks may know of.
    ///
    /// # Errors
    /// [`Rejection::QuoteUnknown`], also for a quote on a loan of somebody else.
    pub fn own_quote(&self, id: Uuid, asker: Asker) -> Result<(LoanId, Quote), Rejection> {
        let (loan_id, quote) = self.quotes.get(&id).ok_or(Rejection::QuoteUnknown)?;
        self.own_loan(*loan_id, asker).map_err(|_| Rejection::QuoteUnknown)?;
        Ok((*loan_id, *quote))
    }

    /// Replaces a loan by its new state, or adds one, and notes what happened to it.
    pub fn put_loan(
        &mut self,
        loan: Loan,
        effects: Effects,
        request_id: Option<RequestId>,
        deposit_posting: Option<Uuid>,
    ) {
        if effects != Effects::default() {
            self.changes.effects.push(LoanEffects {
                loan_id: loan.id,
                product: Arc::clone(&loan.product),
                currency: loan.terms.currency,
                request_id,
                deposit_posting,
                effects,
            });
        }
        let before = self.loans.remove(&loan.id).and_then(|(_, before)| before);
        self.loans.insert(loan.id, (loan, before));
    }

    /// Replaces a movement by its new state, or adds one.
    pub fn put_movement(&mut self, movement: Movement) {
        let loaded = self.movements.get(&movement.id).is_some_and(|(_, loaded)| *loaded);
        if loaded {
            self.changes.ended.push(movement.clone());
        }
        self.movements.insert(movement.id, (movement, loaded));
    }

    /// Adds a quote.
    pub fn put_quote(&mut self, id: Uuid, loan_id: LoanId, quote: Quote) {
        self.quotes.insert(id, (loan_id, quote));
        self.changes.quotes.push((id, loan_id, quote));
    }

    /// Records a decision.
    pub fn decide(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome.clone());
        self.changes.outcomes.push(outcome);
    }

    /// What is to be written. Loans come sorted, as locks are taken.
    pub fn into_changes(self) -> Changes {
        let mut changes = self.changes;
        for (loan, before) in self.loans.into_values() {
            match before {
                None => changes.applied.push(loan),
                Some(before) if before == loan => {}
                Some(before) => changes.loans.push(changed(loan, &before)),
            }
        }
        let new = self.movements.into_values().filter(|(_, loaded)| !loaded);
        changes.accepted.extend(new.map(|(movement, _)| movement));
        changes.applied.sort_unstable_by_key(|loan| loan.id);
        changes.loans.sort_unstable_by_key(|changed| changed.loan.id);
        changes.accepted.sort_unstable_by_key(|movement| movement.loan_id);
        changes
    }
}

impl ChangedLoan {
    /// What of a loan is to be written, given how it was loaded.
    pub fn since(loan: Loan, before: &Loan) -> Self {
        changed(loan, before)
    }
}

fn changed(loan: Loan, before: &Loan) -> ChangedLoan {
    // Numbers begin at 1 and have no gaps, so an instalment has the same place in both.
    let was = before.instalments.iter().map(Some).chain(iter::repeat(None));
    let pairs = loan.instalments.iter().zip(was);
    let instalments = pairs.filter(|(one, was)| Some(*one) != *was).map(|(one, _)| *one);
    let last_number = loan.instalments.last().map_or(0, |one| one.number);
    ChangedLoan { instalments: instalments.collect(), last_number, loan }
}
