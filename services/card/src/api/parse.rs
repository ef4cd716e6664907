//! Requests as commands. Everything that is wrong with a request is found and named at once, and nothing of it repeated:
//! it may be a card number.

use kernel::{
    AccountNumber, CardId, Currency, CustomerId, Money, PositiveMoney, RequestId, RequestIdError,
    RequestWindow,
};
use platform::fields::{Fields, Violations};
use platform::protection::Secret;
use proto::card::v1 as pb;
use proto::common::v1 as common;
use scheme::{Pan, PinBlock, institution};

use crate::commands::{
    Action, Authorize, Block, Cancel, ChangePin, Command, Complete, Issue, Replace, ReportMissing,
    Reverse, SetLimits, SetPin, SetSwitches, Unblock, VerifyPin,
};
use crate::domain::{
    Asker, Bucket, CardStatus, Channel, Expiry, Kind, Limit, MessageKey, Switches,
};
use crate::keys::EncryptedPin;

const REASON_MAX: usize = 200;
/// The most cards of one batch.
const BATCH_MAX: usize = 1_000;
const KEY_NAME_MAX: usize = 64;

fn card_id(fields: &mut Fields, text: &str) -> Option<CardId> {
    fields.read("card_id", CardId::parse(text))
}

fn account(fields: &mut Fields, text: &str) -> Option<AccountNumber> {
    fields.read("account_number", AccountNumber::parse(text))
}

fn amount(fields: &mut Fields, money: Option<&common::Money>) -> Option<PositiveMoney> {
    let Some(money) = money else { return fields.reject("amount", "an amount is required") };
    let currency = Currency::parse(&money.currency_code);
    let currency = fields.read("amount.currency_code", currency)?;
    let money = PositiveMoney::try_new(Money::new(money.amount_minor, currency));
    fields.read("amount.amount_minor", money)
}

fn reason(fields: &mut Fields, text: &str) -> Option<String> {
    if text.trim().is_empty() || text.chars().count() > REASON_MAX {
        return fields.reject("reason", format!("must hold 1 to {REASON_MAX} characters"));
    }
    if text.chars().any(char::is_control) {
        return fields.reject("reason", "must hold no control characters");
    }
    Some(text.to_owned())
}

/// A PIN on its way.
fn pin(fields: &mut Fields, field: &str, block: Option<&pb::PinBlock>) -> Option<EncryptedPin> {
    let Some(given) = block else { return fields.reject(field, "a PIN is required") };
    let named = (1..=KEY_NAME_MAX).contains(&given.key_name.len());
    if !named {
        fields.wrong(&format!("{field}.key_name"), format!("must hold 1 to {KEY_NAME_MAX} bytes"));
    }
    let block = match given.format() {
        pb::PinBlockFormat::Iso0 => Some(PinBlock::format0(&given.block)),
        pb::PinBlockFormat::Iso4 => Some(PinBlock::format4(&given.block)),
        pb::PinBlockFormat::Unspecified => {
            fields.reject(&format!("{field}.format"), "a format is required")
        }
    };
    let block = block.and_then(|block| fields.read(&format!("{field}.block"), block));
    block.filter(|_| named).map(|block| EncryptedPin { block, key_name: given.key_name.clone() })
}

fn digits(
    fields: &mut Fields,
    field: &str,
    text: &str,
    length: std::ops::RangeInclusive<usize>,
) -> Option<String> {
    if length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    let (least, most) = (length.start(), length.end());
    let how_many = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    fields.reject(field, format!("must be {how_many} digits"))
}

/// Printable text as data elements have it, without the spaces behind it.
fn printable(fields: &mut Fields, field: &str, text: &str, most: usize) -> Option<String> {
    let trimmed = text.trim_end_matches(' ');
    let prints = trimmed.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if prints && !trimmed.is_empty() && text.len() <= most {
        return Some(trimmed.to_owned());
    }
    fields.reject(field, format!("must be 1 to {most} printable characters"))
}

fn command<M: prost::Message>(
    mut fields: Fields,
    request_id: &str,
    message: &M,
    action: impl FnOnce(&mut Fields) -> Option<Action>,
) -> Result<Command, Violations> {
    let request_id = fields.request_id(request_id);
    let action = action(&mut fields);
    let command = request_id.zip(action).map(|(request_id, action)| Command {
        request_id,
        fingerprint: platform::fingerprint::of(std::any::type_name::<M>(), message),
        asker: Asker::Bank,
        caller: None,
        action,
    });
    fields.done(command)
}

pub fn issue(fields: Fields, m: &pb::IssueCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        let account = account(fields, &m.account_number);
        let product_code = match m.product_code.as_str() {
            "" => fields.reject("product_code", "a product is required"),
            code => Some(code.to_owned()),
        };
        Some(Action::Issue(Issue {
            customer_id: customer_id?,
            account: account?,
            product_code: product_code?,
        }))
    })
}

/// Each item by itself; what is wrong with any is wrong with all.
pub fn batch_issue(
    fields: Fields,
    m: &pb::BatchIssueCardsRequest,
) -> Result<Vec<Command>, Violations> {
    let now = fields.now();
    let mut fields = fields;
    if !(1..=BATCH_MAX).contains(&m.items.len()) {
        fields.wrong("items", format!("must be 1 to {BATCH_MAX}"));
        return fields.done(None);
    }
    let mut commands = Vec::with_capacity(m.items.len());
    for (index, item) in m.items.iter().enumerate() {
        match issue(Fields::new(now), item) {
            Ok(command) => commands.push(command),
            Err(violations) => fields.wrong_within(&format!("items[{index}]"), violations),
        }
    }
    fields.done(Some(commands))
}

pub fn activate(fields: Fields, m: &pb::ActivateCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| Some(Action::Activate(card_id(fields, &m.card_id)?)))
}

pub fn set_pin(fields: Fields, m: &pb::SetPinRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let new_pin = pin(fields, "new_pin", m.new_pin.as_ref());
        Some(Action::SetPin(SetPin { card_id: card_id?, new_pin: new_pin?, replace: false }))
    })
}

pub fn change_pin(fields: Fields, m: &pb::ChangePinRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let current_pin = pin(fields, "current_pin", m.current_pin.as_ref());
        let new_pin = pin(fields, "new_pin", m.new_pin.as_ref());
        Some(Action::ChangePin(ChangePin {
            card_id: card_id?,
            current_pin: current_pin?,
            new_pin: new_pin?,
        }))
    })
}

pub fn verify_pin(fields: Fields, m: &pb::VerifyPinRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let pin = pin(fields, "pin", m.pin.as_ref());
        Some(Action::VerifyPin(VerifyPin { card_id: card_id?, pin: pin? }))
    })
}

pub fn block(fields: Fields, m: &pb::BlockCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let reason = reason(fields, &m.reason);
        Some(Action::Block(Block { card_id: card_id?, reason: reason? }))
    })
}

pub fn unblock(fields: Fields, m: &pb::UnblockCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let reason = reason(fields, &m.reason);
        Some(Action::Unblock(Unblock { card_id: card_id?, reason: reason? }))
    })
}

pub fn report_missing(
    fields: Fields,
    m: &pb::ReportCardMissingRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let status = match m.missing_as() {
            pb::CardStatus::Lost => Some(CardStatus::Lost),
            pb::CardStatus::Stolen => Some(CardStatus::Stolen),
            _ => fields.reject("missing_as", "must be CARD_STATUS_LOST or CARD_STATUS_STOLEN"),
        };
        Some(Action::ReportMissing(ReportMissing { card_id: card_id?, status: status? }))
    })
}

pub fn replace(fields: Fields, m: &pb::ReplaceCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        Some(Action::Replace(Replace { card_id: card_id(fields, &m.card_id)? }))
    })
}

pub fn renew(fields: Fields, m: &pb::RenewCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| Some(Action::Renew(card_id(fields, &m.card_id)?)))
}

pub fn cancel(fields: Fields, m: &pb::CancelCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let reason = reason(fields, &m.reason);
        Some(Action::Cancel(Cancel { card_id: card_id?, reason: reason? }))
    })
}

pub fn set_switches(fields: Fields, m: &pb::SetCardSwitchesRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        let Some(given) = m.switches else {
            return fields.reject("switches", "all switches are required");
        };
        let pb::CardSwitches { atm, pos, online, contactless, abroad } = given;
        let switches = Switches { atm, pos, online, contactless, abroad };
        Some(Action::SetSwitches(SetSwitches { card_id: card_id?, switches }))
    })
}

pub fn set_limits(fields: Fields, m: &pb::SetCardLimitsRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let card_id = card_id(fields, &m.card_id);
        if !(1..=6).contains(&m.limits.len()) {
            fields.wrong("limits", "must be 1 to 6");
        }
        let mut limits: Vec<(Bucket, Limit)> = Vec::with_capacity(m.limits.len());
        for (index, given) in m.limits.iter().enumerate() {
            let Some((bucket, limit)) = limit(fields, index, given) else { continue };
            if limits.iter().any(|(named, _)| *named == bucket) {
                fields.wrong(&format!("limits[{index}].bucket"), "is named twice");
            }
            limits.push((bucket, limit));
        }
        Some(Action::SetLimits(SetLimits { card_id: card_id?, limits }))
    })
}

fn limit(fields: &mut Fields, index: usize, given: &pb::CardLimit) -> Option<(Bucket, Limit)> {
    let place = |field: &str| format!("limits[{index}].{field}");
    let bucket = match given.bucket() {
        pb::CardBucket::Unspecified => fields.reject(&place("bucket"), "a bucket is required"),
        bucket => Some(self::bucket(bucket)),
    };
    let amounts = [
        ("transaction_minor", given.transaction_minor),
        ("day_minor", given.day_minor),
        ("month_minor", given.month_minor),
    ];
    for (field, minor) in amounts {
        if minor.is_some_and(|minor| minor < 0) {
            fields.wrong(&place(field), "must not be negative");
        }
    }
    if given.day_count.is_some_and(|count| count < 0) {
        fields.wrong(&place("day_count"), "must not be negative");
    }
    let limit = Limit {
        transaction_minor: given.transaction_minor,
        day_minor: given.day_minor,
        day_count: given.day_count,
        month_minor: given.month_minor,
    };
    bucket.map(|bucket| (bucket, limit))
}

/// `ALL` where none is named.
const fn bucket(bucket: pb::CardBucket) -> Bucket {
    match bucket {
        pb::CardBucket::Unspecified | pb::CardBucket::All => Bucket::All,
        pb::CardBucket::Atm => Bucket::Atm,
        pb::CardBucket::Pos => Bucket::Pos,
        pb::CardBucket::Online => Bucket::Online,
        pb::CardBucket::Contactless => Bucket::Contactless,
        pb::CardBucket::RestrictedMerchants => Bucket::RestrictedMerchants,
    }
}

pub fn reveal(fields: Fields, m: &pb::RevealCardRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| Some(Action::Reveal(card_id(fields, &m.card_id)?)))
}

/// A request of the scheme. Its id is the authorization's.
pub fn authorize(mut fields: Fields, m: &pb::AuthorizeRequest) -> Result<Authorize, Violations> {
    let fields_of = &mut fields;
    let id = fields_of.request_id(&m.request_id);
    let pan = fields_of.read("card_number", Pan::parse(&m.card_number));
    let expiry = match m.expiry.as_str() {
        "" => Some(None),
        text => fields_of.read("expiry", Expiry::parse(text)).map(Some),
    };
    let kind = match m.kind() {
        pb::AuthorizationKind::Purchase => Some(Kind::Purchase),
        pb::AuthorizationKind::Cash => Some(Kind::Cash),
        pb::AuthorizationKind::Preauthorization => Some(Kind::Preauthorization),
        pb::AuthorizationKind::Refund => Some(Kind::Refund),
        pb::AuthorizationKind::BalanceInquiry => Some(Kind::BalanceInquiry),
        pb::AuthorizationKind::Unspecified => fields_of.reject("kind", "a kind is required"),
    };
    let channel = match m.channel() {
        pb::CardBucket::Atm => Some(Channel::Atm),
        pb::CardBucket::Pos => Some(Channel::Pos),
        pb::CardBucket::Online => Some(Channel::Online),
        pb::CardBucket::Contactless => Some(Channel::Contactless),
        _ => fields_of.reject("channel", "must be ATM, POS, ONLINE or CONTACTLESS"),
    };
    let amount = match (kind, &m.amount) {
        (Some(Kind::BalanceInquiry), None) => Some(None),
        (Some(Kind::BalanceInquiry), Some(_)) => {
            fields_of.reject("amount", "must be absent in a balance inquiry")
        }
        (_, money) => amount(fields_of, money.as_ref()).map(Some),
    };
    let pin = match &m.pin {
        None => Some(None),
        block => pin(fields_of, "pin", block.as_ref()).map(Some),
    };
    let cvv2 = match m.cvv2.as_str() {
        "" => Some(None),
        text => digits(fields_of, "cvv2", text, 3..=3).map(|digits| Some(Secret::new(digits))),
    };
    let merchant_category = digits(fields_of, "merchant_category", &m.merchant_category, 4..=4);
    let acquirer = digits(fields_of, "acquirer", &m.acquirer, 1..=11);
    let terminal = printable(fields_of, "terminal", &m.terminal, 8);
    let reference = printable(fields_of, "retrieval_reference", &m.retrieval_reference, 12);
    let trace_number = digits(fields_of, "trace_number", &m.trace_number, 6..=6);
    let request = (|| {
        let id = id?;
        let key = MessageKey {
            acquirer: institution(&acquirer?)?,
            terminal: terminal?,
            retrieval_reference: reference?,
            trace_number: trace_number?,
            transmitted_at: id.made_at(),
        };
        Some(Authorize {
            authorization_id: id,
            key,
            pan: pan?,
            expiry: expiry?,
            kind: kind?,
            channel: channel?,
            amount: amount?,
            pin: pin?,
            cvv2: cvv2?,
            merchant_category: merchant_category?,
            abroad: m.abroad,
            post_now: m.post_now,
        })
    })();
    fields.done(request)
}

/// However old, but not of the future: what is ordered because of it would carry that time, and deposit takes no such ids.
fn authorization_id(fields: &mut Fields, text: &str) -> Option<RequestId> {
    let id = fields.read("authorization_id", RequestId::parse(text))?;
    match RequestWindow::default().check(id, fields.now()) {
        Err(error @ RequestIdError::TooNew { .. }) => {
            fields.reject("authorization_id", error.to_string())
        }
        _ => Some(id),
    }
}

pub fn reverse(
    mut fields: Fields,
    m: &pb::ReverseAuthorizationRequest,
) -> Result<Reverse, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let authorization_id = authorization_id(&mut fields, &m.authorization_id);
    let both = request_id.zip(authorization_id);
    let reverse = both.map(|(_, authorization_id)| Reverse { authorization_id, only: None });
    fields.done(reverse)
}

pub fn complete(
    mut fields: Fields,
    m: &pb::CompleteAuthorizationRequest,
) -> Result<Complete, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let authorization_id = authorization_id(&mut fields, &m.authorization_id);
    let amount = amount(&mut fields, m.amount.as_ref());
    let complete = request_id.zip(authorization_id).zip(amount);
    let complete =
        complete.map(|((_, authorization_id), amount)| Complete { authorization_id, amount });
    fields.done(complete)
}
