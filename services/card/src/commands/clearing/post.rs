//! Post the records of accepted files.
//!
//! Each record is matched in the lane, under its card's lock, and its order written in the same tx; whoever gives orders to
//! deposit does the rest. Records of one authorization are posted one after the other, in the order of their lines: a later
//! one may give back what an earlier one needs. Round trips: one to find records, a batch of the lane for many of them.
//! Replay: a record that is not RECEIVED any more is left alone; so two processes may be at it at once, and either may die.

use std::collections::HashSet;

use kernel::{CardId, RequestId};
use platform::db::{self, Freshness};
use platform::lanes::LaneError;
use uuid::Uuid;

use super::super::{Context, Entry};
use crate::domain::{Books, Item, ItemStatus, OrderStatus};
use crate::store::clearing;

/// A record to post.
#[derive(Debug, Clone)]
pub struct Post {
    /// Which one.
    pub item_id: Uuid,
    /// Its card; `None` where the number is none of ours.
    pub card_id: Option<CardId>,
    /// What it says that it clears.
    pub authorization_id: RequestId,
    /// The id of the order that it may lead to.
    pub order_id: RequestId,
}

/// Why the work stopped. It goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The books do not answer.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// The answer to a commit was lost.
    #[error("{0}")]
    Commit(#[from] db::CommitError),
    /// A lane did not take the work.
    #[error("{0}")]
    Lane(#[from] LaneError),
}

impl Post {
    pub(in crate::commands) fn decide(&self, books: &mut Books) {
        let item = books.item(self.item_id).filter(|item| item.status == ItemStatus::Received);
        let Some(item) = item.cloned() else { return };
        let orders = books.orders_of(self.authorization_id);
        let busy = orders
            .iter()
            .any(|order| order.item_id.is_some() && order.status == OrderStatus::Pending);
        if !busy {
            books.begin_item(item, self.order_id, false);
        }
    }
}

/// Posts the next records of accepted files, notes files that are finished, and answers how many records were handed in.
pub async fn post_some(ctx: &Context) -> Result<usize, PostError> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let at_work = clearing::is_at_work(reader.conn()).await?;
    if !at_work {
        return Ok(0);
    }
    let most = i64::from(ctx.work.matched_at_once);
    let waiting = clearing::find_received(reader.conn(), most).await?;
    drop(reader);
    let mut seen = HashSet::new();
    let next: Vec<Item> =
        waiting.into_iter().filter(|item| seen.insert(item.authorization_id)).collect();
    let count = next.len();
    let entries = next.iter().map(|item| Entry::Post(of(ctx, item))).collect();
    for posted in ctx.lanes.submit_all(entries).await {
        posted?;
    }
    let mut tx = ctx.writes.begin().await?;
    let finished = clearing::finish_files(tx.conn(), ctx.clock.now()).await;
    match finished {
        Ok(0) => tx.rollback().await,
        Ok(_) => {
            tx.commit().await?;
        }
        Err(error) => {
            tx.rollback().await;
            return Err(error.into());
        }
    }
    Ok(count)
}

fn of(ctx: &Context, item: &Item) -> Post {
    Post {
        item_id: item.id,
        card_id: item.card_id,
        authorization_id: item.authorization_id,
        order_id: RequestId::generate(ctx.clock.as_ref()),
    }
}
