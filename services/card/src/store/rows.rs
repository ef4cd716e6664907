//! Rows as domain values. A row that the domain cannot hold is a corrupt row, never a default.

use std::collections::HashMap;

use chrono::NaiveDate;
use kernel::{AccountNumber, BusinessDate, CardId, Currency, CustomerId, RequestId};
use platform::db::Error;
use scheme::clearing::{ClearingKind, Part};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::{
    Authorization, AuthorizationStatus, Bucket, Card, CardStatus, Channel, Counter, Decision, Item,
    ItemStatus, Limit, Limits, Match, MessageKey, Order, OrderKind, OrderStatus, Outcome,
    OutcomeKind, Pin, Products, ResponseCode, Switches, Usage, kind_from_code,
};

/// Selects whole cards. What follows says which.
macro_rules! select_cards {
    ($which:literal) => {
        select_cards!("", $which)
    };
    ($more:literal, $which:literal) => {
        concat!(
            "SELECT card_id, customer_id, account_number, receivable_minor, version, issued_at, expires_on, \
                 pin_version, sequence_number, wrong_pins, atm, pos, online, contactless, abroad, replaced_by, \
                 currency, last_four, product, status, pan_digest, pan_sealed, pin_sealed",
            $more,
            " FROM cards ",
            $which
        )
    };
}
pub(super) use select_cards;

/// Selects whole authorizations. What follows says which.
macro_rules! select_authorizations {
    ($which:literal) => {
        concat!(
            "SELECT authorization_id, fingerprint, card_id, customer_id, account_number, hold_id, amount_minor, \
                 cleared_minor, matched_minor, counted_minor, decided_at, transmitted_at, expires_at, business_date, restricted, \
                 posted_now, currency, response_code, merchant_category, approval_code, kind, channel, status, \
                 acquirer, terminal, retrieval_reference, trace_number \
             FROM authorizations ",
            $which
        )
    };
}
pub(super) use select_authorizations;

/// Selects whole orders. What follows says which.
macro_rules! select_orders {
    ($which:literal) => {
        concat!(
            "SELECT order_id, authorization_id, item_id, card_id, customer_id, account_number, hold_id, amount_minor, \
                 moved_minor, created_at, ended_at, business_date, keep_remainder, currency, kind, status, refusal, \
                 traceparent \
             FROM orders ",
            $which
        )
    };
}
pub(super) use select_orders;

/// Selects whole clearing records. What follows says which.
macro_rules! select_items {
    ($which:literal) => {
        concat!(
            "SELECT item_id, card_id, authorization_id, amount_minor, fee_minor, posted_minor, receivable_minor, line, \
                 attempt, currency, file_id, scheme_reference, kind, part, status, match, exception \
             FROM clearing_items ",
            $which
        )
    };
}
pub(super) use select_items;

pub(super) fn card(row: &PgRow, products: &Products) -> Result<Card, Error> {
    let product: &str = row.try_get("product")?;
    let product = products.find(product).ok_or_else(|| corrupt("product", product))?;
    let status: &str = row.try_get("status")?;
    Ok(Card {
        id: CardId::from_uuid(row.try_get("card_id")?),
        customer_id: CustomerId::from_uuid(row.try_get("customer_id")?),
        account: account_number(row.try_get("account_number")?)?,
        currency: currency(row.try_get("currency")?)?,
        product: product.clone(),
        status: CardStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        expires_on: row.try_get("expires_on")?,
        sequence_number: row.try_get("sequence_number")?,
        switches: Switches {
            atm: row.try_get("atm")?,
            pos: row.try_get("pos")?,
            online: row.try_get("online")?,
            contactless: row.try_get("contactless")?,
            abroad: row.try_get("abroad")?,
        },
        pin: Pin {
            sealed: row.try_get("pin_sealed")?,
            version: row.try_get("pin_version")?,
            wrong: row.try_get("wrong_pins")?,
        },
        receivable_minor: row.try_get("receivable_minor")?,
        replaced_by: row.try_get::<Option<Uuid>, _>("replaced_by")?.map(CardId::from_uuid),
        version: row.try_get("version")?,
        issued_at: row.try_get("issued_at")?,
        last_four: row.try_get("last_four")?,
        pan_digest: row.try_get("pan_digest")?,
        pan_sealed: row.try_get("pan_sealed")?,
    })
}

/// Limits by card.
pub(super) fn limits(rows: &[PgRow]) -> Result<HashMap<Uuid, Limits>, Error> {
    let mut found: HashMap<Uuid, Limits> = HashMap::new();
    for row in rows {
        let limit = Limit {
            transaction_minor: row.try_get("transaction_minor")?,
            day_minor: row.try_get("day_minor")?,
            day_count: row.try_get("day_count")?,
            month_minor: row.try_get("month_minor")?,
        };
        found.entry(row.try_get("card_id")?).or_default().insert(bucket(row)?, limit);
    }
    Ok(found)
}

/// Counters by card.
pub(super) fn usage(rows: &[PgRow]) -> Result<HashMap<Uuid, Usage>, Error> {
    let mut found: HashMap<Uuid, Usage> = HashMap::new();
    for row in rows {
        let counter = Counter {
            day: row.try_get("day")?,
            day_minor: row.try_get("day_minor")?,
            day_count: row.try_get("day_count")?,
            month_minor: row.try_get("month_minor")?,
            month_count: row.try_get("month_count")?,
        };
        found.entry(row.try_get("card_id")?).or_default().load(bucket(row)?, counter);
    }
    Ok(found)
}

pub(super) fn authorization(row: &PgRow) -> Result<Authorization, Error> {
    let kind: &str = row.try_get("kind")?;
    let status: &str = row.try_get("status")?;
    let code: &str = row.try_get("response_code")?;
    let hold_id: Option<Uuid> = row.try_get("hold_id")?;
    let account: Option<i64> = row.try_get("account_number")?;
    Ok(Authorization {
        id: request_id(row.try_get("authorization_id")?)?,
        fingerprint: row.try_get("fingerprint")?,
        card_id: row.try_get::<Option<Uuid>, _>("card_id")?.map(CardId::from_uuid),
        customer_id: row.try_get::<Option<Uuid>, _>("customer_id")?.map(CustomerId::from_uuid),
        account: account.map(account_number).transpose()?,
        hold_id,
        amount_minor: row.try_get("amount_minor")?,
        currency: currency(row.try_get("currency")?)?,
        cleared_minor: row.try_get("cleared_minor")?,
        matched_minor: row.try_get("matched_minor")?,
        counted_minor: row.try_get("counted_minor")?,
        kind: kind_from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
        channel: channel(row.try_get("channel")?)?,
        restricted: row.try_get("restricted")?,
        posted_now: row.try_get("posted_now")?,
        status: AuthorizationStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        response_code: ResponseCode::parse(code).map_err(|_| corrupt("response code", code))?,
        approval_code: row.try_get("approval_code")?,
        merchant_category: row.try_get("merchant_category")?,
        key: MessageKey {
            acquirer: row.try_get("acquirer")?,
            terminal: row.try_get("terminal")?,
            retrieval_reference: row.try_get("retrieval_reference")?,
            trace_number: row.try_get("trace_number")?,
            transmitted_at: row.try_get("transmitted_at")?,
        },
        business_date: date(row, "business_date")?,
        decided_at: row.try_get("decided_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

pub(super) fn order(row: &PgRow) -> Result<Order, Error> {
    let kind: &str = row.try_get("kind")?;
    let status: &str = row.try_get("status")?;
    let refusal: Option<String> = row.try_get("refusal")?;
    let account: Option<i64> = row.try_get("account_number")?;
    let authorization: Option<Uuid> = row.try_get("authorization_id")?;
    Ok(Order {
        id: request_id(row.try_get("order_id")?)?,
        kind: OrderKind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
        authorization_id: authorization.map(request_id).transpose()?,
        item_id: row.try_get("item_id")?,
        card_id: row.try_get::<Option<Uuid>, _>("card_id")?.map(CardId::from_uuid),
        customer_id: row.try_get::<Option<Uuid>, _>("customer_id")?.map(CustomerId::from_uuid),
        account: account.map(account_number).transpose()?,
        hold_id: row.try_get("hold_id")?,
        amount_minor: row.try_get("amount_minor")?,
        moved_minor: row.try_get("moved_minor")?,
        currency: currency(row.try_get("currency")?)?,
        keep_remainder: row.try_get("keep_remainder")?,
        business_date: date(row, "business_date")?,
        created_at: row.try_get("created_at")?,
        ended_at: row.try_get("ended_at")?,
        status: match (status, refusal) {
            ("PENDING", None) => OrderStatus::Pending,
            ("DONE", None) => OrderStatus::Done,
            ("REFUSED", Some(refusal)) => OrderStatus::Refused(refusal),
            _ => return Err(corrupt("status", status)),
        },
    })
}

pub(super) fn item(row: &PgRow) -> Result<Item, Error> {
    let (kind, part): (&str, &str) = (row.try_get("kind")?, row.try_get("part")?);
    let status: &str = row.try_get("status")?;
    let found: Option<&str> = row.try_get("match")?;
    let found = found.map(|code| Match::from_code(code).ok_or_else(|| corrupt("match", code)));
    let kinds = [ClearingKind::Purchase, ClearingKind::Cash, ClearingKind::Refund];
    let parts = [Part::Whole, Part::OneOfSeveral, Part::LastOfSeveral];
    Ok(Item {
        id: row.try_get("item_id")?,
        file_id: row.try_get("file_id")?,
        line: row.try_get("line")?,
        scheme_reference: row.try_get("scheme_reference")?,
        kind: kinds
            .into_iter()
            .find(|one| item_kind(*one) == kind)
            .ok_or_else(|| corrupt("kind", kind))?,
        part: parts
            .into_iter()
            .find(|one| one.code() == part)
            .ok_or_else(|| corrupt("part", part))?,
        card_id: row.try_get::<Option<Uuid>, _>("card_id")?.map(CardId::from_uuid),
        authorization_id: request_id(row.try_get("authorization_id")?)?,
        amount_minor: row.try_get("amount_minor")?,
        fee_minor: row.try_get("fee_minor")?,
        currency: currency(row.try_get("currency")?)?,
        posted_minor: row.try_get("posted_minor")?,
        receivable_minor: row.try_get("receivable_minor")?,
        attempt: row.try_get("attempt")?,
        status: ItemStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        found: found.transpose()?,
        exception: row.try_get("exception")?,
    })
}

/// As the books write it.
pub(super) const fn item_kind(kind: ClearingKind) -> &'static str {
    match kind {
        ClearingKind::Purchase => "PURCHASE",
        ClearingKind::Cash => "CASH",
        ClearingKind::Refund => "REFUND",
    }
}

pub(super) fn outcome(row: &PgRow) -> Result<Outcome, Error> {
    let kind: &str = row.try_get("kind")?;
    let result: &str = row.try_get("result")?;
    Ok(Outcome {
        request_id: request_id(row.try_get("request_id")?)?,
        fingerprint: row.try_get("fingerprint")?,
        kind: OutcomeKind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
        decision: Decision::from_code(result).ok_or_else(|| corrupt("result", result))?,
        card_id: row.try_get::<Option<Uuid>, _>("card_id")?.map(CardId::from_uuid),
        subject_id: row.try_get("subject_id")?,
        business_date: date(row, "business_date")?,
        decided_at: row.try_get("decided_at")?,
    })
}

fn bucket(row: &PgRow) -> Result<Bucket, Error> {
    let code: &str = row.try_get("bucket")?;
    Bucket::from_code(code).ok_or_else(|| corrupt("bucket", code))
}

fn channel(code: &str) -> Result<Channel, Error> {
    let all = [Channel::Atm, Channel::Pos, Channel::Online, Channel::Contactless];
    let found = all.into_iter().find(|channel| Bucket::of(*channel).code() == code);
    found.ok_or_else(|| corrupt("channel", code))
}

pub(super) fn date(row: &PgRow, column: &str) -> Result<BusinessDate, Error> {
    Ok(BusinessDate::from_date(row.try_get::<NaiveDate, _>(column)?))
}

pub(super) fn account_number(number: i64) -> Result<AccountNumber, Error> {
    AccountNumber::try_from_i64(number).map_err(|_| corrupt("account number", &number.to_string()))
}

pub(super) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::parse(code).map_err(|_| corrupt("currency", code))
}

pub(super) fn request_id(id: Uuid) -> Result<RequestId, Error> {
    RequestId::from_uuid(id).map_err(|_| corrupt("request id", &id.to_string()))
}

pub(super) fn corrupt(what: &str, value: &str) -> Error {
    Error::Inconsistent(format!("{what} {value} is none"))
}
