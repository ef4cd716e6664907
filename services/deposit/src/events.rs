//! What accounting is told: the domain's events as the contract writes them. One outbox row is one batch.

use chrono::{DateTime, Utc};
use kernel::BusinessDate;
use prost::Message;
use proto::accounting::v1 as pb;

use crate::domain::{Event, EventKind};

/// The payload of the outbox row of one batch; `None` where no money moved.
pub fn encode(
    business_date: BusinessDate,
    now: DateTime<Utc>,
    events: &[Event],
) -> Option<Vec<u8>> {
    if events.is_empty() {
        return None;
    }
    let batch = pb::EventBatch {
        // Given by the database; the relay fills it in when it delivers.
        batch_number: 0,
        business_date: business_date.to_string(),
        booked_at_us: now.timestamp_micros(),
        traceparent: platform::telemetry::current_traceparent(),
        events: events.iter().map(event).collect(),
    };
    Some(batch.encode_to_vec())
}

fn event(event: &Event) -> pb::BusinessEvent {
    let kind = match event.kind {
        EventKind::CashDeposited => pb::EventKind::CashDeposited,
        EventKind::CashWithdrawn => pb::EventKind::CashWithdrawn,
        EventKind::Transferred => pb::EventKind::Transferred,
        EventKind::HoldCaptured => pb::EventKind::HoldCaptured,
        EventKind::LoanSettledToAccount => pb::EventKind::LoanSettledToAccount,
        EventKind::LoanSettledFromAccount => pb::EventKind::LoanSettledFromAccount,
        EventKind::CardDebited => pb::EventKind::CardDebited,
        EventKind::CardCredited => pb::EventKind::CardCredited,
    };
    pb::BusinessEvent {
        posting_id: event.posting.as_uuid().as_bytes().to_vec().into(),
        kind: kind.into(),
        product_code: event.product.code.to_owned(),
        counter_product_code: event.counter_product.map(|p| p.code.to_owned()).unwrap_or_default(),
        currency_code: event.currency.code().to_owned(),
        amounts: vec![pb::EventAmount {
            kind: pb::AmountKind::Principal.into(),
            amount_minor: event.amount_minor,
        }],
        reversal: event.reversal,
        value_date: String::new(),
    }
}
