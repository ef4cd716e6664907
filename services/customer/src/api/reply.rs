//! Customers as answers, masked unless the caller may see the person.

use chrono::{DateTime, Utc};
use kernel::{CustomerId, RequestId};
use platform::db::AsOf;
use proto::common::v1 as common;
use proto::customer::v1 as pb;

use crate::commands::Change;
use crate::domain::{
    Customer, CustomerKind, CustomerStatus, DocumentKind, PersonalData, PhoneNumber, Rejection,
};

/// How much of a person an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The first letter of the name.
    Masked,
    /// The whole name.
    Clear,
}

/// A customer. The document number is masked whoever asks: who needs all of it looks at the document.
pub fn customer(customer: &Customer, person: &PersonalData, sight: Sight) -> pb::Customer {
    let name = match sight {
        Sight::Masked => person.name.masked(),
        Sight::Clear => person.name.clear().to_owned(),
    };
    pb::Customer {
        customer_id: customer.id.to_string(),
        kind: kind(customer.kind).into(),
        status: status(customer.standing.status).into(),
        name,
        document_kind: document_kind(customer.document_kind).into(),
        document_number_masked: person.document_number.masked(),
        status_reason: customer.standing.reason.as_str().to_owned(),
        registered_at: Some(timestamp(customer.registered_at)),
        version: customer.standing.version,
    }
}

/// A change, masked like a customer.
pub fn change(change: &Change, sight: Sight) -> pb::CustomerChange {
    let Change { stored, new } = change;
    let name = new.name.as_ref().map(|name| match sight {
        Sight::Masked => name.masked(),
        Sight::Clear => name.clear().to_owned(),
    });
    let document = new.document.as_ref();
    let state = match stored.state.as_str() {
        "PENDING" => pb::CustomerChangeState::Pending,
        "APPROVED" => pb::CustomerChangeState::Approved,
        "REJECTED" => pb::CustomerChangeState::Rejected,
        _ => pb::CustomerChangeState::Unspecified,
    };
    let hexadecimal = |text: String, byte: &u8| text + &format!("{byte:02x}");
    pb::CustomerChange {
        change_id: stored.id.to_string(),
        customer_id: stored.customer_id.to_string(),
        state: state.into(),
        name: name.unwrap_or_default(),
        document_kind: document
            .map_or(pb::DocumentKind::Unspecified, |(kind, _)| document_kind(*kind))
            .into(),
        document_number_masked: document.map(|(_, number)| number.masked()).unwrap_or_default(),
        phone_masked: new.phone.as_ref().map(PhoneNumber::masked).unwrap_or_default(),
        reason: stored.reason.clone(),
        maker: stored.maker.clone(),
        checker: stored.checker.clone().unwrap_or_default(),
        proposed_at: Some(timestamp(stored.proposed_at)),
        expires_at: Some(timestamp(stored.expires_at)),
        payload_sha256: stored.payload_hash.iter().fold(String::new(), hexadecimal),
    }
}

/// Changes, and where to go on if the page is full.
pub fn changes(found: &[Change], sight: Sight, limit: i64) -> pb::ListCustomerChangesResponse {
    let full = i64::try_from(found.len()) == Ok(limit);
    let last = found
        .last()
        .filter(|_| full)
        .map(|last| format!("{}.{}", last.stored.proposed_at.timestamp_micros(), last.stored.id));
    pb::ListCustomerChangesResponse {
        changes: found.iter().map(|one| change(one, sight)).collect(),
        next_page_token: last.unwrap_or_default(),
    }
}

/// One result per item, in the order of the items.
pub fn batch(
    ids: &[RequestId],
    outcomes: &[Result<CustomerId, Rejection>],
) -> pb::BatchRegisterCustomersResponse {
    let results = ids.iter().zip(outcomes).map(|(id, outcome)| pb::BatchRegisterCustomersResult {
        request_id: id.to_string(),
        customer_id: outcome.map(|id| id.to_string()).unwrap_or_default(),
        refusal_reason: outcome.map_or_else(|rejection| rejection.code().into(), |_| String::new()),
    });
    pb::BatchRegisterCustomersResponse { results: results.collect() }
}

/// Where a read was served, and as of when.
pub fn as_of(as_of: &AsOf, now: DateTime<Utc>) -> common::AsOf {
    common::AsOf {
        read_token: as_of.token.to_string(),
        from_replica: as_of.from_replica,
        read_at: Some(timestamp(now)),
    }
}

/// The status as the contract names it.
pub fn status(status: CustomerStatus) -> pb::CustomerStatus {
    match status {
        CustomerStatus::Pending => pb::CustomerStatus::Pending,
        CustomerStatus::Active => pb::CustomerStatus::Active,
        CustomerStatus::Frozen => pb::CustomerStatus::Frozen,
        CustomerStatus::Closed => pb::CustomerStatus::Closed,
        CustomerStatus::Rejected => pb::CustomerStatus::Rejected,
    }
}

fn kind(kind: CustomerKind) -> pb::CustomerKind {
    match kind {
        CustomerKind::Person => pb::CustomerKind::Person,
        CustomerKind::Company => pb::CustomerKind::Company,
    }
}

fn document_kind(kind: DocumentKind) -> pb::DocumentKind {
    match kind {
        DocumentKind::IdentityCard => pb::DocumentKind::IdentityCard,
        DocumentKind::Passport => pb::DocumentKind::Passport,
        DocumentKind::BusinessLicence => pb::DocumentKind::BusinessLicence,
    }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}
