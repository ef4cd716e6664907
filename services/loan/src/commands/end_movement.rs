//! End a movement as deposit said: the loan, its entries, the events and the caller's outcome, in one tx.
//!
//! Round trips: none of its own; it is decided within its batch. Locks: the loan. Replay: a movement that has ended stays
//! as it is, and its request gets its outcome.

use kernel::{LoanId, Money};

use super::{Acted, Answer, Command, Contradiction, Needs};
use crate::clients::Moved;
use crate::domain::{
    Asker, Books, Decision, Effects, Kind, Loan, Movement, MovementKind, MovementStatus, Quote,
    Rejection,
};

/// A movement to end: that of the command.
#[derive(Debug, Clone)]
pub struct EndMovement {
    /// Of which loan.
    pub loan_id: LoanId,
    /// The quote that it pays.
    pub quote_id: Option<uuid::Uuid>,
    /// What deposit decided.
    pub said: Result<Moved, Rejection>,
}

impl EndMovement {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.loans.push(self.loan_id);
        needs.quotes.extend(self.quote_id);
    }

    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Answer, Contradiction> {
        let id = by.movement_id;
        let missing = || Contradiction(format!("there is no movement {id}"));
        let movement = books.movement(id).ok_or_else(missing)?.clone();
        if movement.status != MovementStatus::Pending {
            return answer(by, movement, books);
        }
        let refused =
            |why| Contradiction(format!("movement {id} was made and cannot be booked: {why}"));
        let (status, moved_minor) = match self.said {
            Err(rejection) => (MovementStatus::Refused(rejection), 0),
            Ok(moved) => {
                self.book(moved, &movement, books).map_err(refused)?;
                (MovementStatus::Done, moved.amount_minor)
            }
        };
        let ended_at = Some(books.now());
        let ended = Movement { moved_minor, status, ended_at, ..movement };
        books.put_movement(ended.clone());
        if ended.kind == MovementKind::Collection {
            return Ok(Answer::Collected(ended));
        }
        let decision = match status {
            MovementStatus::Refused(rejection) => Decision::Refused(rejection),
            MovementStatus::Done | MovementStatus::Pending => Decision::Done,
        };
        let acted = Acted {
            loan_id: Some(ended.loan_id),
            subject_id: Some(id.as_uuid()),
            amount: Some(Money::new(ended.amount_minor, ended.currency)),
        };
        Ok(Answer::Decided(by.record((kind_of(ended.kind), decision), acted, books)))
    }

    /// What the money does to the loan, which has waited for it since it was accepted.
    fn book(&self, moved: Moved, movement: &Movement, books: &mut Books) -> Result<(), Rejection> {
        let mut loan = books.own_loan(self.loan_id, Asker::Bank)?.clone();
        if moved.amount_minor < 1 || moved.amount_minor > movement.amount_minor {
            return Err(Rejection::AmountOutOfRange);
        }
        let effects = effects(moved, movement, &mut loan, books)?;
        books.put_loan(loan, effects, Some(movement.request_id), Some(moved.posting_id));
        Ok(())
    }
}

fn effects(
    moved: Moved,
    movement: &Movement,
    loan: &mut Loan,
    books: &Books,
) -> Result<Effects, Rejection> {
    match movement.kind {
        MovementKind::Disbursement => loan.disburse(moved.amount_minor, movement.value_date),
        MovementKind::Repayment => loan.repay(moved.amount_minor),
        MovementKind::Collection => loan.collect(moved.amount_minor),
        MovementKind::Prepayment => {
            let quote_id = movement.quote_id.ok_or(Rejection::QuoteUnknown)?;
            let (_, quote) = books.own_quote(quote_id, Asker::Bank)?;
            // It held when it was accepted; only a classification can have come since.
            loan.prepay(&Quote { loan_version: loan.version, ..quote })
        }
    }
}

/// What a movement that has ended means to whoever asks again.
fn answer(by: &Command, ended: Movement, books: &Books) -> Result<Answer, Contradiction> {
    if ended.kind == MovementKind::Collection {
        return Ok(Answer::Collected(ended));
    }
    let outcome = books.decided(by.request_id);
    let missing = || Contradiction(format!("movement {} ended without an outcome", ended.id));
    outcome.cloned().map(Answer::Decided).ok_or_else(missing)
}

/// What kind of request leads to such a movement.
pub(super) const fn kind_of(kind: MovementKind) -> Kind {
    match kind {
        MovementKind::Disbursement => Kind::Disbursement,
        MovementKind::Repayment | MovementKind::Collection => Kind::Repayment,
        MovementKind::Prepayment => Kind::Prepayment,
    }
}
