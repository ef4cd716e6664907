//! Carry out what was decided: ask deposit, and write down what it answered.
//!
//! An order's id is deposit's request id, so asking again moves nothing twice. What is no decision of deposit's leaves the
//! order pending, for the resolver. Whoever was cut off, also between deposit's answer and its being written down, is
//! followed by somebody who asks again and is answered the same.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use kernel::{CardId, RequestId};
use platform::db::{self, Freshness};
use platform::lanes::LaneError;
use platform::telemetry::SpanLink;
use tokio::task::JoinSet;
use tracing::Instrument;
use uuid::Uuid;

use super::ids::derived_late;
use super::{Context, EndOrder, Entry, FollowUp, Said};
use crate::clients::{self, Debit, Payment, Refusal};
use crate::domain::{Order, OrderKind};
use crate::store::write;

/// A credit that was refused is asked for again after so many times `work.resolve_after_ms`: five minutes.
const AGAIN_AFTER: i64 = 100;
/// Orders of one look.
const AT_A_TIME: i64 = 1_000;

/// Why an order has not ended.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The books do not answer.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// Deposit gave no decision.
    #[error("{0}")]
    Callee(#[from] clients::Error),
    /// What deposit answered was not written down.
    #[error("{0}")]
    Lane(#[from] LaneError),
    /// Ours.
    #[error("the order cannot be carried out")]
    Fault,
}

/// Carries out all orders that are pending for so long, so many at once. One that does not end keeps none from it: each is
/// tried once.
///
/// # Errors
/// One of them has not ended; the others were tried.
pub async fn drive_pending(ctx: &Context, patience: Duration) -> Result<(), OrderError> {
    let patience = TimeDelta::from_std(patience).unwrap_or_default();
    let before = ctx.clock.now().checked_sub_signed(patience).unwrap_or_default();
    let mut last = (DateTime::UNIX_EPOCH, Uuid::nil());
    let mut tried = Ok(());
    loop {
        let mut reader = ctx.reads.reader(Freshness::Primary).await?;
        let pending = write::pending_orders(reader.conn(), (last, before), AT_A_TIME).await?;
        drop(reader);
        let full = i64::try_from(pending.len()).is_ok_and(|count| count >= AT_A_TIME);
        if let Some((order, _)) = pending.last() {
            last = (order.created_at, order.id.as_uuid());
        }
        tried = drive_all(ctx, pending).await.and(tried);
        if !full {
            return tried;
        }
    }
}

async fn drive_all(ctx: &Context, orders: Vec<(Order, SpanLink)>) -> Result<(), OrderError> {
    let (mut waiting, mut calls) = (orders.into_iter(), JoinSet::new());
    let mut failed = None;
    loop {
        while calls.len() < ctx.work.orders_at_once
            && let Some((order, trace)) = waiting.next()
        {
            let ctx = ctx.clone();
            let span = trace.part(|| tracing::info_span!("card.order", kind = order.kind.code()));
            calls.spawn(async move { trace.scope(drive(&ctx, order).instrument(span)).await });
        }
        match calls.join_next().await {
            None => return failed.map_or(Ok(()), Err),
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => failed = Some(error),
            Some(Err(_)) => failed = Some(OrderError::Fault),
        }
    }
}

/// Asks deposit about an order, and ends it as deposit says.
async fn drive(ctx: &Context, order: Order) -> Result<(), OrderError> {
    let said = ask(ctx, &order).await?;
    let cause = order.authorization_id.map_or(order.id.as_uuid(), RequestId::as_uuid);
    let (key, now) = (&ctx.search, ctx.clock.now());
    let rest = derived_late(key, order.id.as_uuid(), "remainder", now).ok_or(OrderError::Fault)?;
    let back = derived_late(key, cause, "reversal", now).ok_or(OrderError::Fault)?;
    let again = derived_late(key, order.id.as_uuid(), "again", now).ok_or(OrderError::Fault)?;
    let after = i64::try_from(ctx.work.resolve_after_ms).unwrap_or(i64::MAX);
    let after = TimeDelta::try_milliseconds(after.saturating_mul(AGAIN_AFTER));
    let again_at = after.and_then(|after| now.checked_add_signed(after)).unwrap_or(now);
    let end = EndOrder {
        order_id: order.id,
        authorization_id: order.authorization_id,
        item_id: order.item_id,
        card_id: order.card_id,
        said,
        follow_up: FollowUp { rest, back, again: (again, again_at) },
    };
    ctx.lanes.submit(Entry::EndOrder(end)).await?;
    Ok(())
}

async fn ask(ctx: &Context, order: &Order) -> Result<Said, OrderError> {
    let refused = |refusal: Refusal| Said::Refused(refusal.code());
    if order.kind == OrderKind::Release {
        let hold_id = order.hold_id.ok_or(OrderError::Fault)?;
        let answer = ctx.deposits.release_hold(order.id, hold_id).await?;
        return Ok(answer.map_or_else(refused, |()| Said::Moved(0)));
    }
    let account = order.account.ok_or(OrderError::Fault)?;
    let customer_id = order.customer_id.ok_or(OrderError::Fault)?;
    let payment = Payment {
        order_id: order.id,
        account,
        customer_id,
        amount_minor: order.amount_minor,
        currency: order.currency,
    };
    let how =
        Debit { hold_id: order.hold_id, keep_remainder: order.keep_remainder, allow_partial: true };
    let answer = match order.kind {
        OrderKind::Credit => ctx.deposits.credit(payment).await?,
        _ => ctx.deposits.debit(payment, how).await?,
    };
    Ok(answer.map_or_else(refused, |moved| Said::Moved(moved.amount_minor)))
}

/// Ends approvals and cards whose time is up, and gives back what the former reserved.
///
/// # Errors
/// The books do not answer.
pub async fn expire_some(ctx: &Context) -> Result<(), OrderError> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let now = ctx.clock.now();
    let authorizations = write::expired_authorizations(reader.conn(), now, AT_A_TIME).await?;
    let cards = write::expired_cards(reader.conn(), AT_A_TIME).await?;
    drop(reader);
    let mut entries: Vec<Entry> =
        Vec::with_capacity(authorizations.len().saturating_add(cards.len()));
    for id in authorizations {
        let release_id = derived_late(&ctx.search, id.as_uuid(), "release", now);
        entries.push(Entry::Expire(id, release_id.ok_or(OrderError::Fault)?));
    }
    entries.extend(cards.into_iter().map(Entry::ExpireCard));
    for answer in ctx.lanes.submit_all(entries).await {
        answer?;
    }
    Ok(())
}

/// Asks for what holders owe, once on each business date.
///
/// # Errors
/// The books do not answer.
pub async fn collect_some(ctx: &Context) -> Result<(), OrderError> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let owing: Vec<CardId> = write::owing_cards(reader.conn(), AT_A_TIME).await?;
    drop(reader);
    let fresh = || RequestId::generate(ctx.clock.as_ref());
    let entries = owing.into_iter().map(|card| Entry::Collect(fresh(), card)).collect();
    for answer in ctx.lanes.submit_all(entries).await {
        answer?;
    }
    Ok(())
}

/// The id of the order that gives back a hold that no authorization has.
pub(super) fn orphan_id(ctx: &Context, hold: Uuid) -> Option<RequestId> {
    derived_late(&ctx.search, hold, "orphan", ctx.clock.now())
}
