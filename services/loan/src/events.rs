//! What accounting is told: the domain's events as the contract writes them. One outbox row is one batch.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Clock, Currency, LoanId, PostingId, RequestId};
use prost::Message;
use proto::accounting::v1 as pb;

use crate::domain::{Amounts, Changes, Event, EventKind, OutOfRange};

/// An event with everything that makes it a posting: of one loan, or summed over many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The posting's id in accounting.
    pub id: PostingId,
    /// The loan; `None` for a sum over many.
    pub loan_id: Option<LoanId>,
    /// The product of the loan, or of all of them.
    pub product: String,
    /// The currency.
    pub currency: Currency,
    /// The date that it counts for.
    pub value_date: NaiveDate,
    /// What happened.
    pub event: Event,
}

impl Told {
    /// A posting under a new id.
    fn new(
        (loan_id, product, currency): (Option<LoanId>, &str, Currency),
        value_date: NaiveDate,
        event: Event,
        clock: &dyn Clock,
    ) -> Self {
        let id = PostingId::from_uuid(RequestId::generate(clock).as_uuid());
        Self { id, loan_id, product: product.to_owned(), currency, value_date, event }
    }
}

/// What a batch of commands tells, loan by loan.
pub fn of_commands(changes: &Changes, business_date: BusinessDate, clock: &dyn Clock) -> Vec<Told> {
    // What has no entry is interest and arrears of the days before.
    let yesterday = business_date.previous().unwrap_or(business_date).as_date();
    let mut told = Vec::new();
    for one in &changes.effects {
        let about = (Some(one.loan_id), one.product.code.as_str(), one.currency);
        let value_date = one.effects.entries.last().map_or(yesterday, |entry| entry.value_date);
        let events = one.effects.events.iter();
        told.extend(events.map(|event| Told::new(about, value_date, *event, clock)));
    }
    told
}

/// What the calculation of many loans tells: one sum for each product, currency and kind.
#[derive(Debug, Default)]
pub struct Sums(BTreeMap<(String, Currency, EventKind, bool), Amounts>);

impl Sums {
    /// Adds an event of one loan.
    ///
    /// # Errors
    /// The sum is more than can be kept.
    pub fn add(
        &mut self,
        product: &str,
        currency: Currency,
        event: Event,
    ) -> Result<(), OutOfRange> {
        if event.amounts.is_none() {
            return Ok(());
        }
        let key = (product.to_owned(), currency, event.kind, event.reversal);
        let sum = self.0.entry(key).or_default();
        *sum = sum.plus(event.amounts)?;
        Ok(())
    }

    /// What accounting is told of it.
    pub fn told(self, value_date: NaiveDate, clock: &dyn Clock) -> Vec<Told> {
        let sums = self.0.into_iter().map(|((product, currency, kind, reversal), amounts)| {
            let about = (None, product.as_str(), currency);
            Told::new(about, value_date, Event { kind, reversal, amounts }, clock)
        });
        sums.collect()
    }
}

/// The payload of the outbox row of one batch; `None` where there is nothing to tell.
pub fn encode(business_date: BusinessDate, now: DateTime<Utc>, told: &[Told]) -> Option<Vec<u8>> {
    if told.is_empty() {
        return None;
    }
    let batch = pb::EventBatch {
        // Given by the database; the relay fills it in when it delivers.
        batch_number: 0,
        business_date: business_date.to_string(),
        booked_at_us: now.timestamp_micros(),
        traceparent: platform::telemetry::current_traceparent(),
        events: told.iter().map(|told| event(told, business_date)).collect(),
    };
    Some(batch.encode_to_vec())
}

fn event(told: &Told, business_date: BusinessDate) -> pb::BusinessEvent {
    let same_day = told.value_date == business_date.as_date();
    let value_date = BusinessDate::from_date(told.value_date);
    pb::BusinessEvent {
        posting_id: told.id.as_uuid().as_bytes().to_vec().into(),
        kind: kind(told.event.kind).into(),
        product_code: told.product.clone(),
        counter_product_code: String::new(),
        currency_code: told.currency.code().to_owned(),
        amounts: amounts(told.event.amounts),
        reversal: told.event.reversal,
        value_date: if same_day { String::new() } else { value_date.to_string() },
    }
}

fn amounts(amounts: Amounts) -> Vec<pb::EventAmount> {
    let parts = [
        (pb::AmountKind::Principal, amounts.principal_minor),
        (pb::AmountKind::Interest, amounts.interest_minor),
        (pb::AmountKind::Penalty, amounts.penalty_minor),
        (pb::AmountKind::Compound, amounts.compound_minor),
        (pb::AmountKind::Fee, amounts.fee_minor),
        (pb::AmountKind::Provision, amounts.provision_minor),
    ];
    let there = parts.into_iter().filter(|(_, amount_minor)| *amount_minor != 0);
    there.map(|(kind, amount_minor)| pb::EventAmount { kind: kind.into(), amount_minor }).collect()
}

const fn kind(kind: EventKind) -> pb::EventKind {
    match kind {
        EventKind::Disbursed => pb::EventKind::LoanDisbursed,
        EventKind::Repaid => pb::EventKind::LoanRepaid,
        EventKind::InterestAccrued => pb::EventKind::LoanInterestAccrued,
        EventKind::InterestRemoved => pb::EventKind::LoanInterestRemoved,
        EventKind::InterestReceived => pb::EventKind::LoanInterestReceived,
        EventKind::Provisioned => pb::EventKind::LoanProvisioned,
        EventKind::WrittenOff => pb::EventKind::LoanWrittenOff,
        EventKind::Recovered => pb::EventKind::LoanRecovered,
        EventKind::Memo => pb::EventKind::LoanMemo,
    }
}
