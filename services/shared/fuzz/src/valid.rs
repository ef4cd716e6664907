//! A valid request of any type, made from its descriptor by the names of its fields.

use std::cell::Cell;

use anyhow::bail;
use chrono::TimeDelta;
use kernel::{AccountNumber, CellCode, ManualClock, RequestId};
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::now;

/// A request that its service accepts.
///
/// # Errors
/// A field has a name whose valid values are not known here.
pub(crate) fn message(descriptor: &MessageDescriptor) -> anyhow::Result<DynamicMessage> {
    Maker { made: Cell::new(0) }.message(descriptor)
}

/// Makes values that differ from each other where they must.
struct Maker {
    made: Cell<u16>,
}

impl Maker {
    fn message(&self, descriptor: &MessageDescriptor) -> anyhow::Result<DynamicMessage> {
        let mut message = DynamicMessage::new(descriptor.clone());
        if descriptor.full_name() == "google.protobuf.Timestamp" {
            let at = now() + TimeDelta::days(1);
            message.set_field_by_name("seconds", Value::I64(at.timestamp()));
            return Ok(message);
        }
        for field in descriptor.fields() {
            // Of alternatives the first.
            let first = field.containing_oneof().and_then(|one_of| one_of.fields().next());
            if first.is_some_and(|first| first != field) {
                continue;
            }
            let value = if field.is_map() {
                Value::Map([(MapKey::String("channel/mobile".into()), self.entry(&field)?)].into())
            } else if field.is_list() {
                Value::List(vec![self.value(&field)?])
            } else {
                self.value(&field)?
            };
            message.set_field(&field, value);
        }
        Ok(message)
    }

    fn entry(&self, field: &FieldDescriptor) -> anyhow::Result<Value> {
        let Kind::Message(entry) = field.kind() else { bail!("{} has no entries", field.name()) };
        self.value(&entry.map_entry_value_field())
    }

    fn value(&self, field: &FieldDescriptor) -> anyhow::Result<Value> {
        let value = match field.kind() {
            // A period ends after it began.
            Kind::Message(inner) if field.name() == "made_before" => {
                let mut before = self.message(&inner)?;
                before.set_field_by_name("seconds", Value::I64(now().timestamp() + 90_000));
                Value::Message(before)
            }
            Kind::Message(inner) => Value::Message(self.message(&inner)?),
            // Of part of a loan: all of it has no amount.
            Kind::Enum(_) if of(field, "QuotePrepaymentRequest") => Value::EnumNumber(2),
            // By chip; and lost.
            Kind::Enum(_) if field.name() == "channel" => Value::EnumNumber(3),
            Kind::Enum(_) if field.name() == "missing_as" => Value::EnumNumber(4),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Bool => Value::Bool(false),
            Kind::Int64 | Kind::Sint64 if field.name() == "booked_at_us" => {
                Value::I64(now().timestamp_micros())
            }
            Kind::Int64 | Kind::Sint64 => Value::I64(7),
            Kind::Int32 | Kind::Sint32 => Value::I32(7),
            Kind::Uint32 => Value::U32(7),
            Kind::Uint64 => Value::U64(7),
            Kind::String => Value::String(self.text(field)?),
            Kind::Bytes => Value::Bytes(match field.name() {
                name if name.ends_with("_id") => vec![7; 16].into(),
                name if name.ends_with("_hash") => vec![7; 32].into(),
                // Of the first format.
                "block" => vec![7; 8].into(),
                "content" => b"R\n".as_slice().into(),
                name => bail!("say in valid.rs what the bytes {name} are"),
            }),
            other => bail!("say in valid.rs what is valid for {other:?}, {}", field.full_name()),
        };
        Ok(value)
    }

    fn text(&self, field: &FieldDescriptor) -> anyhow::Result<String> {
        let message = field.parent_message();
        self.made.set(self.made.get().saturating_add(1));
        let number = self.made.get();
        let text = match field.name() {
            name if name.ends_with("_id") || name.ends_with("_ids") => {
                let at = now() + TimeDelta::milliseconds(i64::from(number));
                RequestId::generate(&ManualClock::at(at)).to_string()
            }
            name if name.ends_with("account_number") => {
                AccountNumber::from_parts(CellCode::try_new(100)?, u64::from(number))?.to_string()
            }
            name if name.ends_with("_date") => "2026-06-01".to_owned(),
            "valid_through" | "disbursed_on" => "2026-06-01".to_owned(),
            name if name.ends_with("product_code") => "CURRENT".to_owned(),
            "currency_code" => "CNY".to_owned(),
            "name" => "Ada Lovelace".to_owned(),
            "document_number" => format!("P-{number:08}"),
            "phone" => "+8613800138000".to_owned(),
            "reason" => "papers seen".to_owned(),
            "source" => "deposit".to_owned(),
            "payload_sha256" => "7".repeat(64),
            "page_token" if message.name() == "ListCustomerChangesRequest" => {
                "1780000000000000.019508f0-4a3b-7c5d-8e6f-0123456789ab".to_owned()
            }
            "card_number" => "6225880394751821".to_owned(),
            "expiry" => "3011".to_owned(),
            "cvv2" => "123".to_owned(),
            "merchant_category" => "5411".to_owned(),
            "acquirer" => "4711".to_owned(),
            "terminal" => "SHOP0001".to_owned(),
            "retrieval_reference" => "REFERENCE001".to_owned(),
            "trace_number" => "000001".to_owned(),
            "key_name" => "zone-1".to_owned(),
            "page_token" if PAGED_BY_ID.contains(&message.name()) => {
                "019508f0-4a3b-7c5d-8e6f-0123456789ab".to_owned()
            }
            "page_token" => "42".to_owned(),
            "at_least" => "deposit:1:0/3000060".to_owned(),
            "traceparent" => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            name => bail!("say in valid.rs what a valid {name} is"),
        };
        Ok(text)
    }
}

/// What is listed in order of ids goes on after one.
const PAGED_BY_ID: [&str; 6] = [
    "ListLoansRequest",
    "ListHoldsRequest",
    "ListCardsRequest",
    "ListAuthorizationsRequest",
    "ListClearingExceptionsRequest",
    "ListSettlementBreaksRequest",
];

/// Whether a field is one of this message.
fn of(field: &FieldDescriptor, message: &str) -> bool {
    field.parent_message().name() == message
}

/// The request as large as it may be, by its first text.
pub(crate) fn stretched_text(valid: &DynamicMessage, size: usize) -> Vec<u8> {
    let mut message = valid.clone();
    let text = message.fields_mut().find_map(|(_, value)| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    if let Some(text) = text {
        *text = "7".repeat(size.saturating_sub(4_096));
    }
    message.encode_to_vec()
}

/// The request as large as it may be, once by each of its lists: of valid items, and of empty ones.
pub(crate) fn stretched_lists(valid: &DynamicMessage, size: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (field, value) in valid.fields() {
        let Value::List(items) = value else { continue };
        let Some(item) = items.first() else { continue };
        let empty = match item {
            Value::Message(inner) => Value::Message(DynamicMessage::new(inner.descriptor())),
            Value::String(_) => Value::String(String::new()),
            other => other.clone(),
        };
        found.extend([item.clone(), empty].map(|item| repeated(valid, &field, item, size)));
        if let Value::Message(inner) = item {
            for bytes in stretched_lists(inner, size.saturating_sub(64)) {
                let mut outer = valid.clone();
                let inner = DynamicMessage::decode(inner.descriptor(), bytes.as_slice());
                let items = inner.map(|inner| vec![Value::Message(inner)]).unwrap_or_default();
                outer.set_field(&field, Value::List(items));
                found.push(outer.encode_to_vec());
            }
        }
    }
    found
}

fn repeated(valid: &DynamicMessage, field: &FieldDescriptor, item: Value, size: usize) -> Vec<u8> {
    let mut message = valid.clone();
    message.set_field(field, Value::List(Vec::new()));
    let without = message.encoded_len();
    message.set_field(field, Value::List(vec![item.clone()]));
    // A list of numbers is packed: its length takes up to five bytes more than that of one.
    let each = message.encoded_len().saturating_sub(without).max(1);
    let times = size.saturating_sub(without + 8).checked_div(each).unwrap_or(0);
    message.set_field(field, Value::List(vec![item; times]));
    message.encode_to_vec()
}
