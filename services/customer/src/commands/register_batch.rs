//! Register many customers in one call, each with its own outcome.
//!
//! Round trips: those of the batches that the items go into, usually one for each lane. Locks: none. Replay: each
//! item gets its first outcome. A fault on one item fails the call, not the other items: sending the call again
//! finds what was done.

use kernel::CustomerId;
use platform::db::ReadToken;
use platform::lanes::LaneError;

use super::{CommandError, Context, NewCustomer, book, register};
use crate::domain::{Rejection, RequestKind};

/// What became of a batch.
#[derive(Debug)]
pub struct BatchRegistered {
    /// One outcome per customer, in the order given.
    pub outcomes: Vec<Result<CustomerId, Rejection>>,
    /// A read with this token sees them all.
    pub token: ReadToken,
}

/// Registers at least one customer.
pub async fn register_batch(
    ctx: &Context,
    caller: &str,
    batch: &[NewCustomer],
) -> Result<BatchRegistered, CommandError> {
    let commands = batch.iter().map(|new| register::prepare(ctx, caller, new));
    let commands = commands.collect::<Result<Vec<_>, _>>().map_err(CommandError::Store)?;
    let mut outcomes = Vec::with_capacity(commands.len());
    let mut tokens = Vec::new();
    for submitted in ctx.lanes.submit_all(commands).await {
        let committed = submitted.map_err(CommandError::Lane)?;
        book::count(RequestKind::Register, &committed.outcome);
        outcomes.push(committed.outcome.result.map(|customer| customer.id));
        tokens.push(committed.token);
    }
    // The batches of several lanes: the latest commit has seen the others.
    let latest = tokens.into_iter().max_by_key(|token| (token.timeline, token.lsn));
    let token = latest.ok_or(CommandError::Lane(LaneError::Fault))?;
    Ok(BatchRegistered { outcomes, token })
}
