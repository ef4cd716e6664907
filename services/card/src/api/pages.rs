//! What queries ask: which one, which page, how fresh.

use kernel::{BusinessDate, CardId, CustomerId, RequestId};
use platform::db::{Freshness, ReadToken};
use platform::fields::{Fields, Violations};
use proto::card::v1 as pb;
use proto::common::v1 as common;
use uuid::Uuid;

/// A page of something that is keyed by ids.
pub struct Page {
    /// At most this many.
    pub size: i64,
    /// The last id of the page before; `None` on the first page.
    pub after: Option<Uuid>,
    /// How fresh.
    pub freshness: Freshness,
}

/// Which date a report is about.
pub fn business_date(mut fields: Fields, text: &str) -> Result<BusinessDate, Violations> {
    let date = fields.read("business_date", BusinessDate::parse(text));
    fields.done(date)
}

pub fn card(mut fields: Fields, m: &pb::GetCardRequest) -> Result<(CardId, Freshness), Violations> {
    let id = fields.read("card_id", CardId::parse(&m.card_id));
    let freshness = freshness(&mut fields, m.consistency.as_ref());
    fields.done(id.zip(freshness))
}

pub fn cards(
    mut fields: Fields,
    m: &pb::ListCardsRequest,
) -> Result<(CustomerId, Page), Violations> {
    let id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
    let page = page(&mut fields, (m.page_size, &m.page_token), m.consistency.as_ref());
    fields.done(id.zip(page))
}

pub fn authorization(
    mut fields: Fields,
    m: &pb::GetAuthorizationRequest,
) -> Result<(RequestId, Freshness), Violations> {
    let id = fields.read("authorization_id", RequestId::parse(&m.authorization_id));
    let freshness = freshness(&mut fields, m.consistency.as_ref());
    fields.done(id.zip(freshness))
}

pub fn authorizations(
    mut fields: Fields,
    m: &pb::ListAuthorizationsRequest,
) -> Result<(CardId, Page), Violations> {
    let id = fields.read("card_id", CardId::parse(&m.card_id));
    let page = page(&mut fields, (m.page_size, &m.page_token), m.consistency.as_ref());
    fields.done(id.zip(page))
}

/// A page, of whatever has ids.
pub fn page(
    fields: &mut Fields,
    (size, token): (i32, &str),
    consistency: Option<&common::ReadConsistency>,
) -> Option<Page> {
    let size = match size {
        0 => Some(50),
        size if (1..=500).contains(&size) => Some(i64::from(size)),
        _ => fields.reject("page_size", "must be 1 to 500"),
    };
    let after = if token.is_empty() {
        Some(None)
    } else {
        let after = Uuid::try_parse(token).map_err(|_| "not a page token");
        fields.read("page_token", after).map(Some)
    };
    let freshness = freshness(fields, consistency);
    Some(Page { size: size?, after: after?, freshness: freshness? })
}

/// A token of another service says nothing about this service's database: then only the primary is surely fresh.
pub fn freshness(
    fields: &mut Fields,
    consistency: Option<&common::ReadConsistency>,
) -> Option<Freshness> {
    use common::read_consistency::Freshness as Asked;
    match consistency.and_then(|consistency| consistency.freshness.as_ref()) {
        None | Some(Asked::Primary(false)) => Some(Freshness::Any),
        Some(Asked::Primary(true)) => Some(Freshness::Primary),
        Some(Asked::AtLeast(token)) => {
            let token = fields.read("consistency.at_least", ReadToken::parse(token))?;
            let ours = token.service == crate::SERVICE;
            Some(if ours { Freshness::AtLeast(token) } else { Freshness::Primary })
        }
    }
}

/// The key to go on after; empty where the page was not full.
pub fn next_page(rows: usize, size: i64, last: Option<String>) -> String {
    let full = i64::try_from(rows).is_ok_and(|rows| rows == size);
    last.filter(|_| full).unwrap_or_default()
}
