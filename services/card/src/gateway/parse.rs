//! What a message says, in the words of the commands. What is wrong with it is a response code.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::TimeDelta;
use kernel::{Money, PositiveMoney, RequestId, RequestWindow};
use platform::protection::Secret;
use scheme::{
    FieldError, FieldProblem, Kind, Message, Mti, OriginalData, Pan, ResponseCode, Wanted, words,
};

use crate::commands::{Authorize, Complete, Context, Reverse};
use crate::config;
use crate::domain::{Expiry, MessageKey};
use crate::keys::EncryptedPin;

/// What a message asks.
pub(super) enum Question {
    /// With a hash of all that was asked: under one id only what is the same is the same question.
    Authorize(Box<Authorize>, u64),
    Reverse(Reverse),
    Complete(Complete),
}

/// How messages are read here.
pub(super) struct Reading {
    country: String,
    pin_keys: Vec<String>,
    skew: TimeDelta,
}

impl Reading {
    pub(super) fn of(config: &config::Gateway) -> Self {
        Self {
            country: config.country.clone(),
            pin_keys: config.pin_keys.clone(),
            skew: TimeDelta::seconds(config.clock_skew_seconds.into()),
        }
    }
}

/// Why a message is not a question that can be asked.
struct Wrong(ResponseCode);

impl From<FieldError> for Wrong {
    fn from(error: FieldError) -> Self {
        // A processing code, an amount or a currency that has a form and means nothing here.
        let meaningless = error.problem == FieldProblem::Meaning;
        let invalid = meaningless && matches!(error.field, 3 | 4 | 49);
        Self(if invalid { ResponseCode::INVALID_TRANSACTION } else { ResponseCode::FORMAT_ERROR })
    }
}

const FORMAT_ERROR: Wrong = Wrong(ResponseCode::FORMAT_ERROR);

/// What a message asks, or how it is answered because it asks nothing.
pub(super) fn question(
    reading: &Reading,
    context: &Context,
    message: &Message,
) -> Result<Question, ResponseCode> {
    let read = match message.mti().original() {
        Mti::AUTHORIZATION => authorize(reading, context, message, false),
        Mti::FINANCIAL => authorize(reading, context, message, true),
        Mti::REVERSAL | Mti::REVERSAL_ADVICE => reverse(reading, context, message),
        Mti::FINANCIAL_ADVICE => complete(reading, context, message),
        _ => Err(Wrong(ResponseCode::INVALID_TRANSACTION)),
    };
    read.map_err(|wrong| wrong.0)
}

fn authorize(
    reading: &Reading,
    context: &Context,
    message: &Message,
    post_now: bool,
) -> Result<Question, Wrong> {
    let key = key(context, message)?;
    let age = context.clock.now().signed_duration_since(key.transmitted_at);
    // How late a repetition may come is for the books to say: what is decided keeps its answer.
    let too_late = age > reading.skew && !message.mti().is_repeat();
    if too_late || is_ahead(reading, context, &key) {
        return Err(FORMAT_ERROR);
    }
    let wanted = Wanted::of(message, &reading.country)?;
    let amount = match (wanted.kind, words::amount(message)?) {
        (Kind::BalanceInquiry, _) => None,
        (_, (minor, currency)) => {
            let amount = PositiveMoney::try_new(Money::new(minor, currency));
            Some(amount.map_err(|_| Wrong(ResponseCode::INVALID_TRANSACTION))?)
        }
    };
    let pan = Pan::parse(message.required(2)?);
    let pan = pan.map_err(|_| Wrong(ResponseCode::INVALID_CARD_NUMBER))?;
    let expiry = message.text(14).map(Expiry::parse).transpose().map_err(|_| FORMAT_ERROR)?;
    let pin = match words::pin(message)? {
        None => None,
        Some(pin) => {
            let name = reading.pin_keys.get(usize::from(pin.key_index)).ok_or(FORMAT_ERROR)?;
            Some(EncryptedPin { block: pin.block, key_name: name.clone() })
        }
    };
    let authorize = Authorize {
        authorization_id: key.authorization_id(&context.search).ok_or(FORMAT_ERROR)?,
        key,
        pan,
        expiry,
        kind: wanted.kind,
        channel: wanted.channel,
        amount,
        pin,
        cvv2: words::cvv2(message)?.map(|digits| Secret::new(digits.to_owned())),
        merchant_category: wanted.merchant_category,
        abroad: wanted.abroad,
        post_now,
    };
    Ok(Question::Authorize(Box::new(authorize), content(message)))
}

/// A hash of a message, whether it is sent for the first time or again.
fn content(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.mti().original().hash(&mut hasher);
    for field in message.present() {
        (field, message.get(field)).hash(&mut hasher);
    }
    hasher.finish()
}

fn reverse(reading: &Reading, context: &Context, message: &Message) -> Result<Question, Wrong> {
    key(context, message)?;
    let authorization_id = original(reading, context, message)?;
    Ok(Question::Reverse(Reverse { authorization_id, only: None }))
}

fn complete(reading: &Reading, context: &Context, message: &Message) -> Result<Question, Wrong> {
    key(context, message)?;
    let authorization_id = original(reading, context, message)?;
    let (minor, currency) = words::amount(message)?;
    let amount = PositiveMoney::try_new(Money::new(minor, currency));
    let amount = amount.map_err(|_| Wrong(ResponseCode::INVALID_TRANSACTION))?;
    Ok(Question::Complete(Complete { authorization_id, amount }))
}

/// What a message is recognised by.
fn key(context: &Context, message: &Message) -> Result<MessageKey, Wrong> {
    named(context, message, [message.required(7)?, message.required(11)?, message.required(32)?])
}

/// The id of the authorization that a message names: the original's time, trace number and acquirer are in data element
/// 90, and its terminal and retrieval reference are repeated. Only what asked for an authorization is one.
fn original(reading: &Reading, context: &Context, message: &Message) -> Result<RequestId, Wrong> {
    let original = OriginalData::named_in(message)?;
    if ![Mti::AUTHORIZATION, Mti::FINANCIAL].contains(&original.mti.original()) {
        return Err(Wrong(ResponseCode::INVALID_TRANSACTION));
    }
    let parts = [&original.transmitted, &original.trace_number, &original.acquirer];
    let key = named(context, message, parts.map(String::as_str))?;
    if is_ahead(reading, context, &key) {
        return Err(FORMAT_ERROR);
    }
    key.authorization_id(&context.search).ok_or(FORMAT_ERROR)
}

/// Whether it says that it was sent in the future. What is computed from it would be in the future as well, and deposit takes
/// no such ids.
fn is_ahead(reading: &Reading, context: &Context, key: &MessageKey) -> bool {
    let ahead = reading.skew.min(RequestWindow::default().ahead);
    key.transmitted_at.signed_duration_since(context.clock.now()) > ahead
}

fn named(
    context: &Context,
    message: &Message,
    [transmitted, trace_number, acquirer]: [&str; 3],
) -> Result<MessageKey, Wrong> {
    let transmitted_at = scheme::transmission_time(transmitted, context.clock.now());
    let trimmed = |field| message.trimmed(field).ok_or(FORMAT_ERROR);
    Ok(MessageKey {
        acquirer: scheme::institution(acquirer).ok_or(FORMAT_ERROR)?,
        terminal: trimmed(41)?.to_owned(),
        retrieval_reference: trimmed(37)?.to_owned(),
        trace_number: trace_number.to_owned(),
        transmitted_at: transmitted_at.ok_or(FORMAT_ERROR)?,
    })
}
