//! Write down what deposit answered to an order, and what follows from it: for the authorization, the clearing record, and
//! for what the holder owes.
//!
//! Round trips: those of the batch. Locks: the card, the record. Replay: an order that has ended stays as it ended.

use chrono::{DateTime, Utc};
use kernel::{CardId, RequestId};
use uuid::Uuid;

use super::reverse::give_back;
use super::{Contradiction, order};
use crate::domain::{
    Authorization, AuthorizationStatus, Books, Card, Kind, Order, OrderKind, OrderStatus,
};

/// What deposit answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// So much has moved; 0 where a hold was given back.
    Moved(i64),
    /// Nothing, for this reason.
    Refused(&'static str),
}

/// An order that deposit has answered.
#[derive(Debug, Clone)]
pub struct EndOrder {
    /// The order.
    pub order_id: RequestId,
    /// Its authorization.
    pub authorization_id: Option<RequestId>,
    /// Its record.
    pub item_id: Option<Uuid>,
    /// Its card.
    pub card_id: Option<CardId>,
    /// What deposit answered.
    pub said: Said,
    /// What may follow.
    pub follow_up: FollowUp,
}

/// The ids of orders that may follow.
#[derive(Debug, Clone, Copy)]
pub struct FollowUp {
    /// Of what gives back the rest of a hold, or of what was collected.
    pub rest: RequestId,
    /// Of what takes a posting back.
    pub back: RequestId,
    /// Of what asks once more for a credit that was refused, and when. Deposit remembers its refusal, so it has to be
    /// another request.
    pub again: (RequestId, DateTime<Utc>),
}

/// Deposit's word for an account that has not enough.
const INSUFFICIENT: &str = "INSUFFICIENT_FUNDS";

impl EndOrder {
    pub(super) fn decide(&self, books: &mut Books) -> Result<(), Contradiction> {
        let Some(order) = books.order(self.order_id).cloned() else {
            return Err(Contradiction(format!("order {} is not in the books", self.order_id)));
        };
        if order.status != OrderStatus::Pending {
            return Ok(());
        }
        let card = order.card_id.and_then(|id| books.held_card(id)).map(|held| held.card.clone());
        match (order.kind, card) {
            (OrderKind::Release, _) => {
                // Whatever deposit says, nothing is reserved any more.
                books.end_order(order.id, OrderStatus::Done, 0);
                Ok(())
            }
            (OrderKind::Debit, Some(card)) => {
                self.debited(&order, &card, books);
                Ok(())
            }
            (OrderKind::Credit, Some(card)) => {
                self.credited(&order, &card, books);
                Ok(())
            }
            (OrderKind::Collect, Some(card)) => {
                let moved = match self.said {
                    Said::Moved(minor) => minor,
                    Said::Refused(_) => 0,
                };
                books.end_order(order.id, OrderStatus::Done, moved);
                let owed = moved.min(card.receivable_minor);
                books.owe(card.id, owed.saturating_neg());
                // A refund may have paid it meanwhile: then it was taken twice.
                let mut back = super::order(self.follow_up.rest, OrderKind::Credit, &card, books);
                back.amount_minor = moved.saturating_sub(owed);
                if back.amount_minor > 0 {
                    books.give_order(back);
                }
                Ok(())
            }
            (_, None) => Err(Contradiction(format!("order {} is of no card", order.id))),
        }
    }

    fn debited(&self, ended: &Order, card: &Card, books: &mut Books) {
        let moved = match self.said {
            Said::Moved(minor) => minor,
            // A person decides about a record; an advice cannot be declined, so its holder owes.
            Said::Refused(why) if ended.item_id.is_some() && why != INSUFFICIENT => {
                Self::end(ended, OrderStatus::Refused(why.to_owned()), 0, books);
                return;
            }
            Said::Refused(_) => 0,
        };
        Self::end(ended, OrderStatus::Done, moved, books);
        if ended.item_id.is_none() {
            // What takes a refund back is not taken back itself.
            let reversed = self.reversed(books).filter(|of| of.kind != Kind::Refund);
            if let Some(reversed) = reversed {
                // Nothing is owed for it yet, so what moved goes back and nothing else.
                let whole = Order { amount_minor: moved, moved_minor: moved, ..ended.clone() };
                give_back(self.follow_up.back, &reversed, &whole, books);
            } else {
                books.owe(card.id, ended.amount_minor.saturating_sub(moved));
                self.cleared(ended, books);
            }
        }
        // A refusal leaves the hold as it was.
        let refused = matches!(self.said, Said::Refused(_)) && !ended.keep_remainder;
        if let Some(hold_id) = ended.hold_id.filter(|_| refused) {
            let of = self.authorization(books);
            books.give_order(super::release(self.follow_up.rest, hold_id, of.as_ref(), books));
        }
    }

    fn credited(&self, ended: &Order, card: &Card, books: &mut Books) {
        // A refund, and not what takes a payment back.
        let refund = self.authorization(books).is_some_and(|of| of.kind == Kind::Refund);
        let minor = match self.said {
            Said::Moved(minor) => minor,
            // Its record comes with the scheme's file, and a person decides about that.
            Said::Refused(why) if ended.item_id.is_some() || refund => {
                Self::end(ended, OrderStatus::Refused(why.to_owned()), 0, books);
                return;
            }
            // Nothing else comes that would give the holder's money back: asked again until the account takes it.
            Said::Refused(why) => {
                tracing::warn!(order = %ended.id, why, "deposit does not take back what was taken");
                Self::end(ended, OrderStatus::Refused(why.to_owned()), 0, books);
                let (id, created_at) = self.follow_up.again;
                let business_date = books.business_date();
                books.give_order(Order { id, business_date, created_at, ..ended.clone() });
                return;
            }
        };
        Self::end(ended, OrderStatus::Done, minor, books);
        if ended.item_id.is_some() || !refund {
            return;
        }
        match self.reversed(books) {
            None => self.cleared(ended, books),
            Some(reversed) => {
                let mut back = order(self.follow_up.back, OrderKind::Debit, card, books);
                back.authorization_id = Some(reversed.id);
                back.amount_minor = minor;
                books.give_order(back);
            }
        }
    }

    /// Ends the order, and with it the record that it is about.
    fn end(ended: &Order, status: OrderStatus, moved: i64, books: &mut Books) {
        books.end_order(ended.id, status, moved);
        if ended.item_id.is_some()
            && let Some(ended) = books.order(ended.id).cloned()
        {
            books.end_item(&ended);
        }
    }

    /// The authorization is cleared. One that has expired meanwhile stays so.
    fn cleared(&self, ended: &Order, books: &mut Books) {
        let Some(of) = self.authorization(books).filter(Authorization::is_open) else { return };
        let cleared_minor = of.cleared_minor.saturating_add(ended.amount_minor);
        let status = AuthorizationStatus::Cleared;
        books.put_authorization(Authorization { cleared_minor, status, ..of });
    }

    fn authorization(&self, books: &Books) -> Option<Authorization> {
        self.authorization_id.and_then(|id| books.authorization(id)).cloned()
    }

    fn reversed(&self, books: &Books) -> Option<Authorization> {
        let of = self.authorization(books);
        of.filter(|of| of.status == AuthorizationStatus::Reversed)
    }
}
