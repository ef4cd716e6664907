//! Take an authorization back.
//!
//! Round trips: those of the batch. Locks: the card of the authorization. Replay: by what the authorization is: one that is
//! reversed stays so, however often that is asked. One that has not come is fenced: whenever it comes it is declined, and
//! what it may have reserved is given back.

use kernel::RequestId;
use platform::lanes::Committed;

use super::ids::{derived, derived_late};
use super::{Answer, Authorized, CommandError, Context, Entry, order, release};
use crate::domain::{
    Authorization, AuthorizationStatus, Books, Kind, MessageKey, Order, OrderKind, OrderStatus,
    Rejection, posting_of,
};

/// A reversal, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Reverse {
    /// What is taken back.
    pub authorization_id: RequestId,
    /// Only where what is there has this content; `None`: whatever it is.
    pub only: Option<i64>,
}

/// A reversal with the ids of what follows from it.
#[derive(Debug, Clone, Copy)]
pub struct Reversal {
    /// What is taken back.
    pub(super) authorization_id: RequestId,
    /// Only with this content.
    pub(super) only: Option<i64>,
    /// The hold that the authorization may have placed.
    pub(super) hold: RequestId,
    /// The order that gives it back.
    pub(super) release: RequestId,
    /// The order that gives back what was posted.
    pub(super) opposite: RequestId,
}

impl Reversal {
    fn of(ctx: &Context, wanted: &Reverse) -> Option<Self> {
        let (id, now) = (wanted.authorization_id.as_uuid(), ctx.clock.now());
        let late = |purpose| derived_late(&ctx.search, id, purpose, now);
        Some(Self {
            authorization_id: wanted.authorization_id,
            only: wanted.only,
            hold: derived(&ctx.search, id, "hold")?,
            release: late("release")?,
            opposite: late("reversal")?,
        })
    }

    pub(super) fn decide(&self, books: &mut Books) -> Result<Authorization, Rejection> {
        let id = self.authorization_id;
        let Some(found) = books.authorization(id).cloned() else {
            return Ok(self.fence(books));
        };
        if self.only.is_some_and(|only| ![0, only].contains(&found.fingerprint)) {
            return Ok(found);
        }
        let orders: Vec<_> = books.orders_of(id).into_iter().cloned().collect();
        let orders: Vec<_> = orders.iter().collect();
        let posting = posting_of(&orders, found.kind == Kind::Refund);
        let posting = posting.filter(|posting| !posting.status.is_refused());
        // What is being cleared is not given back, unless it was posted when it was authorized.
        let being_cleared =
            |order: &&Order| order.kind == OrderKind::Debit && !order.status.is_refused();
        match found.status {
            _ if found.kind == Kind::BalanceInquiry => return Ok(found),
            // Also what was cleared after its time was up.
            AuthorizationStatus::Expired if orders.iter().any(being_cleared) => {
                return Err(Rejection::AlreadyCleared);
            }
            AuthorizationStatus::Declined
            | AuthorizationStatus::Fenced
            | AuthorizationStatus::Reversed
            | AuthorizationStatus::Expired => return Ok(found),
            // What was posted at once, and the scheme has asked for.
            _ if found.matched_minor > 0 => return Err(Rejection::AlreadyCleared),
            AuthorizationStatus::Cleared | AuthorizationStatus::PartlyCleared
                if !found.posted_now =>
            {
                return Err(Rejection::AlreadyCleared);
            }
            AuthorizationStatus::Approved
                if !found.posted_now && orders.iter().any(being_cleared) =>
            {
                return Err(Rejection::AlreadyCleared);
            }
            _ => {}
        }
        let reversed = Authorization { status: AuthorizationStatus::Reversed, ..found };
        match posting {
            None => {
                if let Some(hold) = reversed.hold_id {
                    books.give_order(release(self.release, hold, Some(&reversed), books));
                }
            }
            Some(posting) if posting.status == OrderStatus::Done => {
                give_back(self.opposite, &reversed, posting, books);
            }
            // Ends first: what it moved is given back then.
            Some(_) => {}
        }
        books.uncount(&reversed);
        books.put_authorization(reversed.clone());
        Ok(reversed)
    }

    fn fence(&self, books: &mut Books) -> Authorization {
        let key = MessageKey {
            acquirer: String::new(),
            terminal: String::new(),
            retrieval_reference: String::new(),
            trace_number: String::new(),
            transmitted_at: self.authorization_id.made_at(),
        };
        let at = (books.business_date(), books.now());
        let fence = Authorization::fence(self.authorization_id, at, key);
        let hold_id = self.hold.as_uuid();
        books.give_order(release(self.release, hold_id, Some(&fence), books));
        books.put_authorization(fence.clone());
        fence
    }
}

/// The opposite of what was posted, and of what its holder owes because of it.
pub(super) fn give_back(
    id: RequestId,
    reversed: &Authorization,
    posting: &Order,
    books: &mut Books,
) {
    let Some(card) =
        reversed.card_id.and_then(|id| books.held_card(id)).map(|held| held.card.clone())
    else {
        return;
    };
    let (kind, minor) = if posting.kind == OrderKind::Debit {
        // No more than is still owed: what was collected meanwhile is credited with the rest.
        let unpaid = posting.amount_minor.saturating_sub(posting.moved_minor);
        let owed = unpaid.min(card.receivable_minor);
        books.owe(card.id, owed.saturating_neg());
        (OrderKind::Credit, posting.amount_minor.saturating_sub(owed))
    } else {
        (OrderKind::Debit, posting.moved_minor)
    };
    if minor > 0 {
        let mut back = order(id, kind, &card, books);
        back.authorization_id = Some(reversed.id);
        back.amount_minor = minor;
        books.give_order(back);
    }
}

/// Takes an authorization back.
///
/// # Errors
/// There is no outcome: the same reversal may be asked again.
pub async fn reverse(
    ctx: &Context,
    wanted: Reverse,
) -> Result<Result<Authorized, Rejection>, CommandError> {
    let reversal = Reversal::of(ctx, &wanted).ok_or(CommandError::Fault)?;
    follow(ctx, Entry::Reverse(reversal)).await
}

pub(super) async fn follow(
    ctx: &Context,
    entry: Entry,
) -> Result<Result<Authorized, Rejection>, CommandError> {
    let Committed { outcome, token } = ctx.lanes.submit(entry).await?;
    match outcome {
        Answer::Followed(Ok(authorization)) => {
            Ok(Ok(Authorized { authorization, available: None, token }))
        }
        Answer::Followed(Err(rejection)) => Ok(Err(rejection)),
        _ => Err(CommandError::Fault),
    }
}
