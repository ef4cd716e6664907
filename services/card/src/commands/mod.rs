//! The writes: one file is one use case. `api` and `gateway` parse requests; what has to be found out first (a PIN, a
//! neighbour's answer, whether money can be reserved) is found out before the lane, and what is decided is decided in it, by
//! a pure function over the loaded [`Books`]; `book` runs these in batches, `orders` carries out what was decided.
//!
//! Round trips of a batch, whatever its size: begin, gate, cards of authorizations, lock cards, their use, authorizations,
//! orders, probe, save (one for each table that changes), commit. Locks: cards, in order of id; then clearing records.

mod alone;
mod authorize;
mod book;
pub mod clearing;
mod complete;
mod context;
mod end_order;
mod expire;
mod ids;
mod lookup;
mod manage;
mod numbers;
pub mod orders;
mod prepare;
#[cfg(test)]
mod properties;
mod reverse;
#[cfg(test)]
mod samples;
pub mod settlement;
pub mod sweep;

pub use alone::{AloneRequest, Wanted, run_alone};
pub use authorize::{Authorize, Authorized, authorize};
pub use book::CardBook;
pub use complete::{Complete, complete};
pub use context::{CommandError, Context, Done};
pub use end_order::{EndOrder, FollowUp, Said};
pub use ids::{approval_code, derived, derived_late};
pub use lookup::Lookups;
use lookup::look_up;
pub use manage::{
    Block, Cancel, ChangePin, Issue, Replace, ReportMissing, SetLimits, SetPin, SetSwitches,
    Unblock, VerifyPin,
};
pub use prepare::{run, run_all};
pub use reverse::{Reverse, reverse};

use std::sync::Arc;

use kernel::{CardId, CustomerId, RequestId};
use platform::fingerprint;
use uuid::Uuid;

use crate::domain::{Asker, Authorization, Card, Decline, Order, Outcome, PinSeen, Rejection};

/// A request of a holder or of staff, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Command {
    /// Chosen by the caller; the same id always gets the same answer.
    pub request_id: RequestId,
    /// Stands for the content, and for whom it is asked: the same id with another fingerprint is refused.
    pub fingerprint: i64,
    /// For whom it is asked.
    pub asker: Asker,
    /// Who asks, for the audit log; `None` for our own jobs.
    pub caller: Option<Arc<str>>,
    /// What is asked.
    pub action: Action,
}

/// What can be asked.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the type of the same name, or names the card")]
pub enum Action {
    Activate(CardId),
    Block(Block),
    Cancel(Cancel),
    ChangePin(ChangePin),
    Issue(Issue),
    Renew(CardId),
    Replace(Replace),
    ReportMissing(ReportMissing),
    Reveal(CardId),
    SetLimits(SetLimits),
    SetPin(SetPin),
    SetSwitches(SetSwitches),
    Unblock(Unblock),
    VerifyPin(VerifyPin),
}

/// What had to be found out before a command is decided.
#[derive(Debug, Clone)]
pub enum Facts {
    /// Nothing, or the request is decided already.
    None,
    /// The card that would be issued, or why it cannot be.
    New(Result<Box<Card>, Rejection>),
    /// Of the PIN that came, and what would check the new one.
    Pin {
        /// What was found of the PIN as it is.
        seen: PinSeen,
        /// What checks the new one, sealed; `None` where there is no new one.
        new: Option<Result<Vec<u8>, Rejection>>,
    },
}

/// What a lane is handed.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A command, with what was found out for it.
    Manage(Command, Facts),
    /// A request of the scheme, with what was found out for it.
    Authorize(Box<Proposal>),
    /// A reversal.
    Reverse(reverse::Reversal),
    /// A completion.
    Complete(complete::Completion),
    /// What deposit answered.
    EndOrder(EndOrder),
    /// An approval whose time is up, and the id of the order that gives back what it reserved.
    Expire(RequestId, RequestId),
    /// A card whose time is up.
    ExpireCard(CardId),
    /// A hold that belongs to no authorization, and the id of the order that gives it back.
    Release(RequestId, Uuid),
    /// What a holder owes is to be collected, under this order.
    Collect(RequestId, CardId),
    /// A clearing record is to be posted.
    Post(clearing::Post),
}

/// What is proposed for a request of the scheme: everything that was found out before it is decided.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// As it would be approved. Its status, response code and counters are decided.
    pub authorization: Authorization,
    /// Digits that an approval is answered with.
    pub approval_code: String,
    /// What was found of its PIN.
    pub pin: PinSeen,
    /// What was found of its CVV2.
    pub cvv2: crate::domain::Cvv2Seen,
    /// As presented.
    pub expiry: Option<crate::domain::Expiry>,
    /// Whether the terminal is abroad.
    pub abroad: bool,
    /// Why it is declined, whatever else; `None` where nothing speaks against it so far.
    pub declined: Option<Decline>,
    /// What has become of the hold.
    pub held: Held,
    /// The id of the order that gives the hold back.
    pub release_id: RequestId,
    /// The id of the order that posts it at once.
    pub posting_id: RequestId,
}

/// What has become of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// None was asked for.
    NotAsked,
    /// Deposit reserves the money.
    Placed(Uuid),
    /// Deposit has not said; it may reserve it now or later.
    Unknown(Uuid),
}

/// What a lane answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A command has its outcome.
    Decided(Outcome),
    /// A request of the scheme has its outcome.
    Authorized(Authorization),
    /// A reversal or completion has.
    Followed(Result<Authorization, Rejection>),
    /// An order has ended, or a job's step is done.
    Done,
}

impl Command {
    /// The same, asked for by a channel on behalf of a customer.
    #[must_use]
    pub fn on_behalf_of(self, customer: CustomerId) -> Self {
        let fingerprint = fingerprint::on_behalf_of(self.fingerprint, customer.as_uuid());
        Self { fingerprint, asker: Asker::Customer(customer), ..self }
    }
}

/// The books contradict what was decided earlier; nothing is written, and somebody has to look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub String);

/// An order about an authorization or a record, to be completed by its kind.
fn order(
    id: RequestId,
    kind: crate::domain::OrderKind,
    card: &Card,
    books: &crate::domain::Books,
) -> Order {
    Order {
        id,
        kind,
        authorization_id: None,
        item_id: None,
        card_id: Some(card.id),
        customer_id: Some(card.customer_id),
        account: Some(card.account),
        hold_id: None,
        amount_minor: 0,
        moved_minor: 0,
        currency: card.currency,
        keep_remainder: false,
        business_date: books.business_date(),
        created_at: books.now(),
        ended_at: None,
        status: crate::domain::OrderStatus::Pending,
    }
}

/// An order that gives a hold back.
fn release(
    id: RequestId,
    hold_id: Uuid,
    authorization: Option<&Authorization>,
    books: &crate::domain::Books,
) -> Order {
    Order {
        id,
        kind: crate::domain::OrderKind::Release,
        authorization_id: authorization.map(|of| of.id),
        item_id: None,
        card_id: authorization.and_then(|of| of.card_id),
        customer_id: authorization.and_then(|of| of.customer_id),
        account: authorization.and_then(|of| of.account),
        hold_id: Some(hold_id),
        amount_minor: 0,
        moved_minor: 0,
        currency: authorization.map_or(kernel::Currency::CNY, |of| of.currency),
        keep_remainder: false,
        business_date: books.business_date(),
        created_at: books.now(),
        ended_at: None,
        status: crate::domain::OrderStatus::Pending,
    }
}
