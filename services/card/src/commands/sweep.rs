//! Find holds that belong to no authorization, and give them back.
//!
//! A process that dies after deposit has reserved and before the decision is written leaves one. Holds are looked at once
//! their ids, which carry the time of the message, are older than any message that is still taken, so each is looked at
//! once; how far the sweep is stands in the books.

use chrono::TimeDelta;
use platform::db::{self, Freshness};

use super::orders::{OrderError, orphan_id};
use super::{Context, Entry};
use crate::store::write;

/// Sweeps up to `work.sweep_after_s` ago.
///
/// # Errors
/// The books or deposit do not answer; the next sweep begins where this one did.
pub async fn sweep(ctx: &Context) -> Result<(), OrderError> {
    let after = TimeDelta::seconds(ctx.work.sweep_after_s.into());
    let until = ctx.clock.now().checked_sub_signed(after).ok_or(OrderError::Fault)?;
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let since = write::swept_until(reader.conn()).await?;
    drop(reader);
    if until <= since {
        return Ok(());
    }
    let mut token = String::new();
    loop {
        let (holds, next) = ctx.deposits.list_holds((since, until), token).await?;
        if !holds.is_empty() {
            let mut reader = ctx.reads.reader(Freshness::Primary).await?;
            let unknown = write::unknown_holds(reader.conn(), &holds).await?;
            drop(reader);
            let entries = unknown.into_iter().map(|hold| {
                tracing::warn!(%hold, "a hold has no authorization and is given back");
                orphan_id(ctx, hold).map(|id| Entry::Release(id, hold)).ok_or(OrderError::Fault)
            });
            let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
            for answer in ctx.lanes.submit_all(entries).await {
                answer?;
            }
        }
        if next.is_empty() {
            break;
        }
        token = next;
    }
    let mut tx = ctx.writes.begin().await?;
    write::set_swept_until(tx.conn(), until).await?;
    tx.commit().await.map_err(|db::CommitError::Unknown(error)| OrderError::Database(error))?;
    Ok(())
}
