//! What holders and staff arrange: the life of a card, its PIN, limits and switches.
//!
//! Round trips: those of the batch; before it what `prepare` finds out. Locks: the card. Replay: the first outcome,
//! refusals included; a wrong PIN that is repeated under its id is counted once.

use kernel::{AccountNumber, CardId, CustomerId};

use super::{Action, Command, Facts};
use crate::domain::{
    Books, Bucket, Card, CardStatus, Decision, Limit, Limits, Outcome, OutcomeKind, PinSeen,
    Rejection, Switches,
};
use crate::keys::EncryptedPin;

/// A card to issue.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The holder.
    pub customer_id: CustomerId,
    /// The account that pays.
    pub account: AccountNumber,
    /// What to make the card from.
    pub product_code: String,
}

/// A PIN to set.
#[derive(Debug, Clone)]
pub struct SetPin {
    /// The card.
    pub card_id: CardId,
    /// The PIN.
    pub new_pin: EncryptedPin,
    /// Whether one that is set is replaced: staff, who have seen the holder's document.
    pub replace: bool,
}

/// A PIN to change.
#[derive(Debug, Clone)]
pub struct ChangePin {
    /// The card.
    pub card_id: CardId,
    /// The PIN as it is.
    pub current_pin: EncryptedPin,
    /// The new one.
    pub new_pin: EncryptedPin,
}

/// A PIN to verify.
#[derive(Debug, Clone)]
pub struct VerifyPin {
    /// The card.
    pub card_id: CardId,
    /// The PIN.
    pub pin: EncryptedPin,
}

/// A card to block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The card.
    pub card_id: CardId,
    /// Why.
    pub reason: String,
}

/// A card to unblock.
#[derive(Debug, Clone)]
pub struct Unblock {
    /// The card.
    pub card_id: CardId,
    /// Why.
    pub reason: String,
}

/// A card that is missing.
#[derive(Debug, Clone)]
pub struct ReportMissing {
    /// The card.
    pub card_id: CardId,
    /// LOST or STOLEN.
    pub status: CardStatus,
}

/// A card to replace.
#[derive(Debug, Clone)]
pub struct Replace {
    /// The card.
    pub card_id: CardId,
}

/// A card to end.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The card.
    pub card_id: CardId,
    /// Why.
    pub reason: String,
}

/// Where a card may be used.
#[derive(Debug, Clone)]
pub struct SetSwitches {
    /// The card.
    pub card_id: CardId,
    /// All of them.
    pub switches: Switches,
}

/// Limits to set.
#[derive(Debug, Clone)]
pub struct SetLimits {
    /// The card.
    pub card_id: CardId,
    /// Of each bucket that is named.
    pub limits: Vec<(Bucket, Limit)>,
}

impl Command {
    /// The card that it names.
    pub(super) fn card(&self) -> Option<CardId> {
        match &self.action {
            Action::Issue(_) => None,
            Action::Activate(id) | Action::Renew(id) | Action::Reveal(id) => Some(*id),
            Action::Block(c) => Some(c.card_id),
            Action::Cancel(c) => Some(c.card_id),
            Action::ChangePin(c) => Some(c.card_id),
            Action::Replace(c) => Some(c.card_id),
            Action::ReportMissing(c) => Some(c.card_id),
            Action::SetLimits(c) => Some(c.card_id),
            Action::SetPin(c) => Some(c.card_id),
            Action::SetSwitches(c) => Some(c.card_id),
            Action::Unblock(c) => Some(c.card_id),
            Action::VerifyPin(c) => Some(c.card_id),
        }
    }

    fn kind(&self) -> OutcomeKind {
        match self.action {
            Action::Activate(_) => OutcomeKind::Activate,
            Action::Block(_) => OutcomeKind::Block,
            Action::Cancel(_) => OutcomeKind::Cancel,
            Action::ChangePin(_) => OutcomeKind::ChangePin,
            Action::Issue(_) => OutcomeKind::Issue,
            Action::Renew(_) => OutcomeKind::Renew,
            Action::Replace(_) => OutcomeKind::Replace,
            Action::ReportMissing(_) => OutcomeKind::ReportMissing,
            Action::Reveal(_) => OutcomeKind::Reveal,
            Action::SetLimits(_) => OutcomeKind::SetLimits,
            Action::SetPin(_) => OutcomeKind::SetPin,
            Action::SetSwitches(_) => OutcomeKind::SetSwitches,
            Action::Unblock(_) => OutcomeKind::Unblock,
            Action::VerifyPin(_) => OutcomeKind::VerifyPin,
        }
    }

    /// What the audit log says besides who did what to which card.
    pub(super) fn audited(&self) -> String {
        match &self.action {
            Action::Block(c) => c.reason.clone(),
            Action::Unblock(c) => c.reason.clone(),
            Action::Cancel(c) => c.reason.clone(),
            Action::ReportMissing(c) => c.status.code().to_owned(),
            Action::SetLimits(c) => {
                let buckets: Vec<_> = c.limits.iter().map(|(bucket, _)| bucket.code()).collect();
                buckets.join(" ")
            }
            Action::SetSwitches(c) => format!("{:?}", c.switches),
            _ => String::new(),
        }
    }

    /// Decides, exactly as if the command were alone, and records the decision. A request id that is already decided gets
    /// its first outcome; with other content it is refused, and the refusal is not recorded.
    pub(super) fn decide(&self, facts: &Facts, books: &mut Books) -> Outcome {
        if let Some(first) = books.decided(self.request_id) {
            let mut outcome = first.clone();
            if first.fingerprint != self.fingerprint {
                outcome.decision = Decision::Refused(Rejection::RequestIdReused);
            }
            return outcome;
        }
        let named = self.card().filter(|id| books.own_card(*id, self.asker).is_ok());
        let (decision, subject) = match self.act(facts, books) {
            Ok(subject) => (Decision::Done, subject),
            Err(rejection) => (Decision::Refused(rejection), None),
        };
        let outcome = Outcome {
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            kind: self.kind(),
            decision,
            card_id: named.or(subject),
            subject_id: subject.map(CardId::as_uuid),
            business_date: books.business_date(),
            decided_at: books.now(),
        };
        books.decide(outcome.clone());
        outcome
    }

    /// Does it; the answer is the card that it made, if it made one.
    fn act(&self, facts: &Facts, books: &mut Books) -> Result<Option<CardId>, Rejection> {
        let Some(id) = self.card() else { return self.issue(facts, books) };
        let mut card = books.own_card(id, self.asker)?.clone();
        let today = books.business_date().as_date();
        match &self.action {
            Action::Issue(_) => {}
            Action::Activate(_) => card.activate()?,
            Action::Block(_) => card.block()?,
            Action::Unblock(_) => card.unblock()?,
            Action::Cancel(_) => card.cancel()?,
            Action::ReportMissing(c) => card.report_missing(c.status == CardStatus::Stolen)?,
            Action::Renew(_) => card.renew(today)?,
            Action::Reveal(_) if card.status == CardStatus::Active => return Ok(None),
            Action::Reveal(_) => return Err(Rejection::IllegalTransition),
            Action::Replace(_) => return replace(card, facts, books),
            Action::SetSwitches(c) => {
                card.is_live()?;
                card.switches = c.switches;
            }
            Action::SetLimits(c) => {
                card.is_live()?;
                let limits = limits(&c.limits, &card, books)?;
                books.put_limits(id, limits);
            }
            Action::SetPin(_) | Action::ChangePin(_) | Action::VerifyPin(_) => {
                return self.pin(card, facts, books).map(|()| None);
            }
        }
        books.put_card(card);
        Ok(None)
    }

    fn issue(&self, facts: &Facts, books: &mut Books) -> Result<Option<CardId>, Rejection> {
        let Action::Issue(wanted) = &self.action else { return Err(Rejection::CardUnknown) };
        if !self.asker.covers(wanted.customer_id) {
            return Err(Rejection::CustomerUnknown);
        }
        let Facts::New(found) = facts else { return Err(Rejection::CustomerUnknown) };
        let card = Card::clone(found.as_ref().map_err(|why| *why)?);
        let id = card.id;
        books.issue(started(card, books), Limits::new());
        Ok(Some(id))
    }

    fn pin(&self, mut card: Card, facts: &Facts, books: &mut Books) -> Result<(), Rejection> {
        card.is_live()?;
        let Facts::Pin { seen, new } = facts else { return Err(Rejection::PinBlockInvalid) };
        if let Action::SetPin(c) = &self.action {
            if card.pin.sealed.is_some() && !c.replace {
                return Err(Rejection::PinAlreadySet);
            }
        } else {
            if card.pin.sealed.is_none() {
                return Err(Rejection::PinNotSet);
            }
            if card.pin.is_blocked() {
                return Err(Rejection::PinBlocked);
            }
            match *seen {
                PinSeen::Right(version) if version == card.pin.version => {}
                PinSeen::Wrong(version) if version == card.pin.version => {
                    card.pin.count_wrong();
                    let blocked = card.pin.is_blocked();
                    books.put_card(card);
                    return Err(if blocked { Rejection::PinBlocked } else { Rejection::PinWrong });
                }
                PinSeen::Unreadable | PinSeen::NotGiven => return Err(Rejection::PinBlockInvalid),
                // Compared with a PIN that has been replaced meanwhile.
                PinSeen::Right(_) | PinSeen::Wrong(_) => return Err(Rejection::PinWrong),
            }
        }
        match new {
            Some(Ok(sealed)) => card.pin.set(sealed.clone()),
            Some(Err(why)) => return Err(*why),
            None if card.pin.wrong == 0 => return Ok(()),
            None => card.pin.wrong = 0,
        }
        books.put_card(card);
        Ok(())
    }
}

/// A new card as of this batch.
fn started(card: Card, books: &Books) -> Card {
    let today = books.business_date().as_date();
    let expires_on = Card::last_day(today, card.product.validity_years);
    Card { expires_on, issued_at: books.now(), ..card }
}

fn replace(mut old: Card, facts: &Facts, books: &mut Books) -> Result<Option<CardId>, Rejection> {
    let Facts::New(found) = facts else { return Err(Rejection::CardUnknown) };
    let card = Card::clone(found.as_ref().map_err(|why| *why)?);
    let id = card.id;
    old.replace(id)?;
    let limits = books.held_card(old.id).map(|held| held.limits.clone()).unwrap_or_default();
    let card = Card { switches: old.switches, ..started(card, books) };
    books.put_card(old);
    books.issue(card, limits);
    Ok(Some(id))
}

/// The card's limits with those that are named in place of what was there.
fn limits(named: &[(Bucket, Limit)], card: &Card, books: &Books) -> Result<Limits, Rejection> {
    let mut limits = books.held_card(card.id).map(|held| held.limits.clone()).unwrap_or_default();
    for (bucket, limit) in named {
        let most = card.product.limits.get(bucket).copied().unwrap_or_default();
        if !limit.is_within(most) {
            return Err(Rejection::LimitAboveProduct);
        }
        if *limit == Limit::default() {
            limits.remove(bucket);
        } else {
            limits.insert(*bucket, *limit);
        }
    }
    Ok(limits)
}
