//! Money on its way between a loan and a deposit account: accept, call deposit, end.
//!
//! Three steps, each of which may be the last before a crash:
//! 1. the request is accepted: the movement is written PENDING in the tx that decides so;
//! 2. deposit is called with the movement's id as request id: asked again it moves nothing twice;
//! 3. the movement ends, DONE or REFUSED: loan, entry, events and the outcome of the caller's request, in one tx.
//!
//! Whoever repeats the request meanwhile finds the movement and drives it too; so does the resolver, a few seconds later.
//! They may all be at it at once: deposit answers each alike, and the lane ends it once.
//!
//! Round trips: a batch, a call to deposit, a batch. Locks: the loan, in the batches only; none during the call.
//! Replay: the outcome that the movement's end gave the request, refusals included.

use std::time::Duration;

use chrono::TimeDelta;
use platform::db::Freshness;
use platform::lanes::Committed;
use platform::{db, deadline};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::{Action, Answer, Command, CommandError, Context, Done, EndMovement, OnItsWay};
use crate::clients::Order;
use crate::domain::{Asker, Books, Loan, Movement, MovementKind, MovementStatus};
use crate::store::read;

/// Movements that the resolver looks at in one go.
const RESOLVE_AT_ONCE: i64 = 200;
/// Calls to deposit that the resolver has open at once.
const CALLS_AT_ONCE: usize = 32;

/// Why movements were not finished.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// They cannot be read.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// Some have no outcome yet.
    #[error("{count} of {of} have no outcome yet; the first: {first}")]
    OnItsWay {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
        /// Why.
        first: CommandError,
    },
}

/// The movement that a command leads to, of the loan's linked account.
pub(super) fn order(
    by: &Command,
    loan: &Loan,
    (kind, amount_minor): (MovementKind, i64),
    books: &Books,
) -> Movement {
    let today = books.business_date();
    Movement {
        id: by.movement_id,
        request_id: by.request_id,
        fingerprint: by.fingerprint,
        loan_id: loan.id,
        customer_id: loan.customer_id,
        account: loan.terms.account,
        kind,
        amount_minor,
        moved_minor: 0,
        currency: loan.terms.currency,
        quote_id: None,
        status: MovementStatus::Pending,
        business_date: today,
        value_date: loan.opening_on().unwrap_or(today.as_date()),
        accepted_at: books.now(),
        ended_at: None,
    }
}

/// Hands in a command and, if it moves money, sees to it until the money has moved or certainly will not. In a task of its
/// own, so that a caller who goes away cannot stop it half-way; the caller's deadline ends its waiting, not the work.
pub async fn settle(ctx: &Context, command: Command) -> Result<Done, CommandError> {
    let (ctx, until) = (ctx.clone(), deadline::current());
    let work = async move {
        let first = deadline::scope(until, ctx.lanes.submit(command)).await;
        let first = first.map_err(CommandError::Lane)?;
        let last = match first.outcome {
            Answer::OnItsWay(movement) => drive(&ctx, movement).await?,
            Answer::Decided(_) | Answer::Collected(_) | Answer::NotCollected(_) => first,
        };
        match last.outcome {
            Answer::Decided(outcome) => Ok(Done { outcome, token: last.token }),
            Answer::OnItsWay(_) | Answer::Collected(_) | Answer::NotCollected(_) => {
                Err(CommandError::Fault)
            }
        }
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

/// Asks deposit about a movement, and ends it as deposit says.
///
/// # Errors
/// [`CommandError::OnItsWay`]: deposit, or the lane after it, gave no decision; the movement stays where it is.
pub async fn drive(ctx: &Context, movement: Movement) -> Result<Committed<Answer>, CommandError> {
    let order = Order {
        movement_id: movement.id,
        account: movement.account,
        customer_id: movement.customer_id,
        amount_minor: movement.amount_minor,
        currency: movement.currency,
    };
    let answer = match movement.kind {
        MovementKind::Disbursement => ctx.deposits.settle(order).await,
        MovementKind::Repayment | MovementKind::Prepayment => {
            ctx.deposits.collect(order, false).await
        }
        MovementKind::Collection => ctx.deposits.collect(order, true).await,
    };
    let said = answer.map_err(|error| CommandError::OnItsWay(OnItsWay::Callee(error)))?;
    let command = Command {
        request_id: movement.request_id,
        fingerprint: movement.fingerprint,
        movement_id: movement.id,
        asker: Asker::Bank,
        caller: None,
        action: Action::EndMovement(EndMovement {
            loan_id: movement.loan_id,
            quote_id: movement.quote_id,
            said,
        }),
    };
    let ended = ctx.lanes.submit(command).await;
    ended.map_err(|error| CommandError::OnItsWay(OnItsWay::Lane(error)))
}

/// Drives movements, so many at once, and answers what became of each, in no order.
pub async fn drive_all(
    ctx: &Context,
    movements: Vec<Movement>,
    at_once: usize,
) -> Vec<Result<Committed<Answer>, CommandError>> {
    let mut waiting = movements.into_iter();
    let (mut calls, mut ended) = (JoinSet::new(), Vec::with_capacity(waiting.len()));
    loop {
        while calls.len() < at_once
            && let Some(movement) = waiting.next()
        {
            let ctx = ctx.clone();
            calls.spawn(async move { drive(&ctx, movement).await }.in_current_span());
        }
        match calls.join_next().await {
            Some(done) => ended.push(done.unwrap_or(Err(CommandError::Fault))),
            None => return ended,
        }
    }
}

/// Drives the movements that have been on their way for longer than somebody's own call takes.
pub async fn resolve_some(ctx: &Context) -> Result<(), ResolveError> {
    let patience = TimeDelta::from_std(Duration::from_millis(ctx.work.resolve_after_ms));
    let patience = patience.unwrap_or(TimeDelta::zero());
    let before = ctx.clock.now() - patience;
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let pending = read::pending_movements(reader.conn(), before, RESOLVE_AT_ONCE).await?;
    drop(reader);
    let of = pending.len();
    let ended = drive_all(ctx, pending, CALLS_AT_ONCE).await;
    let mut failed = ended.into_iter().filter_map(Result::err);
    let Some(first) = failed.next() else { return Ok(()) };
    Err(ResolveError::OnItsWay { count: failed.count() + 1, of, first })
}
