//! What card does without being asked: follow the business date, keep partitions ahead, and a number of small steps that
//! are repeated for ever. (The outbox relay is the platform's.)
//!
//! Each job repeats a small step; a step that fails is logged once and tried again. Doing a step twice, or in two
//! processes at once, changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use kernel::Clock;
use platform::Background;
use platform::db::{self, WritePool};
use tokio_util::sync::CancellationToken;

use crate::clients::Accounting;
use crate::commands::{Context, clearing, orders, sweep};
use crate::store::business_day;

const FOLLOW_EVERY: Duration = Duration::from_secs(1);
const EVERY_SECOND: Duration = Duration::from_secs(1);
const EVERY_FEW_SECONDS: Duration = Duration::from_secs(5);
const EVERY_MINUTE: Duration = Duration::from_mins(1);

/// Whether the first business date is known; before that nothing can be decided.
#[derive(Debug, Clone, Default)]
pub struct DayKnown(Arc<AtomicBool>);

impl DayKnown {
    /// Whether it is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Follows accounting's business date, tells accounting when a date is finished here, and keeps the partitions of
/// the days around it in place.
pub async fn follow_business_date(
    pool: WritePool,
    accounting: Accounting,
    clock: Arc<dyn Clock>,
    known: DayKnown,
    stop: CancellationToken,
) {
    let mut failing = false;
    loop {
        let followed = follow_once(&pool, &accounting, clock.as_ref(), &known).await;
        let every = if known.get() { FOLLOW_EVERY } else { Duration::from_millis(100) };
        match followed {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "the business date cannot be followed; trying on");
                failing = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("{0}")]
    Database(#[from] db::Error),
    #[error("{0}")]
    Commit(#[from] db::CommitError),
    #[error("accounting answered {}: {}", .0.code(), .0.message())]
    Accounting(#[from] tonic::Status),
}

async fn follow_once(
    pool: &WritePool,
    accounting: &Accounting,
    clock: &dyn Clock,
    known: &DayKnown,
) -> Result<(), JobError> {
    if !known.get() && find_day(pool).await?.is_some() {
        // A bank that has been running goes on where it was, whether accounting answers or not.
        known.0.store(true, Ordering::Relaxed);
    }
    let bank = accounting.business_date().await?;
    let mut tx = pool.begin().await?;
    let here = business_day::find(&mut tx).await?;
    let changes = here.is_none_or(|here| here.current < bank.current && here.closing.is_none());
    if changes {
        let today = clock.now().date_naive();
        let date = bank.current.as_date();
        let first = today.min(date) - TimeDelta::days(8);
        business_day::ensure_partitions(&mut tx, first, today.max(date) + TimeDelta::days(4))
            .await?;
        // In a tx of its own: it waits for everybody who is writing, and they for the cut-over.
        tx.commit().await?;
        let mut tx = pool.begin().await?;
        match here {
            None => business_day::begin(&mut tx, bank.current).await?,
            Some(_) => business_day::cut_over(&mut tx, bank.current).await?,
        }
        tx.commit().await?;
        known.0.store(true, Ordering::Relaxed);
        tracing::info!(business_date = %bank.current, "business date");
        return Ok(());
    }
    let Some(closing) = here.and_then(|here| here.closing) else {
        tx.rollback().await;
        return Ok(());
    };
    if business_day::is_delivered(&mut tx, closing).await? {
        accounting.confirm_cut_over(closing).await?;
        business_day::finish(&mut tx, closing).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await;
    }
    Ok(())
}

async fn find_day(pool: &WritePool) -> Result<Option<business_day::BusinessDay>, JobError> {
    let mut tx = pool.begin().await?;
    let day = business_day::find(&mut tx).await?;
    tx.rollback().await;
    Ok(day)
}

/// Keeps partitions ahead of the clock; a bank that never cuts over needs them too.
pub async fn keep_partitions(pool: WritePool, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        let today = clock.now().date_naive();
        let created = async {
            let mut tx = pool.begin().await?;
            let last = today + TimeDelta::days(4);
            business_day::ensure_partitions(&mut tx, today - TimeDelta::days(8), last).await?;
            tx.commit().await?;
            Ok::<(), JobError>(())
        };
        let again = match created.await {
            Ok(()) => Duration::from_hours(1),
            Err(error) => {
                tracing::warn!(%error, "partitions cannot be created; trying on");
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(again) => {}
        }
    }
}

/// Begins everything that is repeated for ever, and ends with `working`.
pub fn work(working: &Background, context: &Context) {
    let of = || context.clone();
    working.spawn(|stop| carry_out(of(), stop));
    working.spawn(|stop| {
        let (context, patience) = (of(), Duration::from_millis(context.work.resolve_after_ms));
        let step = async move || orders::drive_pending(&context, patience).await;
        repeat("orders to deposit", EVERY_SECOND, step, stop)
    });
    working.spawn(|stop| {
        let context = of();
        let step = async move || orders::expire_some(&context).await;
        repeat("approvals and cards whose time is up", EVERY_SECOND, step, stop)
    });
    working.spawn(|stop| {
        let context = of();
        let step = async move || orders::collect_some(&context).await;
        repeat("what holders owe", EVERY_FEW_SECONDS, step, stop)
    });
    working.spawn(|stop| {
        let context = of();
        let age = Duration::from_secs(context.work.sweep_after_s.into());
        let step = async move || sweep::sweep(&context).await;
        repeat("holds without an authorization", EVERY_MINUTE.min(age), step, stop)
    });
    working.spawn(|stop| {
        let context = of();
        let step = async move || post_all(&context).await;
        repeat("clearing records", EVERY_SECOND, step, stop)
    });
}

/// Carries orders out as soon as they are given. What fails is the resolver's, a moment later.
async fn carry_out(context: Context, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.woken.notified() => {}
        }
        orders::drive_pending(&context, Duration::ZERO).await.ok();
    }
}

async fn post_all(context: &Context) -> Result<(), clearing::PostError> {
    while clearing::post_some(context).await? > 0 {}
    Ok(())
}

/// Repeats a step every so often until `stop`. One that fails is logged once, and tried again.
async fn repeat<E: std::fmt::Display>(
    what: &'static str,
    every: Duration,
    work: impl AsyncFn() -> Result<(), E>,
    stop: CancellationToken,
) {
    let mut failing = false;
    loop {
        let done = work().await;
        if let Err(error) = &done
            && !failing
        {
            tracing::warn!(%error, what, "a job cannot go on; trying on");
        }
        failing = done.is_err();
        // What could not be done is not left for a minute: after a start the database is not known yet.
        let pause = if failing { every.min(EVERY_SECOND) } else { every };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
