//! Loans that the load pays out in parts and pays back in parts, so that they live as long as a run does.
//!
//! A loan takes one movement of money at a time, so a loan that is in use is taken out until its answer has come. One
//! whose answer tells nothing stays out: how it stands is only known to the books.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// What is paid out or back at a time, minor units: at least what the product lets be paid back early.
pub const AMOUNTS_MINOR: RangeInclusive<i64> = 10_000..=50_000;

/// How many are looked at for one that fits.
const LOOK_AT: usize = 64;

/// A loan of the load test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    /// Its id.
    pub id: Uuid,
    /// The account that it is paid out to and back from: an index into the seeded accounts.
    pub account: u32,
    /// What is approved and not paid out.
    pub undisbursed_minor: i64,
    /// What is owed.
    pub principal_minor: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Loans(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The one that was used last at the end.
    free: VecDeque<Loan>,
    used: HashMap<Uuid, Loan>,
}

impl Loans {
    /// These, none of them in use.
    pub fn new(loans: impl IntoIterator<Item = Loan>) -> Self {
        Self(Mutex::new(State { free: loans.into_iter().collect(), used: HashMap::new() }))
    }

    /// How many nobody uses.
    pub fn free_count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).free.len()
    }

    /// Takes the longest unused of those that fit, so that nobody else uses it meanwhile.
    pub fn take(&self, fits: impl Fn(&Loan) -> bool) -> Option<Loan> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = state.free.iter().take(LOOK_AT).position(fits)?;
        state.use_at(place)
    }

    /// Takes the one that fits and was used last: of loans that were never paid out there is nothing to pay back.
    pub fn take_latest(&self, fits: impl Fn(&Loan) -> bool) -> Option<Loan> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from_end = state.free.iter().rev().take(LOOK_AT).position(fits)?;
        let place = state.free.len().checked_sub(from_end + 1)?;
        state.use_at(place)
    }

    /// Gives one back as it was.
    pub fn put_back(&self, id: Uuid) {
        self.change(id, |_| ());
    }

    /// Gives one back that was paid out further.
    pub fn paid_out(&self, id: Uuid, amount_minor: i64) {
        self.change(id, |loan| {
            loan.undisbursed_minor -= amount_minor;
            loan.principal_minor += amount_minor;
        });
    }

    /// Gives one back of which some was paid back.
    pub fn paid_back(&self, id: Uuid, principal_minor: i64) {
        self.change(id, |loan| loan.principal_minor -= principal_minor);
    }

    fn change(&self, id: Uuid, how: impl FnOnce(&mut Loan)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut loan) = state.used.remove(&id) else { return };
        how(&mut loan);
        state.free.push_back(loan);
    }
}

impl State {
    fn use_at(&mut self, place: usize) -> Option<Loan> {
        let loan = self.free.remove(place)?;
        self.used.insert(loan.id, loan);
        Some(loan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loan(number: u128, principal_minor: i64) -> Loan {
        Loan { id: Uuid::from_u128(number), account: 0, undisbursed_minor: 100, principal_minor }
    }

    #[test]
    fn a_loan_in_use_is_not_taken_by_anybody_else() {
        let loans = Loans::new([loan(1, 0)]);

        let taken = loans.take(|_| true).unwrap();

        assert_eq!(loans.take(|_| true), None);
        loans.put_back(taken.id);
        assert_eq!(loans.take(|_| true), Some(taken));
    }

    #[test]
    fn only_a_loan_that_fits_is_taken() {
        let loans = Loans::new([loan(1, 10), loan(2, 50)]);

        assert_eq!(loans.take(|loan| loan.principal_minor > 40), Some(loan(2, 50)));
        assert_eq!(loans.take(|loan| loan.principal_minor > 40), None);
        assert_eq!(loans.free_count(), 1);
    }

    #[test]
    fn the_latest_that_fits_is_found_from_the_other_end() {
        let loans = Loans::new([loan(1, 50), loan(2, 50), loan(3, 0)]);

        assert_eq!(loans.take_latest(|loan| loan.principal_minor > 40), Some(loan(2, 50)));
        assert_eq!(loans.take_latest(|loan| loan.principal_minor > 40), Some(loan(1, 50)));
        assert_eq!(loans.take_latest(|loan| loan.principal_minor > 40), None);
    }

    #[test]
    fn what_is_paid_moves_between_what_is_left_and_what_is_owed() {
        let loans = Loans::new([loan(1, 0)]);
        let id = loans.take(|_| true).unwrap().id;
        loans.paid_out(id, 30);
        loans.take(|_| true).unwrap();
        loans.paid_back(id, 10);

        let now = loans.take(|_| true).unwrap();

        assert_eq!((now.undisbursed_minor, now.principal_minor), (70, 20));
    }
}
