//! What time ends: approvals that were not cleared, cards past their expiry. And what a new date begins: the collection of
//! what holders owe.

use kernel::{CardId, RequestId};

use super::{order, release};
use crate::domain::{Authorization, AuthorizationStatus, Books, Order, OrderKind, OrderStatus};

/// Ends an approval whose time is up, and gives back what it reserved, unless a posting of it is on its way.
pub(super) fn authorization(id: RequestId, release_id: RequestId, books: &mut Books) {
    let Some(found) = books.authorization(id).cloned().filter(Authorization::is_open) else {
        return;
    };
    let due = found.expires_at.is_some_and(|at| at <= books.now());
    let busy = |order: &&Order| order.status == OrderStatus::Pending;
    if !due || books.orders_of(id).iter().any(busy) {
        return;
    }
    // What was cleared in part is cleared; the rest will not come.
    let status = match found.status {
        AuthorizationStatus::PartlyCleared => AuthorizationStatus::Cleared,
        _ => AuthorizationStatus::Expired,
    };
    if let Some(hold_id) = found.hold_id {
        books.give_order(release(release_id, hold_id, Some(&found), books));
    }
    books.put_authorization(Authorization { status, ..found });
}

/// Says that a card's time is over.
pub(super) fn card(id: CardId, books: &mut Books) {
    let today = books.business_date().as_date();
    let Some(mut card) = books.held_card(id).map(|held| held.card.clone()) else { return };
    if card.expires_on < today && card.expire().is_ok() {
        books.put_card(card);
    }
}

/// Asks deposit for what a holder owes.
pub(super) fn collect(id: RequestId, card: CardId, books: &mut Books) {
    let Some(card) = books.held_card(card).map(|held| held.card.clone()) else { return };
    if card.receivable_minor > 0 {
        let mut collection = order(id, OrderKind::Collect, &card, books);
        collection.amount_minor = card.receivable_minor;
        books.give_order(collection);
    }
}
