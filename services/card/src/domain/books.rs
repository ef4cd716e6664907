//! The part of the books that one batch touches, loaded and locked, and what the batch changes in it.
//!
//! Every change goes through the verbs here, so that what a card counts follows from its authorizations, and what its
//! holder owes from what is booked; `store` writes [`Changes`] and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, CardId, Currency, RequestId};
use uuid::Uuid;

use super::{
    Asker, Authorization, AuthorizationStatus, Bucket, Card, Item, Limits, Order, OrderKind,
    OrderStatus, Outcome, Rejection, Usage,
};

/// A card with what it was and may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCard {
    /// The card.
    pub card: Card,
    /// What its holder set.
    pub limits: Limits,
    /// What it was used for.
    pub usage: Usage,
}

/// What accounting is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingKind {
    /// A holder owes what could not be taken from the account.
    Receivable,
    /// The scheme was paid.
    Settled,
    /// Scheme and bank differ.
    Difference,
}

impl BookingKind {
    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Receivable => "CARD_RECEIVABLE",
            Self::Settled => "CARD_SETTLED",
            Self::Difference => "CARD_DIFFERENCE",
        }
    }
}

/// One posting that accounting is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Of which card, where it is one.
    pub card_id: Option<CardId>,
    /// The card product.
    pub product: String,
    /// What happened.
    pub kind: BookingKind,
    /// How much, minor units; not negative.
    pub principal_minor: i64,
    /// What this bank earns of it; not negative.
    pub fee_minor: i64,
    /// Of the amounts.
    pub currency: Currency,
    /// Whether it undoes one of the same kind.
    pub reversal: bool,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub struct Changes {
    /// New decisions.
    pub outcomes: Vec<Outcome>,
    /// Cards issued in this batch, in their final state.
    pub issued: Vec<Card>,
    /// Cards that existed and changed.
    pub cards: Vec<Card>,
    /// Limits that were set, whole cards.
    pub limits: Vec<(CardId, Limits)>,
    /// Counters that changed.
    pub usage: Vec<(CardId, Bucket, super::Counter)>,
    /// Authorizations decided or fenced in this batch, in their final state.
    pub authorized: Vec<Authorization>,
    /// Authorizations that existed and went on.
    pub authorizations: Vec<Authorization>,
    /// Orders given in this batch.
    pub ordered: Vec<Order>,
    /// Orders that existed and have ended.
    pub ended: Vec<Order>,
    /// Clearing records that went on.
    pub items: Vec<Item>,
    /// What accounting is told.
    pub bookings: Vec<Booking>,
}

/// The loaded part of the books.
#[derive(Debug)]
pub struct Books {
    business_date: BusinessDate,
    now: DateTime<Utc>,
    /// Each card as it stands, and as it was loaded.
    cards: HashMap<CardId, (HeldCard, Option<HeldCard>)>,
    authorizations: HashMap<RequestId, (Authorization, Option<Authorization>)>,
    orders: HashMap<RequestId, (Order, Option<Order>)>,
    items: HashMap<Uuid, (Item, Item)>,
    decided: HashMap<RequestId, Outcome>,
    outcomes: Vec<Outcome>,
    bookings: Vec<Booking>,
    limits_set: BTreeSet<CardId>,
}

impl Books {
    /// Books in which nothing is loaded yet.
    pub fn new(business_date: BusinessDate, now: DateTime<Utc>) -> Self {
        Self {
            business_date,
            now,
            cards: HashMap::new(),
            authorizations: HashMap::new(),
            orders: HashMap::new(),
            items: HashMap::new(),
            decided: HashMap::new(),
            outcomes: Vec::new(),
            bookings: Vec::new(),
            limits_set: BTreeSet::new(),
        }
    }

    /// Puts in a card that was read under its lock.
    pub fn load_card(&mut self, card: HeldCard) {
        self.cards.insert(card.card.id, (card.clone(), Some(card)));
    }

    /// Puts in an authorization whose card, if it has one, is locked.
    pub fn load_authorization(&mut self, authorization: Authorization) {
        self.authorizations.insert(authorization.id, (authorization.clone(), Some(authorization)));
    }

    /// Puts in an order.
    pub fn load_order(&mut self, order: Order) {
        self.orders.insert(order.id, (order.clone(), Some(order)));
    }

    /// Puts in a clearing record.
    pub fn load_item(&mut self, item: Item) {
        self.items.insert(item.id, (item.clone(), item));
    }

    /// Puts in a decision that stands.
    pub fn load_outcome(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome);
    }

    /// The business date of everything decided here.
    pub fn business_date(&self) -> BusinessDate {
        self.business_date
    }

    /// The instant of everything decided here.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The decision on a request id, from an earlier batch or this one.
    pub fn decided(&self, request: RequestId) -> Option<&Outcome> {
        self.decided.get(&request)
    }

    /// Writes down a decision.
    pub fn decide(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome.clone());
        self.outcomes.push(outcome);
    }

    /// A card that whoever asks may know of.
    ///
    /// # Errors
    /// [`Rejection::CardUnknown`], also for a card of somebody else.
    pub fn own_card(&self, id: CardId, asker: Asker) -> Result<&Card, Rejection> {
        let card = self.cards.get(&id).map(|(held, _)| &held.card);
        card.filter(|card| asker.covers(card.customer_id)).ok_or(Rejection::CardUnknown)
    }

    /// A card with what it was and may be used for.
    pub fn held_card(&self, id: CardId) -> Option<&HeldCard> {
        self.cards.get(&id).map(|(held, _)| held)
    }

    /// A new card.
    pub fn issue(&mut self, card: Card, limits: Limits) {
        if !limits.is_empty() {
            self.limits_set.insert(card.id);
        }
        let held = HeldCard { card, limits, usage: Usage::default() };
        self.cards.insert(held.card.id, (held, None));
    }

    /// A card as it is now. Grows its version.
    pub fn put_card(&mut self, mut card: Card) {
        card.version = card.version.saturating_add(1);
        if let Some((held, _)) = self.cards.get_mut(&card.id) {
            held.card = card;
        }
    }

    /// Limits as they are now.
    pub fn put_limits(&mut self, id: CardId, limits: Limits) {
        if let Some((held, _)) = self.cards.get_mut(&id) {
            held.limits = limits;
            self.limits_set.insert(id);
        }
    }

    /// Counts a use of a card today; `None` where it is more than can be counted.
    #[must_use]
    pub fn count_use(&mut self, id: CardId, buckets: &[Bucket], minor: i64) -> Option<()> {
        let today = self.business_date.as_date();
        let (held, _) = self.cards.get_mut(&id)?;
        held.usage.count(buckets, minor, today)
    }

    /// The authorization with this id.
    pub fn authorization(&self, id: RequestId) -> Option<&Authorization> {
        self.authorizations.get(&id).map(|(authorization, _)| authorization)
    }

    /// A new authorization, or one as it is now.
    pub fn put_authorization(&mut self, authorization: Authorization) {
        match self.authorizations.get_mut(&authorization.id) {
            Some((known, _)) => *known = authorization,
            None => {
                self.authorizations.insert(authorization.id, (authorization, None));
            }
        }
    }

    /// Takes what an authorization counted off its card's counters.
    pub fn uncount(&mut self, authorization: &Authorization) {
        let Some(id) = authorization.card_id.filter(|_| authorization.counted_minor > 0) else {
            return;
        };
        let mut buckets = vec![Bucket::of(authorization.channel)];
        if authorization.restricted {
            buckets.push(Bucket::RestrictedMerchants);
        }
        if let Some((held, _)) = self.cards.get_mut(&id) {
            let day = authorization.business_date.as_date();
            held.usage.take_off(&buckets, authorization.counted_minor, day);
        }
    }

    /// The order with this id.
    pub fn order(&self, id: RequestId) -> Option<&Order> {
        self.orders.get(&id).map(|(order, _)| order)
    }

    /// The orders because of an authorization.
    pub fn orders_of(&self, authorization: RequestId) -> Vec<&Order> {
        let orders = self.orders.values().map(|(order, _)| order);
        let mut found: Vec<_> =
            orders.filter(|order| order.authorization_id == Some(authorization)).collect();
        found.sort_by_key(|order| order.id);
        found
    }

    /// Gives an order, unless it has been given.
    pub fn give_order(&mut self, order: Order) {
        self.orders.entry(order.id).or_insert((order, None));
    }

    /// Ends an order.
    pub fn end_order(&mut self, id: RequestId, status: OrderStatus, moved_minor: i64) {
        let now = self.now;
        if let Some((order, _)) = self.orders.get_mut(&id) {
            order.status = status;
            order.moved_minor = moved_minor;
            order.ended_at = Some(now);
        }
    }

    /// The clearing record with this id.
    pub fn item(&self, id: Uuid) -> Option<&Item> {
        self.items.get(&id).map(|(item, _)| item)
    }

    /// A clearing record as it is now.
    pub fn put_item(&mut self, item: Item) {
        if let Some((known, _)) = self.items.get_mut(&item.id) {
            *known = item;
        }
    }

    /// A holder owes more, or where it is negative less; accounting is told.
    pub fn owe(&mut self, id: CardId, minor: i64) {
        let Some((held, _)) = self.cards.get_mut(&id).filter(|_| minor != 0) else { return };
        held.card.receivable_minor = held.card.receivable_minor.saturating_add(minor);
        let card = &held.card;
        self.bookings.push(Booking {
            card_id: Some(id),
            product: card.product.code.clone(),
            kind: BookingKind::Receivable,
            principal_minor: minor.saturating_abs(),
            fee_minor: 0,
            currency: card.currency,
            reversal: minor < 0,
        });
    }

    /// Tells accounting of what is about no single card.
    pub fn book(&mut self, booking: Booking) {
        self.bookings.push(booking);
    }

    /// What is to be written.
    pub fn into_changes(self) -> Changes {
        let mut changes =
            Changes { outcomes: self.outcomes, bookings: self.bookings, ..Changes::default() };
        let cards: BTreeMap<_, _> = self.cards.into_iter().collect();
        for (id, (held, loaded)) in cards {
            if self.limits_set.contains(&id) {
                changes.limits.push((id, held.limits.clone()));
            }
            for (bucket, counter) in held.usage.counters() {
                let before = loaded.as_ref().map(|loaded| loaded.usage.counters());
                let same = |known| known == (bucket, counter);
                if !before.is_some_and(|mut before| before.any(same)) {
                    changes.usage.push((id, bucket, counter));
                }
            }
            match loaded {
                None => changes.issued.push(held.card),
                Some(loaded) if loaded.card != held.card => changes.cards.push(held.card),
                Some(_) => {}
            }
        }
        for (_, (authorization, loaded)) in in_order(self.authorizations) {
            match loaded {
                None => changes.authorized.push(authorization),
                Some(loaded) if loaded != authorization => {
                    changes.authorizations.push(authorization);
                }
                Some(_) => {}
            }
        }
        for (_, (order, loaded)) in in_order(self.orders) {
            match loaded {
                None => changes.ordered.push(order),
                Some(loaded) if loaded.status != order.status => changes.ended.push(order),
                Some(_) => {}
            }
        }
        for (_, (item, loaded)) in in_order(self.items) {
            if item != loaded {
                changes.items.push(item);
            }
        }
        changes
    }
}

/// The debit or credit that posted an authorization, if one was ordered.
pub fn posting_of<'a>(orders: &[&'a Order], credit: bool) -> Option<&'a Order> {
    let wanted = if credit { OrderKind::Credit } else { OrderKind::Debit };
    orders.iter().copied().find(|order| order.kind == wanted && order.item_id.is_none())
}

fn in_order<K: Ord, V>(map: HashMap<K, V>) -> BTreeMap<K, V> {
    map.into_iter().collect()
}

impl Authorization {
    /// The row of one that is reversed before it came. It has no card, no amount, and is never approved.
    pub fn fence(
        id: RequestId,
        (business_date, now): (BusinessDate, DateTime<Utc>),
        key: super::MessageKey,
    ) -> Self {
        Self {
            id,
            fingerprint: 0,
            card_id: None,
            customer_id: None,
            account: None,
            hold_id: None,
            amount_minor: 0,
            currency: Currency::CNY,
            cleared_minor: 0,
            matched_minor: 0,
            counted_minor: 0,
            kind: super::Kind::Purchase,
            channel: super::Channel::Pos,
            restricted: false,
            posted_now: false,
            status: AuthorizationStatus::Fenced,
            response_code: super::ResponseCode::DO_NOT_HONOUR,
            approval_code: None,
            merchant_category: "0000".to_owned(),
            key,
            business_date,
            decided_at: now,
            expires_at: None,
        }
    }
}
