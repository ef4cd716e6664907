//! Reserve money, take what is reserved, give it back.
//!
//! Round trips: one more for the batch, to load the holds once their accounts are locked. Locks: the account row;
//! a hold is only ever read and changed under the lock of its account. Replay: the first outcome.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, Currency, HoldId, PositiveMoney, RequestId, RequestWindow};

use super::{Needs, Posted};
use crate::domain::{Asker, Books, Event, EventKind, Hold, HoldReason, HoldStatus, Rejection};

/// Money to reserve.
#[derive(Debug, Clone)]
pub struct PlaceHold {
    /// Where.
    pub account: AccountNumber,
    /// How much.
    pub amount: PositiveMoney,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// Why.
    pub reason: HoldReason,
}

/// Reserved money to take.
#[derive(Debug, Clone)]
pub struct CaptureHold {
    /// Which.
    pub hold_id: HoldId,
    /// How much of it.
    pub amount: PositiveMoney,
    /// Where it goes; `None` is the clearing account of the general ledger.
    pub credit: Option<AccountNumber>,
    /// Whether what is left is given back.
    pub release_remainder: bool,
}

/// Reserved money to give back.
#[derive(Debug, Clone)]
pub struct ReleaseHold {
    /// Which.
    pub hold_id: HoldId,
    /// Whether one that is not known is fenced: placed later, it is refused.
    pub fence_unknown: bool,
}

/// A hold whose time is up, given back by the expiry job.
#[derive(Debug, Clone)]
pub struct ExpireHold {
    /// Which.
    pub hold_id: HoldId,
}

impl PlaceHold {
    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut account = books.own_account(self.account, asker)?.clone();
        account.reserve(self.amount.minor(), self.amount.currency())?;
        books.put_account(account);
        books.put_hold(Hold {
            id: HoldId::from_uuid(id.as_uuid()),
            account: self.account,
            placed_minor: self.amount.minor(),
            remaining_minor: self.amount.minor(),
            currency: self.amount.currency(),
            expires_at: self.expires_at,
            status: HoldStatus::Active,
            reason: self.reason,
        });
        Ok(Posted {
            debit: Some(self.account),
            credit: None,
            amount_minor: self.amount.minor(),
            currency: Some(self.amount.currency()),
            subject_id: None,
        })
    }
}

impl CaptureHold {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.holds.push(self.hold_id);
        needs.accounts.extend(self.credit);
    }

    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        let mut hold = books.own_active_hold(self.hold_id, asker)?;
        not_of_card(&hold)?;
        let (amount, currency) = (self.amount.minor(), self.amount.currency());
        if self.credit == Some(hold.account) {
            return Err(Rejection::IllegalTransition);
        }
        if currency != hold.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        let left = hold.remaining_minor.checked_sub(amount).filter(|left| *left >= 0);
        let left = left.ok_or(Rejection::CaptureExceedsHold)?;
        let mut account = books.account(hold.account)?.clone();
        account.take_reserved(amount, currency)?;
        let credited = |number| books.credited(number, (amount, currency), asker);
        let credit = self.credit.map(credited).transpose()?;
        let released = if self.release_remainder { left } else { 0 };
        account.unreserve(released)?;
        hold.remaining_minor = left.saturating_sub(released);
        if hold.remaining_minor == 0 {
            hold.status = HoldStatus::Captured;
        }
        let account_number = hold.account;
        books.tell(Event {
            posting: id,
            kind: if credit.is_some() { EventKind::Transferred } else { EventKind::HoldCaptured },
            product: account.product,
            counter_product: credit.as_ref().map(|credit| credit.product),
            currency,
            amount_minor: amount,
            reversal: false,
        });
        books.put_hold(hold);
        books.put_moved(account, id);
        if let Some(credit) = credit {
            books.put_moved(credit, id);
        }
        Ok(Posted {
            debit: Some(account_number),
            credit: self.credit,
            amount_minor: amount,
            currency: Some(currency),
            subject_id: Some(self.hold_id.as_uuid()),
        })
    }
}

impl ReleaseHold {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.holds.push(self.hold_id);
        if self.fence_unknown {
            // Whether the request that would place it has been decided.
            needs.postings.push(self.hold_id.as_uuid());
        }
    }

    pub(super) fn decide(
        &self,
        (id, asker): (RequestId, Asker),
        books: &mut Books,
    ) -> Result<Posted, Rejection> {
        // Only the card service may ask to fence, and it always does.
        if !self.fence_unknown {
            not_of_card(&books.own_active_hold(self.hold_id, asker)?)?;
        }
        match end(self.hold_id, HoldStatus::Released, asker, books) {
            Err(Rejection::HoldUnknown) if self.fence_unknown => {
                self.fence(id, books);
                Ok(Posted { subject_id: Some(self.hold_id.as_uuid()), ..Posted::default() })
            }
            ended => ended,
        }
    }

    /// Takes the place of the request that would place the hold. One that was refused has placed nothing and never will;
    /// one that would be too old is not let in any more.
    fn fence(&self, id: RequestId, books: &mut Books) {
        let Ok(placing) = RequestId::from_uuid(self.hold_id.as_uuid()) else { return };
        let may_come = RequestWindow::default().check(placing, books.now()).is_ok();
        if may_come && placing != id && books.decided(placing).is_none() {
            books.fence(placing, Currency::CNY, id);
        }
    }
}

impl ExpireHold {
    pub(super) fn decide(&self, asker: Asker, books: &mut Books) -> Result<Posted, Rejection> {
        end(self.hold_id, HoldStatus::Expired, asker, books)
    }
}

/// What a card authorization reserves is cleared or given back by the card service, which remembers what for.
fn not_of_card(hold: &Hold) -> Result<(), Rejection> {
    match hold.reason {
        HoldReason::Card => Err(Rejection::HoldOfCard),
        HoldReason::General => Ok(()),
    }
}

/// Gives back what a hold still reserves.
fn end(
    id: HoldId,
    status: HoldStatus,
    asker: Asker,
    books: &mut Books,
) -> Result<Posted, Rejection> {
    let mut hold = books.own_active_hold(id, asker)?;
    let mut account = books.account(hold.account)?.clone();
    let amount_minor = std::mem::take(&mut hold.remaining_minor);
    account.unreserve(amount_minor)?;
    hold.status = status;
    let posted = Posted {
        debit: Some(hold.account),
        credit: None,
        amount_minor,
        currency: Some(hold.currency),
        subject_id: Some(id.as_uuid()),
    };
    books.put_account(account);
    books.put_hold(hold);
    Ok(posted)
}
