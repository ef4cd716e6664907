//! What a request's data elements say together, in the bank's words, and the way back: both ends of a line use the same
//! mapping, so a simulator cannot mean something else than the gateway hears.
//!
//! Absent on purpose: whether it may be done.

use kernel::Currency;

use crate::{FieldError, FieldProblem, Message, PinBlock, currency};

/// Network management (data element 70): the line is open for requests.
pub const SIGN_ON: &str = "001";
/// Network management: it is not any more.
pub const SIGN_OFF: &str = "002";
/// Network management: are you there?
pub const ECHO: &str = "301";

/// The merchant category of cash machines.
const CASH_MACHINE: &str = "6011";
/// The tag of the CVV2 in data element 48.
const CVV2: &str = "92";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Goods or services.
    Purchase,
    /// Cash.
    Cash,
    /// A reservation whose final amount follows.
    Preauthorization,
    /// Money back to the holder.
    Refund,
    /// What is available.
    BalanceInquiry,
}

/// How the card is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A cash machine.
    Atm,
    /// A terminal, by chip or magnetic stripe.
    Pos,
    /// Without the card.
    Online,
    /// A terminal, without contact.
    Contactless,
}

/// What a request wants: data elements 3, 18, 19, 22 and 25.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is asked. Cash is always of a cash machine.
    pub kind: Kind,
    /// How the card is used.
    pub channel: Channel,
    /// Whether the acquirer is in another country than the bank.
    pub abroad: bool,
    /// The merchant's category, ISO 18245, four digits. What a cash machine is asked, other than for cash, has 6011.
    pub merchant_category: String,
}

/// A PIN as it was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedPin {
    /// The encrypted block.
    pub block: PinBlock,
    /// Which zone key it is encrypted under, 0 to 99.
    pub key_index: u8,
}

impl Wanted {
    /// What a request wants. `home` is the bank's country, ISO 3166 numeric.
    pub fn of(message: &Message, home: &str) -> Result<Self, FieldError> {
        let merchant_category = message.required(18)?.to_owned();
        let abroad = message.required(19)? != home;
        let code = message.required(3)?.get(..2).unwrap_or_default();
        let condition = message.required(25)?;
        let kind = match (code, condition) {
            ("00", "06") => Kind::Preauthorization,
            ("00", _) => Kind::Purchase,
            ("01", _) => Kind::Cash,
            ("20", _) => Kind::Refund,
            ("31", _) => Kind::BalanceInquiry,
            _ => return Err(FieldError { field: 3, problem: FieldProblem::Meaning }),
        };
        let entry = message.required(22)?.get(..2).unwrap_or_default();
        let channel = match entry {
            _ if kind == Kind::Cash || merchant_category == CASH_MACHINE => Channel::Atm,
            "01" | "81" => Channel::Online,
            "07" | "91" => Channel::Contactless,
            _ => Channel::Pos,
        };
        Ok(Self { kind, channel, abroad, merchant_category })
    }

    /// Writes it into a request. `country` is the acquirer's, ISO 3166 numeric; [`Self::abroad`] says nothing here.
    pub fn write(&self, message: &mut Message, country: &str) {
        let code = match self.kind {
            Kind::Purchase | Kind::Preauthorization => "000000",
            Kind::Cash => "010000",
            Kind::Refund => "200000",
            Kind::BalanceInquiry => "310000",
        };
        // The third digit says whether the terminal takes a PIN: 1 it does, 2 it does not.
        let entry = match self.channel {
            Channel::Atm | Channel::Pos => "051",
            Channel::Online => "812",
            Channel::Contactless => "071",
        };
        let condition = match (self.kind, self.channel) {
            (Kind::Preauthorization, _) => "06",
            (_, Channel::Online) => "59",
            (_, Channel::Atm) => "02",
            _ => "00",
        };
        // Cash says by itself that it is of a cash machine; anything else says it by the category.
        let by_category = self.channel == Channel::Atm && self.kind != Kind::Cash;
        let category = if by_category { CASH_MACHINE } else { &self.merchant_category };
        message.set(3, code).set(18, category).set(19, country).set(22, entry).set(25, condition);
    }
}

/// The amount of a request: data elements 4 and 49, minor units.
pub fn amount(message: &Message) -> Result<(i64, Currency), FieldError> {
    let minor = message.required(4)?.parse().map_err(|_| without_meaning(4))?;
    let currency = currency::from_numeric(message.required(49)?).ok_or(without_meaning(49))?;
    Ok((minor, currency))
}

/// Writes an amount into a request.
pub fn set_amount(message: &mut Message, minor: i64, currency: Currency) -> Result<(), FieldError> {
    let minor = u64::try_from(minor).map_err(|_| without_meaning(4))?;
    let digits = currency::numeric(currency).ok_or(without_meaning(49))?;
    message.set(4, minor.to_string()).set(49, digits);
    Ok(())
}

/// The PIN of a request: data element 53 says format and key, 52 or 125 is the block. `None` where there is none.
pub fn pin(message: &Message) -> Result<Option<PresentedPin>, FieldError> {
    let (short, long) = (message.get(52), message.get(125));
    let control = match (message.text(53), short, long) {
        (None, None, None) => return Ok(None),
        (Some(control), _, _) => control,
        (None, _, _) => return Err(FieldError { field: 53, problem: FieldProblem::Missing }),
    };
    let (format, rest) = control.split_at_checked(2).ok_or(without_meaning(53))?;
    let (key, rest) = rest.split_at_checked(2).ok_or(without_meaning(53))?;
    let key_index = key.parse().map_err(|_| without_meaning(53))?;
    let block = match (format, short, long) {
        _ if rest.bytes().any(|digit| digit != b'0') => return Err(without_meaning(53)),
        ("00", Some(block), None) => PinBlock::format0(block).map_err(|_| without_meaning(52))?,
        ("04", None, Some(block)) => PinBlock::format4(block).map_err(|_| without_meaning(125))?,
        _ => return Err(without_meaning(53)),
    };
    Ok(Some(PresentedPin { block, key_index }))
}

/// Writes a PIN into a request.
pub fn set_pin(message: &mut Message, pin: PresentedPin) {
    let (format, field) = match pin.block {
        PinBlock::Format0(_) => ("00", 52),
        PinBlock::Format4(_) => ("04", 125),
    };
    message.remove(52).remove(125);
    // Sixteen digits: format, key, and zeros.
    message.set(53, format!("{format}{:02}000000000000", pin.key_index.min(99)));
    message.set(field, pin.block.as_bytes());
}

/// The CVV2 of a request, three digits: data element 48, tag 92. `None` where there is none.
pub fn cvv2(message: &Message) -> Result<Option<&str>, FieldError> {
    let Some(mut rest) = message.text(48) else { return Ok(None) };
    let mut found = None;
    while !rest.is_empty() {
        let (tag, after) = rest.split_at_checked(2).ok_or(without_meaning(48))?;
        let (length, after) = after.split_at_checked(2).ok_or(without_meaning(48))?;
        let digits = tag.bytes().chain(length.bytes()).all(|byte| byte.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits).ok_or(without_meaning(48))?;
        let (value, after) = after.split_at_checked(length).ok_or(without_meaning(48))?;
        if tag == CVV2 {
            let three = value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_digit());
            if !three || found.is_some() {
                return Err(without_meaning(48));
            }
            found = Some(value);
        }
        rest = after;
    }
    Ok(found)
}

/// Writes a CVV2 into a request.
pub fn set_cvv2(message: &mut Message, cvv2: &str) {
    message.set(48, format!("{CVV2}{:02}{cvv2}", cvv2.len()));
}

/// What is available, in the answer to a balance inquiry: data element 54, minor units, negative where it is owed.
pub fn available(message: &Message) -> Result<(i64, Currency), FieldError> {
    let wrong = without_meaning(54);
    let text = message.required(54)?;
    // Account type 00, amount type 02 (available), currency, credit or debit, twelve digits.
    let (kind, rest) = text.split_at_checked(4).ok_or(wrong)?;
    let (digits, rest) = rest.split_at_checked(3).ok_or(wrong)?;
    let (sign, amount) = rest.split_at_checked(1).ok_or(wrong)?;
    let currency = currency::from_numeric(digits).ok_or(wrong)?;
    if kind != "0002" || amount.len() != 12 || !amount.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong);
    }
    let minor: i64 = amount.parse().map_err(|_| wrong)?;
    match sign {
        "C" => Ok((minor, currency)),
        "D" => minor.checked_neg().map(|minor| (minor, currency)).ok_or(wrong),
        _ => Err(wrong),
    }
}

/// Writes what is available into the answer to a balance inquiry.
pub fn set_available(
    message: &mut Message,
    minor: i64,
    currency: Currency,
) -> Result<(), FieldError> {
    let digits = currency::numeric(currency).ok_or(without_meaning(54))?;
    let sign = if minor < 0 { 'D' } else { 'C' };
    let amount = minor.unsigned_abs();
    if amount > 999_999_999_999 {
        return Err(FieldError { field: 54, problem: FieldProblem::Length });
    }
    message.set(54, format!("0002{digits}{sign}{amount:012}"));
    Ok(())
}

const fn without_meaning(field: u8) -> FieldError {
    FieldError { field, problem: FieldProblem::Meaning }
}
