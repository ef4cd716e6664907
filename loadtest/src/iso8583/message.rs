//! What is asked: purchases and what follows them.
//!
//! A [`Trace`] is what names a message (data elements 7, 11, 32, 37, 41). Of a request of the load it is computed from the
//! request's id, so that a repetition, a reversal and the audit all find it without anything being kept.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use kernel::{Clock as _, Currency, SystemClock};
use scheme::words::{self, PresentedPin, Wanted};
use scheme::{Channel, FieldError, Kind, Message, Mti, OriginalData, Pan, transmission_text};
use uuid::Uuid;

use crate::ids::Ids;

/// The bank's country, ISO 3166 numeric.
pub const COUNTRY: &str = "156";
/// Anybody's: a restaurant.
const MERCHANT_CATEGORY: &str = "5812";
const MERCHANT: &str = "LOADTEST SHOP";

/// What names a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Data element 7.
    pub transmitted_at: DateTime<Utc>,
    /// Data element 11, six digits.
    pub trace_number: String,
    /// Data element 32.
    pub acquirer: String,
    /// Data element 37, twelve characters.
    pub retrieval_reference: String,
    /// Data element 41, eight characters.
    pub terminal: String,
}

impl Trace {
    /// That of a request of the load. Its run is the acquirer, so that the audit finds all that a run has asked.
    pub fn of(request_id: Uuid) -> Self {
        let (millis, counter, tag) = Ids::parts(request_id);
        let at = i64::try_from(millis).ok().and_then(DateTime::from_timestamp_millis);
        Self {
            transmitted_at: at.unwrap_or_default(),
            trace_number: format!("{:06}", counter % 1_000_000),
            acquirer: Self::acquirer_of(tag),
            retrieval_reference: format!("{:012}", counter % 1_000_000_000_000),
            terminal: "LOADTEST".to_owned(),
        }
    }

    /// The acquirer of a run.
    pub fn acquirer_of(tag: [u8; 4]) -> String {
        format!("9{:010}", u32::from_be_bytes(tag))
    }

    fn write(&self, message: &mut Message) {
        message
            .set(7, transmission_text(self.transmitted_at))
            .set(11, &self.trace_number)
            .set(32, &self.acquirer)
            .set(37, &self.retrieval_reference)
            .set(41, &self.terminal)
            .set(42, MERCHANT);
    }
}

/// What is on a card.
#[derive(Debug, Clone)]
pub struct Card {
    /// The number.
    pub pan: Pan,
    /// YYMM.
    pub expiry: String,
    /// Three digits.
    pub cvv2: String,
}

/// Something asked of a card.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// What and how.
    pub wanted: Wanted,
    /// In which country.
    pub country: String,
    /// Minor units; a balance inquiry names none.
    pub amount_minor: i64,
    /// Of which currency.
    pub currency: Currency,
    /// The CVV2 that is presented.
    pub cvv2: Option<String>,
    /// The PIN that is presented.
    pub pin: Option<PresentedPin>,
    /// Posted at once (0200) rather than cleared later (0100).
    pub at_once: bool,
}

impl Purchase {
    /// At home, in this way, of this much.
    pub fn new(kind: Kind, channel: Channel, amount_minor: i64) -> Self {
        let merchant_category = MERCHANT_CATEGORY.to_owned();
        Self {
            wanted: Wanted { kind, channel, abroad: false, merchant_category },
            country: COUNTRY.to_owned(),
            amount_minor,
            currency: Currency::CNY,
            cvv2: None,
            pin: None,
            at_once: matches!(kind, Kind::Cash | Kind::Refund | Kind::BalanceInquiry),
        }
    }

    /// The message that asks for it.
    pub fn message(&self, card: &Card, trace: &Trace) -> Result<Message, FieldError> {
        let mti = if self.at_once { Mti::FINANCIAL } else { Mti::AUTHORIZATION };
        let mut message = Message::new(mti);
        message.set(2, card.pan.expose()).set(14, &card.expiry);
        self.wanted.write(&mut message, &self.country);
        words::set_amount(&mut message, self.amount_minor, self.currency)?;
        trace.write(&mut message);
        if let Some(cvv2) = &self.cvv2 {
            words::set_cvv2(&mut message, cvv2);
        }
        if let Some(pin) = self.pin {
            words::set_pin(&mut message, pin);
        }
        Ok(message)
    }
}

/// What follows an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// 0400: take it back.
    Reversal,
    /// 0220: this is the final amount, minor units.
    Completion(i64),
}

/// The message that follows an authorization. `own` names it; retrieval reference and terminal are the original's.
pub fn following(what: Following, original: &Message, own: &Trace) -> Result<Message, FieldError> {
    let mti = match what {
        Following::Reversal => Mti::REVERSAL,
        Following::Completion(_) => Mti::FINANCIAL_ADVICE,
    };
    let mut message = Message::new(mti);
    own.write(&mut message);
    for field in [2, 3, 4, 18, 19, 22, 25, 32, 37, 41, 49] {
        if let Some(value) = original.get(field) {
            message.set(field, value);
        }
    }
    if let Following::Completion(amount_minor) = what {
        words::set_amount(&mut message, amount_minor, words::amount(original)?.1)?;
    }
    message.set(90, OriginalData::of(original)?.to_text());
    Ok(message)
}

/// A message of network management.
pub fn network(what: &str) -> Message {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 1_000_000;
    let mut message = Message::new(Mti::NETWORK_MANAGEMENT);
    let now = transmission_text(SystemClock.now());
    message.set(7, now).set(11, format!("{number:06}")).set(70, what);
    message
}

/// The response code of an answer; empty where it has none.
pub fn code(answer: &Message) -> String {
    answer.text(39).unwrap_or_default().to_owned()
}

/// The bank's id of the authorization, in an answer.
pub fn authorization_id(answer: &Message) -> Option<Uuid> {
    Uuid::parse_str(answer.trimmed(63)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        let pan = Pan::with_check_digit("621234000000001").unwrap();
        Card { pan, expiry: "3011".to_owned(), cvv2: "123".to_owned() }
    }

    fn ids() -> Ids {
        Ids::new(DateTime::from_timestamp_millis(1_795_392_000_000).unwrap(), [0, 0, 1, 2])
    }

    #[test]
    fn a_request_of_the_load_is_named_by_its_id_alone() {
        let ids = ids();
        let (one, two) = (ids.next(), ids.next());

        assert_eq!(Trace::of(one), Trace::of(one));
        assert_ne!(Trace::of(one).trace_number, Trace::of(two).trace_number);
        assert_eq!(Trace::of(one).acquirer, "90000000258");
    }

    #[test]
    fn what_is_asked_has_all_that_its_type_must_carry() {
        let ids = ids();
        let purchase = Purchase::new(Kind::Purchase, Channel::Pos, 100);
        let asked = purchase.message(&card(), &Trace::of(ids.next())).unwrap();
        assert_eq!((asked.mti(), asked.missing()), (Mti::AUTHORIZATION, None));
        asked.encode().unwrap();

        for (what, mti) in [
            (Following::Reversal, Mti::REVERSAL),
            (Following::Completion(90), Mti::FINANCIAL_ADVICE),
        ] {
            let follows = following(what, &asked, &Trace::of(ids.next())).unwrap();
            assert_eq!((follows.mti(), follows.missing()), (mti, None));
            assert_eq!(follows.text(37), asked.text(37));
            assert_ne!(follows.text(11), asked.text(11));
            let named = OriginalData::named_in(&follows).unwrap();
            assert_eq!(Some(named.trace_number.as_str()), asked.text(11));
            follows.encode().unwrap();
        }
    }
}
