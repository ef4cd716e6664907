//! The writes: one file is one use case. Each is a value that `api` parses, and a pure `decide` over the loaded
//! [`Books`]; `book` runs them in batches, `movement` sees to the money, `end_of_day` does the work of each date.
//!
//! Round trips of a batch, whatever its size: begin, gate, lock loans, their instalments, probe, movements, save (one for
//! each table that changes), commit. Locks: loans, in order of id.

mod apply;
mod book;
mod classify;
mod collect;
mod context;
mod decide;
mod disburse;
mod end_movement;
pub mod end_of_day;
pub mod movement;
mod prepay;
mod quote;
mod repay;
mod write_off;

pub use apply::{Apply, Known, LinkedAccount, Standing};
pub use book::LoanBook;
pub use classify::Classify;
pub use collect::Collect;
pub use context::{CommandError, Context, Done, OnItsWay};
pub use decide::DecideLoan;
pub use disburse::Disburse;
pub use end_movement::EndMovement;
pub use end_of_day::RunEndOfDay;
pub use movement::settle;
pub use prepay::Prepay;
pub use quote::QuotePrepayment;
pub use repay::Repay;
pub use write_off::{DecideWriteOff, ProposeWriteOff, decide_write_off, proposal_hash};

use std::sync::Arc;

use kernel::{Currency, CustomerId, LoanId, Money, PositiveMoney, RequestId};
use platform::approvals::Verdict;
use platform::fingerprint;
use uuid::Uuid;

use crate::domain::{
    Asker, Books, Decision, Kind, Loan, Movement, MovementStatus, Outcome, Rejection,
};

/// A request to change something, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Command {
    /// Chosen by the caller; the same id always gets the same answer.
    pub request_id: RequestId,
    /// Stands for the content, and for whom it is asked: the same id with another fingerprint is refused.
    pub fingerprint: i64,
    /// The id of the movement that it may lead to: drawn, so that nobody can guess what deposit will be asked under.
    pub movement_id: RequestId,
    /// For whom it is asked.
    pub asker: Asker,
    /// Who asks, for the audit log; `None` for our own jobs.
    pub caller: Option<Arc<str>>,
    /// What is asked.
    pub action: Action,
}

/// What can be asked.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the type of the same name")]
pub enum Action {
    Apply(Apply),
    Classify(Classify),
    Collect(Collect),
    Decide(DecideLoan),
    DecideWriteOff(DecideWriteOff),
    Disburse(Disburse),
    EndMovement(EndMovement),
    Prepay(Prepay),
    ProposeWriteOff(ProposeWriteOff),
    Quote(QuotePrepayment),
    Repay(Repay),
    RunEndOfDay(RunEndOfDay),
}

/// What a lane answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The request has its outcome.
    Decided(Outcome),
    /// The request is accepted, and its money has still to move.
    OnItsWay(Movement),
    /// A collection has ended.
    Collected(Movement),
    /// No collection was begun.
    NotCollected(NotCollected),
}

/// Why no collection was begun.
#[derive(Debug, Clone)]
pub enum NotCollected {
    /// Nothing is due.
    NothingDue,
    /// Other money of the loan is on its way.
    Busy(Movement),
}

/// The books contradict what was decided earlier; nothing is written, and somebody has to look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

/// What a command names, so that it can be loaded and locked before it is decided.
#[derive(Debug, Default)]
pub struct Needs {
    /// Loans to lock.
    pub loans: Vec<LoanId>,
    /// Quotes to load; their loans are locked too.
    pub quotes: Vec<Uuid>,
}

/// What a done command did, for its outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Acted {
    /// Which loan.
    loan_id: Option<LoanId>,
    /// The quote made or used, the movement, or the proposal.
    subject_id: Option<Uuid>,
    /// How much, and of what.
    amount: Option<Money>,
}

impl Acted {
    fn on(loan_id: LoanId) -> Self {
        Self { loan_id: Some(loan_id), ..Self::default() }
    }
}

/// How far a command got: it is done, or it waits for money to move.
enum Step {
    Done(Acted),
    Accepted(Movement),
}

impl Command {
    /// The same, asked for by a channel on behalf of a customer.
    #[must_use]
    pub fn on_behalf_of(self, customer: CustomerId) -> Self {
        let fingerprint = fingerprint::on_behalf_of(self.fingerprint, customer.as_uuid());
        Self { fingerprint, asker: Asker::Customer(customer), ..self }
    }

    /// How much it asks to move or lend, where it says so.
    pub fn amount(&self) -> Option<Money> {
        match &self.action {
            Action::Apply(c) => Some(Money::new(c.terms.amount_minor, c.terms.currency)),
            Action::Disburse(c) => c.amount.map(PositiveMoney::money),
            Action::Quote(c) => c.principal.map(PositiveMoney::money),
            Action::Repay(c) => Some(c.amount.money()),
            _ => None,
        }
    }

    /// What the audit log says of it, where it does: what decides about a loan and moves no money.
    fn audited(&self) -> Option<(&'static str, String)> {
        match &self.action {
            Action::Decide(c) if c.approve => Some(("APPROVE_LOAN", c.reason.clone())),
            Action::Decide(c) => Some(("DECLINE_LOAN", c.reason.clone())),
            Action::Classify(c) => {
                Some(("CLASSIFY_LOAN", format!("{}: {}", c.category.code(), c.reason)))
            }
            Action::ProposeWriteOff(c) => Some(("PROPOSE_WRITE_OFF", c.reason.clone())),
            Action::DecideWriteOff(c) => {
                let approved = c.verdict == Verdict::Approve;
                let action = if approved { "APPROVE_WRITE_OFF" } else { "REJECT_WRITE_OFF" };
                Some((action, format!("proposal {}", c.proposal_id)))
            }
            Action::RunEndOfDay(c) => Some(("RUN_END_OF_DAY", c.date.to_string())),
            _ => None,
        }
    }

    /// Adds what this command names.
    pub fn needs(&self, needs: &mut Needs) {
        match &self.action {
            Action::Apply(_) | Action::RunEndOfDay(_) => {}
            Action::Classify(c) => needs.loans.push(c.loan_id),
            Action::Collect(c) => needs.loans.push(c.loan_id),
            Action::Decide(c) => needs.loans.push(c.loan_id),
            Action::DecideWriteOff(c) => needs.loans.extend(c.loan_id),
            Action::Disburse(c) => needs.loans.push(c.loan_id),
            Action::EndMovement(c) => c.needs(needs),
            Action::Prepay(c) => needs.quotes.push(c.quote_id),
            Action::ProposeWriteOff(c) => needs.loans.push(c.loan_id),
            Action::Quote(c) => needs.loans.push(c.loan_id),
            Action::Repay(c) => needs.loans.push(c.loan_id),
        }
    }

    /// Decides, exactly as if the command were alone, and records the decision. A request id that is already
    /// decided gets its first outcome, one whose money is on its way its movement; with other content it is refused, and
    /// the refusal is not recorded.
    ///
    /// # Errors
    /// The books contradict what deposit has done.
    pub fn decide(&self, books: &mut Books) -> Result<Answer, Contradiction> {
        match &self.action {
            Action::EndMovement(c) => return c.decide(self, books),
            Action::Collect(c) => return c.decide(self, books),
            _ => {}
        }
        if let Some(first) = books.decided(self.request_id) {
            return Ok(Answer::Decided(self.replay(first)));
        }
        if let Some(movement) = books.movement_of(self.request_id) {
            return Ok(self.still_on_its_way(movement.clone(), books));
        }
        let (kind, step) = self.run(books);
        let (acted, decision) = match step {
            Ok(Step::Accepted(movement)) => {
                books.put_movement(movement.clone());
                return Ok(Answer::OnItsWay(movement));
            }
            Ok(Step::Done(acted)) => (acted, Decision::Done),
            Err(rejection) => (self.asked(books), Decision::Refused(rejection)),
        };
        Ok(Answer::Decided(self.record((kind, decision), acted, books)))
    }

    /// Writes down what was decided.
    fn record(
        &self,
        (kind, decision): (Kind, Decision),
        acted: Acted,
        books: &mut Books,
    ) -> Outcome {
        let outcome = Outcome {
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            kind,
            decision,
            loan_id: acted.loan_id,
            subject_id: acted.subject_id,
            amount_minor: acted.amount.map_or(0, Money::minor),
            currency: acted.amount.map_or(Currency::CNY, Money::currency),
            business_date: books.business_date(),
            decided_at: books.now(),
        };
        books.decide(outcome.clone());
        outcome
    }

    fn replay(&self, first: &Outcome) -> Outcome {
        let mut outcome = first.clone();
        if first.fingerprint != self.fingerprint {
            outcome.decision = Decision::Refused(Rejection::RequestIdReused);
        }
        outcome
    }

    fn still_on_its_way(&self, movement: Movement, books: &Books) -> Answer {
        if movement.fingerprint == self.fingerprint && movement.status == MovementStatus::Pending {
            return Answer::OnItsWay(movement);
        }
        Answer::Decided(Outcome {
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            kind: end_movement::kind_of(movement.kind),
            decision: Decision::Refused(Rejection::RequestIdReused),
            loan_id: None,
            subject_id: None,
            amount_minor: 0,
            currency: movement.currency,
            business_date: books.business_date(),
            decided_at: books.now(),
        })
    }

    fn run(&self, books: &mut Books) -> (Kind, Result<Step, Rejection>) {
        match &self.action {
            Action::Apply(c) => (Kind::Application, c.decide(self, books).map(Step::Done)),
            Action::Classify(c) => (Kind::Classification, c.decide(self, books).map(Step::Done)),
            Action::Decide(c) => (Kind::ApplicationDecision, c.decide(self, books).map(Step::Done)),
            Action::DecideWriteOff(c) => {
                (Kind::WriteOffDecision, c.decide(self, books).map(Step::Done))
            }
            Action::Disburse(c) => (Kind::Disbursement, c.decide(self, books).map(Step::Accepted)),
            Action::Prepay(c) => (Kind::Prepayment, c.decide(self, books).map(Step::Accepted)),
            Action::ProposeWriteOff(c) => {
                (Kind::WriteOffProposal, c.decide(self, books).map(Step::Done))
            }
            Action::Quote(c) => (Kind::Quote, c.decide(self, books).map(Step::Done)),
            Action::Repay(c) => (Kind::Repayment, c.decide(self, books).map(Step::Accepted)),
            Action::RunEndOfDay(c) => {
                (Kind::EndOfDay, c.decide(books).map(|()| Step::Done(Acted::default())))
            }
            // Decided before anything else.
            Action::Collect(_) | Action::EndMovement(_) => {
                (Kind::Repayment, Err(Rejection::IllegalTransition))
            }
        }
    }

    /// What a refused outcome remembers of the request.
    fn asked(&self, books: &Books) -> Acted {
        let mut needs = Needs::default();
        self.needs(&mut needs);
        let quote_id = needs.quotes.first().copied();
        let quoted = quote_id.and_then(|id| books.own_quote(id, self.asker).ok());
        let named = needs.loans.first().copied().or(quoted.map(|(loan_id, _)| loan_id));
        let known = named.filter(|id| books.own_loan(*id, self.asker).is_ok());
        Acted { loan_id: known, subject_id: quote_id, amount: self.amount() }
    }
}

/// A loan as it is today or, while money of it is on its way, as that money will find it.
fn current_loan(books: &mut Books, id: LoanId, asker: Asker) -> Result<Loan, Rejection> {
    match books.ready_loan(id, asker) {
        Err(Rejection::LoanBusy) => books.own_loan(id, asker).cloned(),
        found => found,
    }
}
