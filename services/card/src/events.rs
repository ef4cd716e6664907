//! What accounting is told of cards: bookings as the contract writes them. One outbox row is one batch. What moves on
//! accounts deposit tells.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, Clock, PostingId, RequestId};
use prost::Message;
use proto::accounting::v1 as pb;

use crate::domain::{Booking, BookingKind};

/// A booking under its posting's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The posting's id in accounting.
    pub id: PostingId,
    /// What is booked.
    pub booking: Booking,
}

/// Gives each booking an id.
pub fn of(bookings: &[Booking], clock: &dyn Clock) -> Vec<Told> {
    let told = bookings.iter().map(|booking| Told {
        id: PostingId::from_uuid(RequestId::generate(clock).as_uuid()),
        booking: booking.clone(),
    });
    told.collect()
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
        events: told.iter().map(event).collect(),
    };
    Some(batch.encode_to_vec())
}

fn event(told: &Told) -> pb::BusinessEvent {
    let Booking { product, kind, principal_minor, fee_minor, currency, reversal, .. } =
        &told.booking;
    let kind = match kind {
        BookingKind::Receivable => pb::EventKind::CardReceivable,
        BookingKind::Settled => pb::EventKind::CardSettled,
        BookingKind::Difference => pb::EventKind::CardDifference,
    };
    let parts = [(pb::AmountKind::Principal, *principal_minor), (pb::AmountKind::Fee, *fee_minor)];
    let there = parts.into_iter().filter(|(_, amount_minor)| *amount_minor != 0);
    let amount =
        |(kind, amount_minor)| pb::EventAmount { kind: pb::AmountKind::into(kind), amount_minor };
    pb::BusinessEvent {
        posting_id: told.id.as_uuid().as_bytes().to_vec().into(),
        kind: kind.into(),
        product_code: product.clone(),
        counter_product_code: String::new(),
        currency_code: currency.code().to_owned(),
        amounts: there.map(amount).collect(),
        reversal: *reversal,
        value_date: String::new(),
    }
}
