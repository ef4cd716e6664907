//! Complete an authorization: the acquirer's advice of the final amount (0220), which is not to be declined.
//!
//! Round trips: those of the batch; the money moves afterwards, as an order. Locks: the card. Replay: the order that was
//! given first; with another amount it is refused.

use kernel::{PositiveMoney, RequestId};

use super::ids::derived_late;
use super::reverse::follow;
use super::{Authorized, CommandError, Context, Entry, order};
use crate::domain::{
    Authorization, AuthorizationStatus, Books, Kind, Order, OrderKind, Rejection, posting_of,
};

/// The final amount of a pre-authorization may be so much of what was reserved, per cent (the rule of UnionPay and of other
/// schemes for hotels and car rental).
const PREAUTHORIZATION_PERCENT: i64 = 115;

/// A completion, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Complete {
    /// What is completed.
    pub authorization_id: RequestId,
    /// The final amount.
    pub amount: PositiveMoney,
}

/// A completion with the id of the order that posts it.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    /// What is completed.
    pub(super) authorization_id: RequestId,
    pub(super) amount: PositiveMoney,
    pub(super) posting_id: RequestId,
}

impl Completion {
    pub(super) fn decide(&self, books: &mut Books) -> Result<Authorization, Rejection> {
        let found = books.authorization(self.authorization_id).cloned();
        let found = found.filter(|found| found.card_id.is_some());
        let found = found.ok_or(Rejection::AuthorizationUnknown)?;
        let (minor, currency) = (self.amount.minor(), self.amount.currency());
        let orders: Vec<_> = books.orders_of(found.id);
        let given = posting_of(&orders, false).filter(|_| !found.posted_now);
        if given.is_some_and(|given| given.amount_minor == minor && found.currency == currency) {
            return Ok(found);
        }
        let being_cleared =
            |order: &&Order| order.kind == OrderKind::Debit && !order.status.is_refused();
        if found.status != AuthorizationStatus::Approved
            || found.hold_id.is_none()
            || orders.iter().any(being_cleared)
        {
            return Err(Rejection::AuthorizationEnded);
        }
        if currency != found.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        let most = match found.kind {
            Kind::Preauthorization => {
                let hundredfold = found.amount_minor.checked_mul(PREAUTHORIZATION_PERCENT);
                hundredfold.map_or(i64::MAX, |hundredfold| hundredfold / 100)
            }
            _ => found.amount_minor,
        };
        if minor > most {
            return Err(Rejection::CompletionAboveAuthorization);
        }
        let card = found.card_id.and_then(|id| books.held_card(id)).map(|held| held.card.clone());
        let card = card.ok_or(Rejection::AuthorizationUnknown)?;
        let mut posting = order(self.posting_id, OrderKind::Debit, &card, books);
        posting.authorization_id = Some(found.id);
        posting.hold_id = found.hold_id;
        posting.amount_minor = minor;
        books.give_order(posting);
        Ok(found)
    }
}

/// Completes an authorization.
///
/// # Errors
/// There is no outcome: the same advice may be sent again.
pub async fn complete(
    ctx: &Context,
    wanted: Complete,
) -> Result<Result<Authorized, Rejection>, CommandError> {
    let Complete { authorization_id, amount } = wanted;
    let (id, now) = (authorization_id.as_uuid(), ctx.clock.now());
    let posting_id = derived_late(&ctx.search, id, "completion", now);
    let posting_id = posting_id.ok_or(CommandError::Fault)?;
    follow(ctx, Entry::Complete(Completion { authorization_id, amount, posting_id })).await
}
