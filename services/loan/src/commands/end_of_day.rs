//! The end of a business date: collect what is due, then calculate interest and arrears, and classify.
//!
//! Asking for it is a command like every other, and only writes down that it is to be done; the work itself is done in
//! the background by whichever process holds the lead, one date after another.
//!
//! Collecting: what is due on or before the date is asked of the linked account, as much as is there. Each loan's
//! movement has an id that follows from the date and the loan; so whoever goes on after a crash collects nothing twice.
//! Calculating: loans in order of their ids, some thousands in one tx, which also says how far the date is. A loan that
//! is calculated through the date already is passed over, one whose money is on its way is waited for. Round trips of a
//! tx, whatever its size: begin, gate, progress, lock, look for movements, save, commit; two more where something is due
//! or late. Locks: the date's row, then the loans in order of id, as every batch of the lanes takes them.
//! Replay: everything above may be done again from any point, by any process, and leaves the same books.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, LoanId, RequestId, RequestIdError};
use platform::approvals::payload_hash;
use platform::db::{self, CommitError, Freshness, WriteTx};
use platform::lanes::{Book as _, LaneError};
use tokio_util::sync::CancellationToken;
use uuid::{Builder, Uuid};

use super::{Action, Answer, Collect, Command, Context, NotCollected, movement};
use crate::domain::{
    Asker, Books, ChangedLoan, Event, EventKind, LoanEffects, Movement, OutOfRange, Rejection,
};
use crate::events::{self, Sums};
use crate::store::calculation::{self, Open};
use crate::store::end_of_day::{self, EndOfDay, Phase};
use crate::store::{read, save, write};

/// Loans whose collections are begun in one go.
const COLLECTED_AT_ONCE: i64 = 256;

/// The end of a date to ask for.
#[derive(Debug, Clone)]
pub struct RunEndOfDay {
    /// Which date. It must have been left by a cut-over.
    pub date: BusinessDate,
}

impl RunEndOfDay {
    pub(super) fn decide(&self, books: &Books) -> Result<(), Rejection> {
        if self.date < books.business_date() { Ok(()) } else { Err(Rejection::BusinessDateOpen) }
    }
}

/// Why the work stopped. It goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum EndOfDayError {
    /// The books do not answer, or contradict themselves.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// The answer to a commit was lost; what was committed is found again.
    #[error("{0}")]
    Commit(#[from] CommitError),
    /// A lane did not take the work.
    #[error("{0}")]
    Lane(#[from] LaneError),
    /// Money is on its way and deposit does not say whether it has moved.
    #[error("{0} movements of money have no outcome yet")]
    OnItsWay(usize),
}

/// Works off every end of a date that was asked for and has not ended, if no other process is at it.
pub async fn work(ctx: &Context, stop: &CancellationToken) -> Result<(), EndOfDayError> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let waiting = end_of_day::find_unfinished(reader.conn()).await?;
    drop(reader);
    if waiting.is_none() {
        return Ok(());
    }
    // Held for as long as the work lasts; should its connection break, another process may begin, which is harmless.
    let mut lead = ctx.writes.begin().await?;
    let worked = async {
        while !stop.is_cancelled() && end_of_day::try_lead(&mut lead).await? {
            let Some(day) = end_of_day::find_unfinished(lead.conn()).await? else { break };
            match day.phase {
                Phase::Collecting => collect_some(ctx, &day).await?,
                Phase::Calculating => calculate_some(ctx, day.business_date).await?,
                Phase::Finished => break,
            }
        }
        Ok(())
    };
    let worked = worked.await;
    lead.rollback().await;
    worked
}

/// Collects from the next loans in order of id, and says how far it is.
async fn collect_some(ctx: &Context, day: &EndOfDay) -> Result<(), EndOfDayError> {
    let date = day.business_date;
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let due = read::due_loans(reader.conn(), date, day.after, COLLECTED_AT_ONCE).await?;
    drop(reader);
    let (mut collections, mut collected) = (0, 0);
    for ended in collect(ctx, day, &due).await? {
        collections += 1;
        collected += i64::from(ended.moved_minor == ended.amount_minor);
    }
    let mut tx = ctx.writes.begin().await?;
    let mut now = end_of_day::lock(&mut tx, date).await?;
    if now.phase != Phase::Collecting || now.after != day.after {
        // Somebody else was faster.
        tx.rollback().await;
        return Ok(());
    }
    now.collections += collections;
    now.collected += collected;
    if let Some(last) = due.last() {
        now.after = last.as_uuid();
    } else {
        now.phase = Phase::Calculating;
        now.after = Uuid::nil();
        now.loans = calculation::count_open(tx.conn(), date).await?;
    }
    end_of_day::save(&mut tx, &now).await?;
    tx.commit().await?;
    Ok(())
}

/// Begins a collection on each of these loans, and answers those that have ended, now or at an earlier attempt.
///
/// # Errors
/// Deposit does not say of some whether their money has moved: then the same is done again.
async fn collect(
    ctx: &Context,
    day: &EndOfDay,
    due: &[LoanId],
) -> Result<Vec<Movement>, EndOfDayError> {
    let (mut ended, busy) = collect_once(ctx, day, due).await?;
    if !busy.is_empty() {
        // Their other money has moved, or has not: then something may still be due.
        ended.extend(collect_once(ctx, day, &busy).await?.0);
    }
    Ok(ended)
}

/// The collections that have ended, and the loans whose other money had to be waited for.
async fn collect_once(
    ctx: &Context,
    day: &EndOfDay,
    due: &[LoanId],
) -> Result<(Vec<Movement>, Vec<LoanId>), EndOfDayError> {
    let commands = due.iter().map(|loan_id| collection(ctx, day, *loan_id)).collect();
    let (mut ended, mut busy, mut on_their_way) = (Vec::new(), Vec::new(), Vec::new());
    for begun in ctx.lanes.submit_all(commands).await {
        match begun?.outcome {
            Answer::OnItsWay(movement) => on_their_way.push(movement),
            Answer::Collected(movement) => ended.push(movement),
            Answer::NotCollected(NotCollected::Busy(other)) => {
                busy.push(other.loan_id);
                on_their_way.push(other);
            }
            Answer::NotCollected(NotCollected::NothingDue) | Answer::Decided(_) => {}
        }
    }
    ended.extend(drive(ctx, on_their_way).await?);
    Ok((ended, busy))
}

/// Drives movements until each has ended, and answers the collections among them.
async fn drive(ctx: &Context, movements: Vec<Movement>) -> Result<Vec<Movement>, EndOfDayError> {
    let (mut collected, mut unknown) = (Vec::new(), 0);
    for answer in movement::drive_all(ctx, movements, ctx.work.collections_at_once).await {
        match answer.map(|committed| committed.outcome) {
            Ok(Answer::Collected(movement)) => collected.push(movement),
            Ok(_) => {}
            Err(_) => unknown += 1,
        }
    }
    if unknown > 0 { Err(EndOfDayError::OnItsWay(unknown)) } else { Ok(collected) }
}

/// A collection under an id that is the same whoever begins it, and that nobody outside can guess.
fn collection(ctx: &Context, day: &EndOfDay, loan_id: LoanId) -> Command {
    let request_id = collection_id(day, loan_id);
    // What is built has version 7, so another id is never drawn.
    let request_id = request_id.unwrap_or_else(|_| RequestId::generate(ctx.clock.as_ref()));
    Command {
        request_id,
        fingerprint: 0,
        movement_id: request_id,
        asker: Asker::Bank,
        caller: None,
        action: Action::Collect(Collect { loan_id, date: day.business_date }),
    }
}

fn collection_id(day: &EndOfDay, loan_id: LoanId) -> Result<RequestId, RequestIdError> {
    let content = [*day.run_id.as_bytes(), *loan_id.as_uuid().as_bytes()].concat();
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(payload_hash(&content)) {
        *to = from;
    }
    let millis = u64::try_from(day.began_at.timestamp_millis()).unwrap_or_default();
    RequestId::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// Calculates the next loans in order of id and says how far it is; at the end of all, sees whether any was left out.
async fn calculate_some(ctx: &Context, date: BusinessDate) -> Result<(), EndOfDayError> {
    let mut tx = ctx.writes.begin().await?;
    let batch = calculate_in(ctx, &mut tx, date).await;
    match batch {
        Ok(Batch::Calculated(count)) => {
            tx.commit().await?;
            metrics::counter!("loan_calculated_total").increment(count);
            ctx.book.committed();
            Ok(())
        }
        Ok(Batch::Ended) => {
            tx.commit().await?;
            tracing::info!(business_date = %date, "the end of day is done");
            Ok(())
        }
        Ok(Batch::NotMine) => {
            tx.rollback().await;
            Ok(())
        }
        Ok(Batch::Waits(movements)) => {
            // From the beginning again: what is calculated is passed over.
            tx.commit().await?;
            drive(ctx, movements).await.map(drop)
        }
        Err(error) => {
            tx.rollback().await;
            Err(error.into())
        }
    }
}

/// What one tx of the calculation did.
enum Batch {
    /// So many loans are calculated.
    Calculated(u64),
    /// Nothing is left.
    Ended,
    /// Some loans were left out, since their money is on its way.
    Waits(Vec<Movement>),
    /// The date is not being calculated any more.
    NotMine,
}

async fn calculate_in(
    ctx: &Context,
    tx: &mut WriteTx,
    date: BusinessDate,
) -> Result<Batch, db::Error> {
    calculation::enter(tx.conn()).await?;
    let mut day = end_of_day::lock(tx, date).await?;
    if day.phase != Phase::Calculating {
        return Ok(Batch::NotMine);
    }
    let limit = i64::from(ctx.work.calculated_at_once);
    let locked = calculation::lock_open(tx.conn(), date, day.after, limit).await?;
    let Some(last) = locked.last().map(|one| one.id) else {
        return end_or_wait(ctx, tx, day).await;
    };
    let busy = calculation::busy(tx.conn(), &locked).await?;
    let now = ctx.clock.now();
    let today = calculation::business_date(tx.conn()).await?;
    let calculated = calculate(ctx, tx, (locked, &busy), (date, today, now)).await?;
    day.after = last.as_uuid();
    day.calculated = day.calculated.saturating_add(calculated);
    end_of_day::save(tx, &day).await?;
    Ok(Batch::Calculated(u64::try_from(calculated).unwrap_or_default()))
}

/// Calculates these loans, but for those whose money is on its way, and answers how many.
async fn calculate(
    ctx: &Context,
    tx: &mut WriteTx,
    (locked, busy): (Vec<Open>, &HashSet<LoanId>),
    (date, today, now): (BusinessDate, BusinessDate, DateTime<Utc>),
) -> Result<i64, db::Error> {
    let through = date.as_date();
    let too_much = |_: OutOfRange| db::Error::Inconsistent("a sum is too large".to_owned());
    let (mut sums, mut plain, mut others) = (Sums::default(), Vec::new(), Vec::new());
    for mut open in locked.into_iter().filter(|open| !busy.contains(&open.id)) {
        match &mut open.running {
            Some(running) if running.is_plain(open.days_overdue, through) => {
                let amounts = running.accrue(through).map_err(too_much)?;
                let receivable = open.receivable_minor.checked_add(amounts.interest_minor);
                open.receivable_minor = receivable.ok_or(OutOfRange).map_err(too_much)?;
                let event = Event { kind: EventKind::InterestAccrued, reversal: false, amounts };
                sums.add(&open.product, open.currency, event).map_err(too_much)?;
                plain.push(open);
            }
            _ => others.push(open.id),
        }
    }
    let count = plain.len().saturating_add(others.len());
    let mut effects = Vec::new();
    let mut changed = Vec::with_capacity(others.len());
    let loans = write::lock_loans(tx.conn(), &mut others, ctx.book.products()).await?;
    for before in loans {
        let mut loan = before.clone();
        let done = loan.advance(through).map_err(too_much)?;
        for event in &done.events {
            sums.add(&loan.product.code, loan.terms.currency, *event).map_err(too_much)?;
        }
        effects.push(LoanEffects {
            loan_id: loan.id,
            product: Arc::clone(&loan.product),
            currency: loan.terms.currency,
            request_id: None,
            deposit_posting: None,
            effects: done,
        });
        changed.push(ChangedLoan::since(loan, &before));
    }
    let told = sums.told(through, ctx.clock.as_ref());
    let payload = events::encode(today, now, &told);
    calculation::save_plain(tx.conn(), &plain, date).await?;
    calculation::save_others(tx.conn(), &changed, &effects, (today, now)).await?;
    save::tell(tx.conn(), &told, today, payload).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Every loan has been passed. If none was left out, the date is done.
async fn end_or_wait(
    ctx: &Context,
    tx: &mut WriteTx,
    mut day: EndOfDay,
) -> Result<Batch, db::Error> {
    let waits = calculation::waits(tx.conn(), day.business_date).await?;
    let left = calculation::count_open(tx.conn(), day.business_date).await?;
    if waits.is_empty() && left == 0 {
        day.phase = Phase::Finished;
        day.finished_at = Some(ctx.clock.now());
        end_of_day::save(tx, &day).await?;
        return Ok(Batch::Ended);
    }
    day.after = Uuid::nil();
    end_of_day::save(tx, &day).await?;
    Ok(Batch::Waits(waits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(run: u128) -> EndOfDay {
        EndOfDay {
            business_date: BusinessDate::parse("2026-02-20").unwrap(),
            run_id: Uuid::from_u128(run),
            phase: Phase::Collecting,
            after: Uuid::nil(),
            loans: 0,
            calculated: 0,
            collections: 0,
            collected: 0,
            began_at: DateTime::from_timestamp(1_771_600_000, 0).unwrap(),
            finished_at: None,
        }
    }

    #[test]
    fn a_collections_id_follows_from_the_run_and_the_loan_alone() {
        let loan = LoanId::from_uuid(Uuid::from_u128(1));
        let other = LoanId::from_uuid(Uuid::from_u128(2));
        let id = collection_id(&day(1), loan).unwrap();

        assert_eq!(id, collection_id(&day(1), loan).unwrap());
        assert_ne!(id, collection_id(&day(1), other).unwrap());
        assert_ne!(id, collection_id(&day(2), loan).unwrap());
        assert_eq!(id.made_at(), day(1).began_at);
    }
}
