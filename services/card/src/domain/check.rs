//! May this card do that? Asked twice: on what is read before money is reserved, and on what is locked when it is decided.

use chrono::NaiveDate;
use kernel::{Currency, PositiveMoney};
use scheme::{Channel, Kind, ResponseCode};

use super::{Bucket, Card, CardStatus, Expiry, Limits, Usage};

/// What was found of the PIN that came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinSeen {
    /// None came.
    NotGiven,
    /// It cannot be read under its key.
    Unreadable,
    /// It is that of this version.
    Right(i32),
    /// It is not that of this version.
    Wrong(i32),
}

/// What was found of the CVV2 that came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cvv2Seen {
    /// None came.
    NotGiven,
    /// It is the card's.
    Right,
    /// It is not.
    Wrong,
}

/// A request, as far as a card decides on it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// What is asked.
    pub kind: Kind,
    /// How the card is used.
    pub channel: Channel,
    /// How much; `None` in a balance inquiry.
    pub amount: Option<PositiveMoney>,
    /// As presented.
    pub expiry: Option<Expiry>,
    /// Whether the terminal is abroad.
    pub abroad: bool,
    /// The merchant's.
    pub merchant_category: &'a str,
    /// Of the PIN.
    pub pin: PinSeen,
    /// Of the CVV2.
    pub cvv2: Cvv2Seen,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decline {
    /// What is answered.
    pub code: ResponseCode,
    /// Whether a wrong PIN counts.
    pub wrong_pin: bool,
}

impl From<ResponseCode> for Decline {
    fn from(code: ResponseCode) -> Self {
        Self { code, wrong_pin: false }
    }
}

impl Presented<'_> {
    /// Where this use counts; nowhere where it is no use.
    pub fn buckets(&self, card: &Card) -> Vec<Bucket> {
        if matches!(self.kind, Kind::Refund | Kind::BalanceInquiry) {
            return Vec::new();
        }
        let mut buckets = vec![Bucket::of(self.channel)];
        if card.product.restricted.contains(self.merchant_category) {
            buckets.push(Bucket::RestrictedMerchants);
        }
        buckets
    }

    /// Whether the card may do that on this business date, whatever is on the account.
    ///
    /// # Errors
    /// It may not.
    pub fn check(
        &self,
        card: &Card,
        (usage, limits): (&Usage, &Limits),
        today: NaiveDate,
    ) -> Result<(), Decline> {
        usable(card, today)?;
        if self.expiry.is_some_and(|expiry| expiry != Expiry::of(card.expires_on)) {
            return Err(ResponseCode::EXPIRED_CARD.into());
        }
        // Money back is welcome wherever it comes from.
        if self.kind == Kind::Refund {
            return self.check_currency(card.currency);
        }
        if !card.switches.allow(self.channel, self.abroad) {
            return Err(ResponseCode::NOT_PERMITTED_TO_CARDHOLDER.into());
        }
        self.check_cvv2()?;
        self.check_pin(card)?;
        self.check_currency(card.currency)?;
        self.check_limits(card, (usage, limits), today)
    }

    fn check_cvv2(&self) -> Result<(), Decline> {
        match (self.cvv2, self.channel) {
            (Cvv2Seen::Wrong, _) | (Cvv2Seen::NotGiven, Channel::Online) => {
                Err(ResponseCode::DO_NOT_HONOUR.into())
            }
            (Cvv2Seen::Right | Cvv2Seen::NotGiven, _) => Ok(()),
        }
    }

    fn check_pin(&self, card: &Card) -> Result<(), Decline> {
        let needed =
            matches!(self.kind, Kind::Cash | Kind::BalanceInquiry) || self.channel == Channel::Atm;
        if self.pin == PinSeen::NotGiven && !needed {
            return Ok(());
        }
        if card.pin.is_blocked() {
            return Err(ResponseCode::PIN_TRIES_EXCEEDED.into());
        }
        match self.pin {
            PinSeen::Right(version) if version == card.pin.version => Ok(()),
            PinSeen::Wrong(version) if version == card.pin.version => {
                let third = card.pin.wrong.saturating_add(1) >= super::Pin::TRIES;
                let code =
                    if third { ResponseCode::PIN_TRIES_EXCEEDED } else { ResponseCode::WRONG_PIN };
                Err(Decline { code, wrong_pin: true })
            }
            // None, one that cannot be read, one that was compared with a PIN that has been replaced meanwhile.
            _ => Err(ResponseCode::WRONG_PIN.into()),
        }
    }

    fn check_currency(&self, currency: Currency) -> Result<(), Decline> {
        if self.amount.is_some_and(|amount| amount.currency() != currency) {
            return Err(ResponseCode::INVALID_TRANSACTION.into());
        }
        Ok(())
    }

    fn check_limits(
        &self,
        card: &Card,
        (usage, limits): (&Usage, &Limits),
        today: NaiveDate,
    ) -> Result<(), Decline> {
        let Some(amount) = self.amount else { return Ok(()) };
        let minor = amount.minor();
        let mut buckets = self.buckets(card);
        buckets.push(Bucket::All);
        let mut too_often = false;
        for bucket in buckets {
            let set = limits.get(&bucket).copied().unwrap_or_default();
            let limit = set.lower(card.product.limits.get(&bucket).copied().unwrap_or_default());
            let used = usage.on(bucket, today);
            let above = |sum: i64, limit: Option<i64>| {
                limit.is_some_and(|limit| sum.checked_add(minor).is_none_or(|sum| sum > limit))
            };
            if above(0, limit.transaction_minor)
                || above(used.day_minor, limit.day_minor)
                || above(used.month_minor, limit.month_minor)
            {
                return Err(ResponseCode::AMOUNT_LIMIT.into());
            }
            too_often |= limit.day_count.is_some_and(|most| used.day_count >= most);
        }
        if too_often {
            return Err(ResponseCode::COUNT_LIMIT.into());
        }
        Ok(())
    }
}

fn usable(card: &Card, today: NaiveDate) -> Result<(), Decline> {
    let code = match card.status {
        CardStatus::Lost => ResponseCode::LOST_CARD,
        CardStatus::Stolen => ResponseCode::STOLEN_CARD,
        CardStatus::Cancelled => ResponseCode::INVALID_CARD_NUMBER,
        CardStatus::Blocked => ResponseCode::RESTRICTED_CARD,
        CardStatus::Inactive => ResponseCode::NOT_PERMITTED_TO_CARDHOLDER,
        CardStatus::Expired => ResponseCode::EXPIRED_CARD,
        CardStatus::Active if card.expires_on < today => ResponseCode::EXPIRED_CARD,
        CardStatus::Active => return Ok(()),
    };
    Err(code.into())
}
