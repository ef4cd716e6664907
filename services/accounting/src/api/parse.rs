//! Requests as commands and queries. Everything that is wrong with a request is found and named at once; what is wrong
//! with one batch of a delivery is that batch's refusal, so that it does not hold up the others.

use std::sync::Arc;

use chrono::DateTime;
use kernel::{BusinessDate, Currency, Money, PositiveMoney, PostingId};
use platform::fields::{Fields, Violations};
use platform::telemetry::SpanLink;
use proto::accounting::v1 as pb;
use uuid::Uuid;

use crate::commands::{ConfirmCutOver, CutOver, DayAction, DayCommand, PostBatch};
use crate::domain::{AmountKind, Batch, BatchRefusal, Event, EventKind, Rejection};

/// How many batches a delivery may hold.
const BATCHES_MAX: usize = 1_000;
/// How many events a batch may hold.
const EVENTS_MAX: usize = 10_000;

fn date(fields: &mut Fields, field: &str, text: &str) -> Option<BusinessDate> {
    fields.read(field, BusinessDate::parse(text))
}

fn source(fields: &mut Fields, text: &str, sources: &[String]) {
    if !sources.iter().any(|source| source == text) {
        fields.wrong("source", format!("must be one of: {}", sources.join(", ")));
    }
}

fn day_command<M: prost::Message>(
    mut fields: Fields,
    caller: &Arc<str>,
    request_id: &str,
    message: &M,
    action: impl FnOnce(&mut Fields) -> Option<DayAction>,
) -> Result<DayCommand, Violations> {
    let request_id = fields.request_id(request_id);
    let action = action(&mut fields);
    let command = request_id.zip(action).map(|(request_id, action)| DayCommand {
        request_id,
        fingerprint: platform::fingerprint::of(std::any::type_name::<M>(), message),
        caller: Arc::clone(caller),
        action,
    });
    fields.done(command)
}

/// A batch as it was delivered: to be booked, or refused as it stands.
pub enum Delivered {
    /// It can be read.
    Batch(PostBatch),
    /// It cannot.
    Malformed(i64, BatchRefusal),
}

/// The batches of a delivery, in its order.
pub fn post_events(
    mut fields: Fields,
    m: pb::PostEventsRequest,
    sources: &[String],
) -> Result<Vec<Delivered>, Violations> {
    fields.request_id(&m.request_id);
    source(&mut fields, &m.source, sources);
    if !(1..=BATCHES_MAX).contains(&m.batches.len()) {
        fields.wrong("batches", format!("must be 1 to {BATCHES_MAX} batches"));
    }
    fields.done(Some(()))?;
    let source: Arc<str> = m.source.into();
    Ok(m.batches.into_iter().map(|batch| delivered(&source, batch)).collect())
}

fn delivered(source: &Arc<str>, mut m: pb::EventBatch) -> Delivered {
    let number = m.batch_number;
    let trace = SpanLink::parse(&std::mem::take(&mut m.traceparent));
    match batch(m) {
        Ok(batch) => Delivered::Batch(PostBatch { source: Arc::clone(source), batch, trace }),
        Err(refusal) => Delivered::Malformed(number, refusal),
    }
}

/// The trace context has been taken out: the same batch may be delivered with and without one.
fn batch(m: pb::EventBatch) -> Result<Batch, BatchRefusal> {
    let malformed = |what: &str| BatchRefusal::of_batch(Rejection::EventMalformed, what);
    if m.batch_number < 1 {
        return Err(malformed("the batch number is not positive"));
    }
    if !(1..=EVENTS_MAX).contains(&m.events.len()) {
        return Err(malformed("a batch has 1 to 10,000 events"));
    }
    let business_date = BusinessDate::parse(&m.business_date)
        .map_err(|error| malformed(&format!("business_date: {error}")))?;
    // chrono knows times before Christ that Postgres does not, and storing one fails.
    let booked_at = DateTime::from_timestamp_micros(m.booked_at_us)
        .filter(|at| *at >= DateTime::UNIX_EPOCH)
        .ok_or_else(|| malformed("booked_at_us is no time"))?;
    let fingerprint = platform::fingerprint::of("bank.accounting.v1.EventBatch", &m);
    let number = m.batch_number;
    let events = m.events.into_iter().map(|m| event(m, business_date)).collect::<Result<_, _>>()?;
    Ok(Batch { number, business_date, booked_at, fingerprint, events })
}

fn event(m: pb::BusinessEvent, business_date: BusinessDate) -> Result<Event, BatchRefusal> {
    let posting = Uuid::from_slice(&m.posting_id).map(PostingId::from_uuid).map_err(|_| {
        BatchRefusal::of_batch(Rejection::EventMalformed, "a posting id is not 16 bytes")
    })?;
    let malformed = |what: String| BatchRefusal::of_event(Rejection::EventMalformed, posting, what);
    let kind =
        event_kind(m.kind()).ok_or_else(|| malformed(format!("kind {} is unknown", m.kind)))?;
    if m.product_code.is_empty() {
        return Err(malformed("product_code is required".to_owned()));
    }
    let currency = Currency::parse(&m.currency_code)
        .map_err(|error| malformed(format!("currency_code: {error}")))?;
    let amounts = amounts(&m.amounts, currency).map_err(malformed)?;
    let value_date = match m.value_date.as_str() {
        "" => business_date,
        text => {
            BusinessDate::parse(text).map_err(|error| malformed(format!("value_date: {error}")))?
        }
    };
    Ok(Event {
        posting,
        kind,
        product: m.product_code,
        counter_product: Some(m.counter_product_code).filter(|code| !code.is_empty()),
        currency,
        amounts,
        reversal: m.reversal,
        value_date,
    })
}

fn event_kind(kind: pb::EventKind) -> Option<EventKind> {
    Some(match kind {
        pb::EventKind::CashDeposited => EventKind::CashDeposited,
        pb::EventKind::CashWithdrawn => EventKind::CashWithdrawn,
        pb::EventKind::Transferred => EventKind::Transferred,
        pb::EventKind::HoldCaptured => EventKind::HoldCaptured,
        pb::EventKind::LoanDisbursed => EventKind::LoanDisbursed,
        pb::EventKind::LoanInterestAccrued => EventKind::LoanInterestAccrued,
        pb::EventKind::LoanInterestReceived => EventKind::LoanInterestReceived,
        pb::EventKind::LoanInterestRemoved => EventKind::LoanInterestRemoved,
        pb::EventKind::LoanMemo => EventKind::LoanMemo,
        pb::EventKind::LoanProvisioned => EventKind::LoanProvisioned,
        pb::EventKind::LoanRecovered => EventKind::LoanRecovered,
        pb::EventKind::LoanRepaid => EventKind::LoanRepaid,
        pb::EventKind::LoanSettledFromAccount => EventKind::LoanSettledFromAccount,
        pb::EventKind::LoanSettledToAccount => EventKind::LoanSettledToAccount,
        pb::EventKind::LoanWrittenOff => EventKind::LoanWrittenOff,
        pb::EventKind::CardDebited => EventKind::CardDebited,
        pb::EventKind::CardCredited => EventKind::CardCredited,
        pb::EventKind::CardReceivable => EventKind::CardReceivable,
        pb::EventKind::CardSettled => EventKind::CardSettled,
        pb::EventKind::CardDifference => EventKind::CardDifference,
        pb::EventKind::Unspecified => return None,
    })
}

fn amount_kind(kind: pb::AmountKind) -> Option<AmountKind> {
    Some(match kind {
        pb::AmountKind::Principal => AmountKind::Principal,
        pb::AmountKind::Interest => AmountKind::Interest,
        pb::AmountKind::Penalty => AmountKind::Penalty,
        pb::AmountKind::Compound => AmountKind::Compound,
        pb::AmountKind::Fee => AmountKind::Fee,
        pb::AmountKind::Provision => AmountKind::Provision,
        pb::AmountKind::Unspecified => return None,
    })
}

fn amounts(
    amounts: &[pb::EventAmount],
    currency: Currency,
) -> Result<Vec<(AmountKind, PositiveMoney)>, String> {
    let mut read: Vec<(AmountKind, PositiveMoney)> = Vec::with_capacity(amounts.len());
    for m in amounts {
        let kind =
            amount_kind(m.kind()).ok_or_else(|| format!("amount kind {} is unknown", m.kind))?;
        let amount = PositiveMoney::try_new(Money::new(m.amount_minor, currency))
            .map_err(|error| error.to_string())?;
        if read.iter().any(|(known, _)| *known == kind) {
            return Err(format!("{} is there twice", kind.code()));
        }
        read.push((kind, amount));
    }
    if read.is_empty() { Err("an event has at least one amount".to_owned()) } else { Ok(read) }
}

pub fn cut_over(
    fields: Fields,
    caller: &Arc<str>,
    m: &pb::CutOverRequest,
) -> Result<DayCommand, Violations> {
    day_command(fields, caller, &m.request_id, m, |fields| {
        let from = date(fields, "from_date", &m.from_date)?;
        Some(DayAction::CutOver(CutOver { from }))
    })
}

pub fn confirm_cut_over(
    fields: Fields,
    caller: &Arc<str>,
    m: &pb::ConfirmCutOverRequest,
    sources: &[String],
) -> Result<DayCommand, Violations> {
    day_command(fields, caller, &m.request_id, m, |fields| {
        source(fields, &m.source, sources);
        let date = date(fields, "business_date", &m.business_date)?;
        Some(DayAction::Confirm(ConfirmCutOver { source: m.source.clone(), date }))
    })
}

/// A date that may be left out.
pub fn optional_date(mut fields: Fields, text: &str) -> Result<Option<BusinessDate>, Violations> {
    if text.is_empty() {
        return Ok(None);
    }
    let date = date(&mut fields, "business_date", text);
    fields.done(date).map(Some)
}

pub fn journal(mut fields: Fields, m: &pb::GetJournalRequest) -> Result<PostingId, Violations> {
    let posting = fields.read("posting_id", PostingId::parse(&m.posting_id));
    fields.done(posting)
}
