//! Collect what is due from the linked account, at the end of a date: here it is begun, `movement` sees to the money.
//!
//! Not a caller's request: it has no outcome, only its movement, whose id follows from the date and the loan.
//! Round trips: see `movement`. Locks: the loan. Replay: the movement as it stands.

use kernel::{BusinessDate, LoanId};

use super::movement::order;
use super::{Answer, Command, Contradiction, NotCollected};
use crate::domain::{Books, LoanStatus, Movement, MovementKind, MovementStatus, Rejection};

/// A collection to begin.
#[derive(Debug, Clone)]
pub struct Collect {
    /// From which loan.
    pub loan_id: LoanId,
    /// At the end of which date.
    pub date: BusinessDate,
}

impl Collect {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Answer, Contradiction> {
        if let Some(begun) = books.movement_of(by.request_id) {
            let pending = begun.status == MovementStatus::Pending;
            let wrap = if pending { Answer::OnItsWay } else { Answer::Collected };
            return Ok(wrap(begun.clone()));
        }
        if let Some(other) = books.pending(self.loan_id) {
            return Ok(Answer::NotCollected(NotCollected::Busy(other.clone())));
        }
        let begun = self.begin(by, books);
        let begun = begun.map_err(|why| Contradiction(format!("loan {}: {why}", self.loan_id)))?;
        Ok(match begun {
            None => Answer::NotCollected(NotCollected::NothingDue),
            Some(movement) => {
                books.put_movement(movement.clone());
                Answer::OnItsWay(movement)
            }
        })
    }

    /// The loan is brought to the morning of the date: what is collected in its course is not late.
    fn begin(&self, by: &Command, books: &mut Books) -> Result<Option<Movement>, Rejection> {
        let mut loan = books.own_loan(self.loan_id, by.asker)?.clone();
        if loan.status != LoanStatus::Active {
            return Ok(None);
        }
        if let Some(before) = self.date.previous() {
            let effects = loan.advance(before.as_date())?;
            books.put_loan(loan.clone(), effects, None, None);
        }
        let due_minor = loan.owed()?.due.total()?;
        if due_minor == 0 {
            return Ok(None);
        }
        Ok(Some(order(by, &loan, (MovementKind::Collection, due_minor), books)))
    }
}
