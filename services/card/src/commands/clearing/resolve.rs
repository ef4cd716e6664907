//! What a person decides about a record that could not be posted: try again, post it without an authorization, or send
//! it back.
//!
//! Round trips: record, card, its use, authorization, record, save. Locks: the card, then the record, as batches of the lane take them.

use kernel::{CardId, RequestId};
use platform::db::{self, WriteTx};
use uuid::Uuid;

use super::super::Context;
use super::super::alone::Acted;
use crate::domain::{Books, Item, ItemStatus, Rejection};
use crate::store::{clearing, write};

/// A decision about a record.
#[derive(Debug, Clone)]
pub struct ResolveException {
    /// Which record.
    pub item_id: Uuid,
    /// What is decided.
    pub what: What,
    /// The card to post to, where the record names none of ours.
    pub card_id: Option<CardId>,
    /// Why.
    pub reason: String,
}

/// What can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Try again.
    Retry,
    /// Post it without an authorization.
    ForcePost,
    /// Send it back.
    Return,
}

impl What {
    const fn code(self) -> &'static str {
        match self {
            Self::Retry => "RETRY",
            Self::ForcePost => "FORCE_POST",
            Self::Return => "RETURN",
        }
    }
}

impl ResolveException {
    pub(in crate::commands) async fn act(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
        books: &mut Books,
    ) -> Result<Result<Acted, Rejection>, db::Error> {
        let Some(seen) = clearing::find_item(tx.conn(), self.item_id).await? else {
            return Ok(Err(Rejection::ItemUnknown));
        };
        let mut cards: Vec<CardId> = seen.card_id.or(self.card_id).into_iter().collect();
        for card in write::lock_cards(tx.conn(), &mut cards, &ctx.products).await? {
            books.load_card(card);
        }
        let named = [seen.authorization_id.as_uuid()];
        for authorization in write::find_authorizations(tx.conn(), &named).await? {
            books.load_authorization(authorization);
        }
        for item in write::lock_items(tx.conn(), &[self.item_id]).await? {
            books.load_item(item);
        }
        let order_id = RequestId::generate(ctx.clock.as_ref());
        Ok(self.decide(order_id, books).map(|card_id| Acted {
            card_id,
            subject_id: Some(self.item_id),
            audited: Some((
                self.item_id.to_string(),
                format!("{}: {}", self.what.code(), self.reason),
            )),
        }))
    }

    fn decide(&self, order_id: RequestId, books: &mut Books) -> Result<Option<CardId>, Rejection> {
        let item = books.item(self.item_id).ok_or(Rejection::ItemUnknown)?.clone();
        let names_another =
            item.card_id.is_some() && self.card_id.is_some_and(|_| self.card_id != item.card_id);
        if item.status != ItemStatus::Exception || names_another {
            return Err(Rejection::IllegalTransition);
        }
        let card_id = item.card_id.or(self.card_id);
        if card_id.is_some_and(|id| books.held_card(id).is_none()) {
            return Err(Rejection::CardUnknown);
        }
        let item = Item { card_id, ..item };
        match self.what {
            What::Return => {
                // What it was sent back for stays written down.
                books.put_item(Item { status: ItemStatus::Returned, ..item });
            }
            What::Retry => books.put_item(Item {
                status: ItemStatus::Received,
                found: None,
                exception: None,
                ..item
            }),
            What::ForcePost if card_id.is_none() => return Err(Rejection::CardUnknown),
            // Its hold would stay.
            What::ForcePost if names_open(&item, books) => {
                return Err(Rejection::AuthorizationOpen);
            }
            What::ForcePost => books.begin_item(item, order_id, true),
        }
        Ok(card_id)
    }
}

/// Whether a record names an authorization of its card that still reserves something.
fn names_open(item: &Item, books: &Books) -> bool {
    let named = books.authorization(item.authorization_id);
    named.is_some_and(|named| named.is_open() && named.card_id == item.card_id)
}
