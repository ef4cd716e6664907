//! Requests as commands and queries. Everything that is wrong with a request is found and named at once, and no
//! message repeats what it was given: it may be a person's name.

use chrono::{DateTime, Utc};
use kernel::CustomerId;
use platform::approvals::Verdict;
use platform::db::{Freshness, ReadToken};
use platform::fields::{Fields, Violations};
use proto::common::v1 as common;
use proto::customer::v1 as pb;
use uuid::Uuid;

use crate::commands::{Move, NewCustomer, WantedChange, WantedDecision};
use crate::domain::{
    CustomerKind, DocumentKind, DocumentNumber, FullName, Invalid, NewDetails, PersonalData,
    PhoneNumber, Reason,
};

/// How many items a batch may hold.
const BATCH_MAX: usize = 1000;

fn text<T>(fields: &mut Fields, field: &str, read: Result<T, Invalid>) -> Option<T> {
    read.map_or_else(|Invalid(description)| fields.reject(field, description), Some)
}

fn customer_id(fields: &mut Fields, field: &str, text: &str) -> Option<CustomerId> {
    fields.read(field, CustomerId::parse(text))
}

fn document_kind(fields: &mut Fields, kind: pb::DocumentKind) -> Option<DocumentKind> {
    match kind {
        pb::DocumentKind::Unspecified => fields.reject("document_kind", "must be one of the kinds"),
        pb::DocumentKind::IdentityCard => Some(DocumentKind::IdentityCard),
        pb::DocumentKind::Passport => Some(DocumentKind::Passport),
        pb::DocumentKind::BusinessLicence => Some(DocumentKind::BusinessLicence),
    }
}

/// `verified`: the bank verified the customer before.
pub fn register(
    mut fields: Fields,
    m: &pb::RegisterCustomerRequest,
    verified: bool,
) -> Result<NewCustomer, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let kind = match m.kind() {
        pb::CustomerKind::Unspecified => fields.reject("kind", "must be one of the kinds"),
        pb::CustomerKind::Person => Some(CustomerKind::Person),
        pb::CustomerKind::Company => Some(CustomerKind::Company),
    };
    let name = text(&mut fields, "name", FullName::parse(&m.name));
    let document_kind = document_kind(&mut fields, m.document_kind());
    let number = text(&mut fields, "document_number", DocumentNumber::parse(&m.document_number));
    let phone = if m.phone.is_empty() {
        None
    } else {
        text(&mut fields, "phone", PhoneNumber::parse(&m.phone))
    };
    let person = name.zip(number).map(|(name, document_number)| PersonalData {
        name,
        document_number,
        phone,
    });
    let new = request_id.zip(kind).zip(document_kind).zip(person);
    fields.done(new.map(|(((request_id, kind), document_kind), person)| NewCustomer {
        request_id,
        kind,
        document_kind,
        person,
        verified,
    }))
}

/// A malformed item refuses the whole call, because nothing could be stored under its request id.
pub fn register_batch(
    now: DateTime<Utc>,
    m: &pb::BatchRegisterCustomersRequest,
) -> Result<Vec<NewCustomer>, Violations> {
    let mut fields = Fields::new(now);
    if m.items.is_empty() || m.items.len() > BATCH_MAX {
        fields.wrong("items", "must hold 1 to 1000 registrations");
        return fields.done(None);
    }
    let mut batch = Vec::with_capacity(m.items.len());
    for (index, item) in m.items.iter().enumerate() {
        match register(Fields::new(now), item, m.activate) {
            Ok(new) => batch.push(new),
            Err(wrong) => fields.wrong_within(&format!("items[{index}]"), wrong),
        }
    }
    fields.done(Some(batch))
}

/// A step for which a reason may be left out.
pub fn activate(fields: Fields, m: &pb::ActivateCustomerRequest) -> Result<Move, Violations> {
    step(fields, &m.request_id, &m.customer_id, Reason::parse(&m.reason))
}

/// A step that needs a reason.
pub fn freeze(fields: Fields, m: &pb::FreezeCustomerRequest) -> Result<Move, Violations> {
    step(fields, &m.request_id, &m.customer_id, Reason::parse_required(&m.reason))
}

/// A step that needs a reason.
pub fn reject(fields: Fields, m: &pb::RejectCustomerRequest) -> Result<Move, Violations> {
    step(fields, &m.request_id, &m.customer_id, Reason::parse_required(&m.reason))
}

/// A step that needs a reason.
pub fn close(fields: Fields, m: &pb::CloseCustomerRequest) -> Result<Move, Violations> {
    step(fields, &m.request_id, &m.customer_id, Reason::parse_required(&m.reason))
}

fn step(
    mut fields: Fields,
    request_id: &str,
    customer_id: &str,
    reason: Result<Reason, Invalid>,
) -> Result<Move, Violations> {
    let request_id = fields.request_id(request_id);
    let customer_id = fields.read("customer_id", CustomerId::parse(customer_id));
    let reason = text(&mut fields, "reason", reason);
    let wanted = request_id.zip(customer_id).zip(reason);
    fields.done(wanted.map(|((request_id, customer_id), reason)| Move {
        request_id,
        customer_id,
        reason,
    }))
}

/// A change to propose: at least one thing is different.
pub fn propose_change(
    mut fields: Fields,
    m: &pb::ProposeCustomerChangeRequest,
) -> Result<WantedChange, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let customer_id = customer_id(&mut fields, "customer_id", &m.customer_id);
    let name = (!m.name.is_empty()).then(|| text(&mut fields, "name", FullName::parse(&m.name)));
    let phone =
        (!m.phone.is_empty()).then(|| text(&mut fields, "phone", PhoneNumber::parse(&m.phone)));
    let document = (!m.document_number.is_empty() || m.document_kind != 0).then(|| {
        let kind = document_kind(&mut fields, m.document_kind());
        let number = DocumentNumber::parse(&m.document_number);
        kind.zip(text(&mut fields, "document_number", number))
    });
    if name.is_none() && phone.is_none() && document.is_none() {
        fields.wrong("name", "must be given, or document_number, or phone");
    }
    let reason = text(&mut fields, "reason", Reason::parse_required(&m.reason));
    let new =
        NewDetails { name: name.flatten(), document: document.flatten(), phone: phone.flatten() };
    let wanted = request_id.zip(customer_id).zip(reason);
    fields.done(wanted.map(|((request_id, customer_id), reason)| WantedChange {
        request_id,
        customer_id,
        new,
        reason,
    }))
}

/// A decision on a change.
pub fn decide_change(
    mut fields: Fields,
    m: &pb::DecideCustomerChangeRequest,
) -> Result<WantedDecision, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let change_id = Uuid::parse_str(&m.change_id).ok();
    let change_id = change_id.or_else(|| fields.reject("change_id", "must be a UUID"));
    let hash = sha256(&m.payload_sha256)
        .or_else(|| fields.reject("payload_sha256", "must be 64 hexadecimal digits"));
    let verdict = if m.approve { Verdict::Approve } else { Verdict::Reject };
    let wanted = request_id.zip(change_id).zip(hash);
    fields.done(wanted.map(|((request_id, change_id), payload_hash)| WantedDecision {
        request_id,
        change_id,
        payload_hash,
        verdict,
    }))
}

fn sha256(text: &str) -> Option<Vec<u8>> {
    let plain = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    plain.then(|| (0..64).step_by(2).map(byte).collect())?
}

/// After which change to go on, and how many to show.
pub fn list_changes(
    mut fields: Fields,
    m: &pb::ListCustomerChangesRequest,
) -> Result<((DateTime<Utc>, Uuid), i64), Violations> {
    let size = match m.page_size {
        0 => Some(50),
        size @ 1..=100 => Some(i64::from(size)),
        _ => fields.reject("page_size", "must be 0 to 100"),
    };
    let after = if m.page_token.is_empty() {
        Some((DateTime::UNIX_EPOCH, Uuid::nil()))
    } else {
        page_token(&m.page_token)
            .or_else(|| fields.reject("page_token", "must come from an answer"))
    };
    fields.done(after.zip(size))
}

/// Microseconds, a dot, the id of the last change shown.
fn page_token(token: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = token.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    // chrono knows times that Postgres does not, and a query with one fails.
    let at = Some(at).filter(|at| *at >= DateTime::UNIX_EPOCH)?;
    Some((at, Uuid::parse_str(id).ok()?))
}

/// Which customer to read, and how fresh.
pub fn get(
    mut fields: Fields,
    m: &pb::GetCustomerRequest,
) -> Result<(CustomerId, Freshness), Violations> {
    let id = customer_id(&mut fields, "customer_id", &m.customer_id);
    let freshness = freshness(&mut fields, m.consistency.as_ref());
    fields.done(id.zip(freshness))
}

/// Which document to look for, and how fresh.
pub fn find_by_document(
    mut fields: Fields,
    m: &pb::FindCustomerByDocumentRequest,
) -> Result<(DocumentKind, DocumentNumber, Freshness), Violations> {
    let kind = document_kind(&mut fields, m.document_kind());
    let number = text(&mut fields, "document_number", DocumentNumber::parse(&m.document_number));
    let freshness = freshness(&mut fields, m.consistency.as_ref());
    fields
        .done(kind.zip(number).zip(freshness).map(|((kind, number), fresh)| (kind, number, fresh)))
}

/// Whose standing to look up.
pub fn statuses(
    mut fields: Fields,
    m: &pb::BatchGetCustomerStatusRequest,
) -> Result<Vec<CustomerId>, Violations> {
    if m.customer_ids.is_empty() || m.customer_ids.len() > BATCH_MAX {
        fields.wrong("customer_ids", "must hold 1 to 1000 customer ids");
        return fields.done(None);
    }
    let ids = m.customer_ids.iter().enumerate();
    let ids: Vec<_> = ids
        .filter_map(|(index, id)| customer_id(&mut fields, &format!("customer_ids[{index}]"), id))
        .collect();
    fields.done(Some(ids))
}

/// A token of another service says nothing about this service's database: then only the primary is surely fresh.
fn freshness(
    fields: &mut Fields,
    consistency: Option<&common::ReadConsistency>,
) -> Option<Freshness> {
    use common::read_consistency::Freshness as Asked;
    match consistency.and_then(|consistency| consistency.freshness.as_ref()) {
        None | Some(Asked::Primary(false)) => Some(Freshness::Any),
        Some(Asked::Primary(true)) => Some(Freshness::Primary),
        Some(Asked::AtLeast(token)) => match ReadToken::parse(token) {
            Ok(token) if token.service == crate::SERVICE => Some(Freshness::AtLeast(token)),
            Ok(_) => Some(Freshness::Primary),
            Err(error) => fields.reject("consistency.at_least", error.to_string()),
        },
    }
}
