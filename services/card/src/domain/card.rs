//! A card and its life.
//!
//! Invariants: LOST, STOLEN and CANCELLED are ends; EXPIRED ends unless it is renewed; a card has at most one replacement;
//! after the third wrong PIN in a row no PIN is right until it is set anew.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use kernel::{AccountNumber, CardId, Currency, CustomerId};

use super::{Channel, Product, Rejection};

/// Where a card is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardStatus {
    /// Issued, not yet in its holder's hands.
    Inactive,
    /// Usable.
    Active,
    /// Not usable until it is unblocked.
    Blocked,
    /// Reported lost.
    Lost,
    /// Reported stolen.
    Stolen,
    /// Past its expiry.
    Expired,
    /// Ended by the bank or its holder.
    Cancelled,
}

impl CardStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Inactive,
        Self::Active,
        Self::Blocked,
        Self::Lost,
        Self::Stolen,
        Self::Expired,
        Self::Cancelled,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Inactive => "INACTIVE",
            Self::Active => "ACTIVE",
            Self::Blocked => "BLOCKED",
            Self::Lost => "LOST",
            Self::Stolen => "STOLEN",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Where a card may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct Switches {
    /// Cash machines.
    pub atm: bool,
    /// Terminals.
    pub pos: bool,
    /// Without the card.
    pub online: bool,
    /// Terminals, without contact.
    pub contactless: bool,
    /// Outside the bank's country, whatever the channel.
    pub abroad: bool,
}

impl Switches {
    /// Whether this use is switched on.
    pub const fn allow(self, channel: Channel, abroad: bool) -> bool {
        let on = match channel {
            Channel::Atm => self.atm,
            Channel::Pos => self.pos,
            Channel::Online => self.online,
            Channel::Contactless => self.contactless,
        };
        on && (self.abroad || !abroad)
    }
}

/// What a card's PIN is checked by. The PIN itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What checks it, sealed; `None` where no PIN is set.
    pub sealed: Option<Vec<u8>>,
    /// Grows with each PIN.
    pub version: i32,
    /// How many wrong ones in a row, 0 to 3.
    pub wrong: i16,
}

impl Pin {
    /// The third wrong PIN in a row blocks it (domain rule K3).
    pub const TRIES: i16 = 3;

    /// Whether no PIN is right any more.
    pub const fn is_blocked(&self) -> bool {
        self.wrong >= Self::TRIES
    }

    /// Counts a wrong PIN.
    pub fn count_wrong(&mut self) {
        self.wrong = self.wrong.saturating_add(1).min(Self::TRIES);
    }

    /// Sets another PIN, and ends the count of wrong ones.
    pub fn set(&mut self, sealed: Vec<u8>) {
        *self = Self { sealed: Some(sealed), version: self.version.saturating_add(1), wrong: 0 };
    }
}

/// Year and month in which a card expires: usable through the last day of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    /// Of the century, 0 to 99.
    year: u8,
    /// 1 to 12.
    month: u8,
}

/// Not a year and a month as `YYMM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an expiry is YYMM")]
pub struct InvalidExpiry;

impl Expiry {
    /// Reads `YYMM`.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, InvalidExpiry> {
        let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
        let (year, month) = part(0, 2).zip(part(2, 4)).filter(|_| digits).ok_or(InvalidExpiry)?;
        if !(1..=12).contains(&month) {
            return Err(InvalidExpiry);
        }
        Ok(Self { year, month })
    }

    /// The expiry of a card whose last day this is.
    pub fn of(last_day: NaiveDate) -> Self {
        let year = u8::try_from(last_day.year().rem_euclid(100)).unwrap_or_default();
        Self { year, month: u8::try_from(last_day.month()).unwrap_or_default() }
    }

    /// `YYMM`.
    pub fn to_text(self) -> String {
        format!("{:02}{:02}", self.year, self.month)
    }
}

/// A card as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The token by which everything in the bank names it.
    pub id: CardId,
    /// The holder.
    pub customer_id: CustomerId,
    /// The account that pays.
    pub account: AccountNumber,
    /// The account's.
    pub currency: Currency,
    /// What it was made from.
    pub product: Arc<Product>,
    /// Where it is in its life.
    pub status: CardStatus,
    /// The last day on which it can be used; the end of a month.
    pub expires_on: NaiveDate,
    /// Which plastic of this number, from 1.
    pub sequence_number: i16,
    /// Where it may be used.
    pub switches: Switches,
    /// What its PIN is checked by.
    pub pin: Pin,
    /// What its holder owes, minor units.
    pub receivable_minor: i64,
    /// The card that took its place.
    pub replaced_by: Option<CardId>,
    /// Grows with each change.
    pub version: i64,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// Of its number.
    pub last_four: String,
    /// By which its number is found: keyed, 32 bytes.
    pub pan_digest: Vec<u8>,
    /// Its number, sealed.
    pub pan_sealed: Vec<u8>,
}

impl Card {
    /// The last day of a card that is issued on this date.
    pub fn last_day(issued_on: NaiveDate, validity_years: u32) -> NaiveDate {
        let months = validity_years.saturating_mul(12);
        let end = issued_on.checked_add_months(Months::new(months)).unwrap_or(issued_on);
        end_of_month(end)
    }

    /// Makes it usable.
    ///
    /// # Errors
    /// It is not INACTIVE.
    pub fn activate(&mut self) -> Result<(), Rejection> {
        self.step(&[CardStatus::Inactive], CardStatus::Active)
    }

    /// Makes it unusable for a while.
    ///
    /// # Errors
    /// It is not ACTIVE.
    pub fn block(&mut self) -> Result<(), Rejection> {
        self.step(&[CardStatus::Active], CardStatus::Blocked)
    }

    /// Makes it usable again.
    ///
    /// # Errors
    /// It is not BLOCKED.
    pub fn unblock(&mut self) -> Result<(), Rejection> {
        self.step(&[CardStatus::Blocked], CardStatus::Active)
    }

    /// Ends it as lost or stolen.
    ///
    /// # Errors
    /// It has ended.
    pub fn report_missing(&mut self, stolen: bool) -> Result<(), Rejection> {
        let to = if stolen { CardStatus::Stolen } else { CardStatus::Lost };
        self.step(&[CardStatus::Inactive, CardStatus::Active, CardStatus::Blocked], to)
    }

    /// Ends it.
    ///
    /// # Errors
    /// It has ended.
    pub fn cancel(&mut self) -> Result<(), Rejection> {
        let from = [CardStatus::Inactive, CardStatus::Active, CardStatus::Blocked];
        self.step(&[from.as_slice(), &[CardStatus::Expired]].concat(), CardStatus::Cancelled)
    }

    /// Says that its time is over.
    ///
    /// # Errors
    /// It has ended.
    pub fn expire(&mut self) -> Result<(), Rejection> {
        let from = [CardStatus::Inactive, CardStatus::Active, CardStatus::Blocked];
        self.step(&from, CardStatus::Expired)
    }

    /// Gives it another expiry: the product's validity from today. An expired one is usable again.
    ///
    /// # Errors
    /// It has ended otherwise, or the new expiry would be the old one.
    pub fn renew(&mut self, today: NaiveDate) -> Result<(), Rejection> {
        let may = [CardStatus::Active, CardStatus::Blocked, CardStatus::Expired];
        if !may.contains(&self.status) {
            return Err(Rejection::IllegalTransition);
        }
        let expires_on = Self::last_day(today, self.product.validity_years);
        if expires_on <= self.expires_on {
            return Err(Rejection::RenewedTooEarly);
        }
        self.expires_on = expires_on;
        self.sequence_number = self.sequence_number.saturating_add(1);
        if self.status == CardStatus::Expired {
            self.status = CardStatus::Active;
        }
        Ok(())
    }

    /// Notes the card that takes its place. One that is not lost or stolen is cancelled.
    ///
    /// # Errors
    /// It has a replacement, or has ended otherwise than by being lost or stolen.
    pub fn replace(&mut self, by: CardId) -> Result<(), Rejection> {
        if self.replaced_by.is_some() {
            return Err(Rejection::AlreadyReplaced);
        }
        match self.status {
            CardStatus::Active | CardStatus::Blocked => self.status = CardStatus::Cancelled,
            CardStatus::Lost | CardStatus::Stolen => {}
            CardStatus::Inactive | CardStatus::Expired | CardStatus::Cancelled => {
                return Err(Rejection::IllegalTransition);
            }
        }
        self.replaced_by = Some(by);
        Ok(())
    }

    /// Whether its holder may still arrange something: PIN, limits, switches.
    ///
    /// # Errors
    /// It has ended.
    pub fn is_live(&self) -> Result<(), Rejection> {
        match self.status {
            CardStatus::Inactive | CardStatus::Active | CardStatus::Blocked => Ok(()),
            _ => Err(Rejection::IllegalTransition),
        }
    }

    fn step(&mut self, from: &[CardStatus], to: CardStatus) -> Result<(), Rejection> {
        if !from.contains(&self.status) {
            return Err(Rejection::IllegalTransition);
        }
        self.status = to;
        Ok(())
    }
}

fn end_of_month(date: NaiveDate) -> NaiveDate {
    let first = date.with_day(1).unwrap_or(date);
    let next = first.checked_add_months(Months::new(1));
    next.and_then(|next| next.pred_opt()).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_year_and_a_month() {
        assert_eq!(Expiry::parse("2911").map(Expiry::to_text), Ok("2911".to_owned()));
        for bad in ["", "29", "2900", "2913", "29-1", "02911", "２９１１"] {
            assert_eq!(Expiry::parse(bad), Err(InvalidExpiry), "{bad}");
        }
    }

    #[test]
    fn a_card_is_usable_through_the_end_of_its_last_month() {
        let on = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();

        assert_eq!(Card::last_day(on(2026, 1, 20), 5), on(2031, 1, 31));
        assert_eq!(Card::last_day(on(2024, 2, 29), 5), on(2029, 2, 28));
        assert_eq!(Card::last_day(on(2026, 12, 31), 3), on(2029, 12, 31));
        assert_eq!(Expiry::of(on(2031, 1, 31)).to_text(), "3101");
    }
}
