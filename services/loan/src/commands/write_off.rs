//! Propose a write-off, and decide on one: two people.
//!
//! A proposal is a command like every other; its id is that of its request, and it is written down in the tx of its batch.
//! The decision goes by itself, not through the lanes: a few a year, and each decides alone. Round trips: begin, proposal,
//! those of a batch of one, commit; a refusal is written down in a tx of its own. Locks: the proposal, then the loan,
//! last the head of the audit log. Replay: the first outcome, refusals included. The work runs in a task of its own, so
//! that a caller who goes away cannot stop it half-way.

use chrono::TimeDelta;
use kernel::LoanId;
use platform::approvals::{self, Proposal, Refusal, Verdict, payload_hash};
use platform::db::{self, CommitError, ReadToken, WriteTx};
use platform::lanes::Book as _;
use tracing::Instrument;
use uuid::Uuid;

use super::{Acted, Action, Answer, Command, CommandError, Context, Done};
use crate::domain::{Books, Decision, Kind, Outcome, Rejection};
use crate::store::write;

/// What such proposals are called.
pub(super) const KIND: &str = "WRITE_OFF";
/// How long one can be approved.
const LIFE: TimeDelta = TimeDelta::days(7);
/// How often work begins anew because another request was in the way.
const ATTEMPTS_MAX: usize = 5;

/// A write-off to propose.
#[derive(Debug, Clone)]
pub struct ProposeWriteOff {
    /// Which loan.
    pub loan_id: LoanId,
    /// Why.
    pub reason: String,
}

/// A decision on a proposed write-off.
#[derive(Debug, Clone)]
pub struct DecideWriteOff {
    /// Which proposal.
    pub proposal_id: Uuid,
    /// The hash of what the checker was shown.
    pub payload_hash: [u8; 32],
    /// How.
    pub verdict: Verdict,
    /// The proposal's loan, once it is looked up; `None` where there is no such proposal.
    pub loan_id: Option<LoanId>,
}

/// What is proposed, as bytes.
fn payload(proposal_id: Uuid, loan_id: LoanId) -> Vec<u8> {
    format!("write off loan {loan_id} by proposal {proposal_id}\n").into_bytes()
}

/// What whoever decides on a proposal must name.
pub fn proposal_hash(proposal_id: Uuid, loan_id: LoanId) -> [u8; 32] {
    payload_hash(&payload(proposal_id, loan_id))
}

impl ProposeWriteOff {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        books.own_loan(self.loan_id, by.asker)?.check_write_off()?;
        let subject_id = Some(by.request_id.as_uuid());
        Ok(Acted { subject_id, ..Acted::on(self.loan_id) })
    }

    /// Writes down the proposal of a request that was just decided so.
    pub(super) async fn propose(
        &self,
        by: &Command,
        outcome: &Outcome,
        tx: &mut WriteTx,
    ) -> Result<(), db::Error> {
        let id = by.request_id.as_uuid();
        let proposal = Proposal {
            approval_id: id,
            kind: KIND,
            subject: &self.loan_id.to_string(),
            payload: &payload(id, self.loan_id),
            maker: by.caller.as_deref().unwrap_or("service/loan"),
            reason: &self.reason,
            at: outcome.decided_at,
            expires_at: outcome.decided_at + LIFE,
        };
        approvals::propose(tx, &proposal).await
    }
}

impl DecideWriteOff {
    pub(super) fn decide(&self, by: &Command, books: &mut Books) -> Result<Acted, Rejection> {
        let loan_id = self.loan_id.ok_or(Rejection::ProposalUnknown)?;
        let acted = Acted { subject_id: Some(self.proposal_id), ..Acted::on(loan_id) };
        if self.verdict == Verdict::Reject {
            return Ok(acted);
        }
        let mut loan = books.ready_loan(loan_id, by.asker)?;
        let effects = loan.write_off()?;
        books.put_loan(loan, effects, Some(by.request_id), None);
        Ok(acted)
    }
}

/// Decides on a proposal, and writes the loan off if it is approved.
pub async fn decide_write_off(ctx: &Context, command: Command) -> Result<Done, CommandError> {
    let ctx = ctx.clone();
    let work = async move {
        let mut attempt = 1;
        loop {
            let settled = settle(&ctx, command.clone()).await;
            let again =
                matches!(&settled, Err(CommandError::Database(error)) if error.is_retryable());
            if !again || attempt == ATTEMPTS_MAX {
                return settled;
            }
            attempt += 1;
        }
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

/// Once: the first outcome, or one that is in the books now.
async fn settle(ctx: &Context, mut command: Command) -> Result<Done, CommandError> {
    let Action::DecideWriteOff(wanted) = &mut command.action else {
        return Err(CommandError::Fault);
    };
    let mut tx = ctx.writes.begin().await?;
    wanted.loan_id = write::proposed_loan(tx.conn(), wanted.proposal_id, KIND).await?;
    let wanted = wanted.clone();
    let objection = match object(&wanted, &command, ctx, &mut tx).await {
        Ok(objection) => objection,
        Err(error) => {
            tx.rollback().await;
            return Err(error.into());
        }
    };
    let decided = match objection {
        Ok(()) => ctx.book.post_in(&mut tx, std::slice::from_ref(&command)).await,
        Err(_) => Ok(Vec::new()),
    };
    let outcome = decided.map(|answers| answers.into_iter().next());
    match outcome {
        Ok(Some(Answer::Decided(outcome))) if outcome.decision == Decision::Done => {
            let token = commit(tx).await?;
            ctx.book.committed();
            Ok(Done { outcome, token })
        }
        Ok(answer) => {
            // Whatever was done until then is not, and that it was refused is written down.
            tx.rollback().await;
            let why = match (objection, answer) {
                (Err(why), _) => why,
                (Ok(()), Some(Answer::Decided(outcome))) => match outcome.decision {
                    Decision::Refused(why) => why,
                    Decision::Done => return Err(CommandError::Fault),
                },
                (Ok(()), _) => return Err(CommandError::Fault),
            };
            refuse(ctx, &command, why).await
        }
        Err(error) => {
            tx.rollback().await;
            Err(error.into())
        }
    }
}

/// Takes the decision on the proposal, unless the request was decided before. Says why it cannot be taken.
async fn object(
    wanted: &DecideWriteOff,
    command: &Command,
    ctx: &Context,
    tx: &mut WriteTx,
) -> Result<Result<(), Rejection>, db::Error> {
    if write::is_decided(tx.conn(), command.request_id).await? {
        return Ok(Ok(()));
    }
    let decision = approvals::Decision {
        approval_id: wanted.proposal_id,
        kind: KIND,
        checker: command.caller.as_deref().unwrap_or("service/loan"),
        payload_hash: &wanted.payload_hash,
        verdict: wanted.verdict,
        at: ctx.clock.now(),
    };
    let decided = approvals::decide(tx, &decision).await?;
    Ok(decided.map(drop).map_err(rejection))
}

/// Writes the refusal down under its request id, unless something stands there.
async fn refuse(ctx: &Context, command: &Command, why: Rejection) -> Result<Done, CommandError> {
    let mut tx = ctx.writes.begin().await?;
    match ctx.book.refuse_in(&mut tx, command, why).await {
        Ok(outcome) => {
            let token = commit(tx).await?;
            Ok(Done { outcome, token })
        }
        Err(error) => {
            tx.rollback().await;
            Err(error.into())
        }
    }
}

async fn commit(tx: WriteTx) -> Result<ReadToken, CommandError> {
    tx.commit().await.map_err(|CommitError::Unknown(error)| CommandError::Unknown(error))
}

const fn rejection(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::Unknown => Rejection::ProposalUnknown,
        Refusal::AlreadyDecided => Rejection::ProposalAlreadyDecided,
        Refusal::Expired => Rejection::ProposalExpired,
        Refusal::SamePerson => Rejection::ProposalBySamePerson,
        Refusal::PayloadChanged => Rejection::ProposalChanged,
    }
}

/// A decision that is refused before the loan is looked at.
pub(super) fn refused(command: &Command, why: Rejection, books: &mut Books) -> Outcome {
    if let Some(first) = books.decided(command.request_id) {
        return command.replay(first);
    }
    let subject_id = match &command.action {
        Action::DecideWriteOff(wanted) => Some(wanted.proposal_id),
        _ => None,
    };
    let acted = Acted { subject_id, ..command.asked(books) };
    command.record((Kind::WriteOffDecision, Decision::Refused(why)), acted, books)
}
