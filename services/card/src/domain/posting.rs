//! A clearing record on its way into the books: begun with an order to deposit or without one, and ended with it.
//!
//! Invariants: what is posted and what is owed together are the record's amount; a record that is not posted moved nothing
//! and changed no receivable; a refund pays what is owed first.

use kernel::RequestId;
use scheme::clearing::ClearingKind;

use super::{
    Authorization, AuthorizationStatus, Books, Card, Item, ItemStatus, Kind, Match, Named, Order,
    OrderKind, OrderStatus, Step, posting_of,
};

impl Books {
    /// Begins to post a record that was taken. `order_id` is the order's, if one is needed; `force` leaves every
    /// authorization out of account.
    pub fn begin_item(&mut self, item: Item, order_id: RequestId, force: bool) {
        let card = item.card_id.and_then(|id| self.held_card(id)).map(|held| held.card.clone());
        let Some(card) = card else { return self.except_item(item, "CARD_UNKNOWN") };
        if card.currency != item.currency {
            return self.except_item(item, "CURRENCY_MISMATCH");
        }
        let named = self.authorization(item.authorization_id).cloned();
        let named = named.map(|of| self.named(of));
        match item.step(named.as_ref(), force) {
            Step::Exception(why) => self.except_item(item, why),
            Step::Nothing => {
                let amount_minor = item.amount_minor;
                self.match_posted(item.authorization_id, amount_minor);
                self.put_item(Item {
                    status: ItemStatus::Posted,
                    found: Some(Match::AlreadyPosted),
                    posted_minor: amount_minor,
                    exception: None,
                    ..item
                });
            }
            Step::Post { found, hold_id, keep_remainder } => {
                let item = Item { found: Some(found), exception: None, ..item };
                let asked =
                    Order { hold_id, keep_remainder, ..self.order_of(&item, &card, order_id) };
                self.give_item(item, asked);
            }
        }
    }

    /// An authorization as a record meets it.
    fn named(&self, authorization: Authorization) -> Named {
        let orders = self.orders_of(authorization.id);
        // What deposit refused has posted nothing: the record does it.
        let posting = posting_of(&orders, authorization.kind == Kind::Refund)
            .filter(|posting| !posting.status.is_refused());
        let by_records = orders.iter().filter(|order| {
            order.item_id.is_some()
                && !order.status.is_refused()
                && matches!(order.kind, OrderKind::Debit | OrderKind::Credit)
        });
        let by_records_minor =
            by_records.fold(0_i64, |sum, order| sum.saturating_add(order.amount_minor));
        Named {
            posted_minor: posting.map(|order| order.amount_minor),
            by_records_minor,
            authorization,
        }
    }

    /// So much more of what was posted at once is named by the scheme.
    fn match_posted(&mut self, id: RequestId, minor: i64) {
        let Some(named) = self.authorization(id).cloned() else { return };
        let matched_minor = named.matched_minor.saturating_add(minor);
        self.put_authorization(Authorization { matched_minor, ..named });
    }

    /// Begins to post a record that was matched: what a refund pays of what is owed needs no order.
    fn give_item(&mut self, item: Item, asked: Order) {
        let Some(card_id) = item.card_id else { return };
        let owed = self.held_card(card_id).map_or(0, |held| held.card.receivable_minor);
        let pays = if item.kind == ClearingKind::Refund { owed.min(item.amount_minor) } else { 0 };
        self.owe(card_id, pays.saturating_neg());
        let item = Item { receivable_minor: pays.saturating_neg(), ..item };
        let amount_minor = item.amount_minor.saturating_sub(pays);
        if amount_minor == 0 {
            // Deposit posts nothing for it.
            self.clear(&item, (0, false));
            self.put_item(Item { status: ItemStatus::Posted, ..item });
            return;
        }
        let attempt = item.attempt.saturating_add(1);
        self.give_order(Order { amount_minor, ..asked });
        self.put_item(Item { status: ItemStatus::Posting, attempt, ..item });
    }

    pub(super) fn order_of(&self, item: &Item, card: &Card, id: RequestId) -> Order {
        let refund = item.kind == ClearingKind::Refund;
        let known = !matches!(item.found, Some(Match::None) | None);
        Order {
            id,
            kind: if refund { OrderKind::Credit } else { OrderKind::Debit },
            authorization_id: known.then_some(item.authorization_id),
            item_id: Some(item.id),
            card_id: Some(card.id),
            customer_id: Some(card.customer_id),
            account: Some(card.account),
            hold_id: None,
            amount_minor: item.amount_minor,
            moved_minor: 0,
            currency: item.currency,
            keep_remainder: false,
            business_date: self.business_date(),
            created_at: self.now(),
            ended_at: None,
            status: OrderStatus::Pending,
        }
    }

    /// Ends the record of an order that has ended: with what deposit moved, or with why it moved nothing. What the account
    /// lacks its holder owes; where deposit refuses, such as a frozen account, a person decides.
    pub fn end_item(&mut self, order: &Order) {
        let item = order.item_id.and_then(|id| self.item(id)).cloned();
        let Some(item) = item.filter(|item| item.status == ItemStatus::Posting) else { return };
        let Some(card_id) = item.card_id else { return };
        match &order.status {
            OrderStatus::Pending => {}
            OrderStatus::Refused(why) => {
                // What a refund paid is owed again.
                self.owe(card_id, item.receivable_minor.saturating_neg());
                self.except_item(Item { receivable_minor: 0, ..item }, why);
            }
            OrderStatus::Done => {
                self.clear(&item, (order.amount_minor, order.keep_remainder));
                let lacks = order.amount_minor.saturating_sub(order.moved_minor);
                let lacks = if item.kind == ClearingKind::Refund { 0 } else { lacks };
                self.owe(card_id, lacks);
                self.put_item(Item {
                    status: ItemStatus::Posted,
                    posted_minor: order.moved_minor,
                    receivable_minor: item.receivable_minor.saturating_add(lacks),
                    ..item
                });
            }
        }
    }

    /// So much of a record's authorization is cleared, and more comes or not. One that has ended meanwhile stays as it
    /// ended; of one that had ended before, nothing is cleared any more: the record stands for itself.
    fn clear(&mut self, item: &Item, (minor, more): (i64, bool)) {
        if matches!(item.found, Some(Match::Late | Match::None) | None) {
            return;
        }
        let Some(named) = self.authorization(item.authorization_id).cloned() else { return };
        let status = match named.status {
            _ if !named.is_open() => named.status,
            _ if more => AuthorizationStatus::PartlyCleared,
            _ => AuthorizationStatus::Cleared,
        };
        let cleared_minor = named.cleared_minor.saturating_add(minor);
        self.put_authorization(Authorization { cleared_minor, status, ..named });
    }

    fn except_item(&mut self, item: Item, why: &str) {
        let exception = Some(why.to_owned());
        self.put_item(Item { status: ItemStatus::Exception, exception, ..item });
    }
}
