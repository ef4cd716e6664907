//! Cards and authorizations as answers.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency};
use platform::db::AsOf;
use proto::card::v1 as pb;
use proto::common::v1 as common;

use crate::domain::{Authorization, AuthorizationStatus, Bucket, CardStatus, HeldCard, Kind};

pub fn money(amount_minor: i64, currency: Currency) -> common::Money {
    common::Money { currency_code: currency.code().to_owned(), amount_minor }
}

/// A card, what its holder has set, and what it was used for until this business date.
pub fn card(held: &HeldCard, today: NaiveDate) -> pb::Card {
    let HeldCard { card, limits, usage } = held;
    let switches = pb::CardSwitches {
        atm: card.switches.atm,
        pos: card.switches.pos,
        online: card.switches.online,
        contactless: card.switches.contactless,
        abroad: card.switches.abroad,
    };
    let limit = |bucket: Bucket| {
        let set = limits.get(&bucket).copied().unwrap_or_default();
        let limit = set.lower(card.product.limits.get(&bucket).copied().unwrap_or_default());
        pb::CardLimit {
            bucket: self::bucket(bucket).into(),
            transaction_minor: limit.transaction_minor,
            day_minor: limit.day_minor,
            day_count: limit.day_count,
            month_minor: limit.month_minor,
        }
    };
    let used = |bucket: Bucket| {
        let counter = usage.on(bucket, today);
        pb::CardUsage {
            bucket: self::bucket(bucket).into(),
            day_minor: counter.day_minor,
            day_count: counter.day_count,
            month_minor: counter.month_minor,
            month_count: counter.month_count,
        }
    };
    pb::Card {
        card_id: card.id.to_string(),
        customer_id: card.customer_id.to_string(),
        account_number: card.account.to_string(),
        product_code: card.product.code.clone(),
        currency_code: card.currency.code().to_owned(),
        last_four: card.last_four.clone(),
        expires_on: date(card.expires_on),
        status: status(card.status).into(),
        switches: Some(switches),
        limits: Bucket::ALL.into_iter().map(limit).collect(),
        usage: Bucket::ALL.into_iter().map(used).collect(),
        has_pin: card.pin.sealed.is_some(),
        wrong_pins: card.pin.wrong.into(),
        receivable_minor: card.receivable_minor,
        replaced_by_card_id: card.replaced_by.map(|id| id.to_string()).unwrap_or_default(),
        issued_at: Some(timestamp(card.issued_at)),
    }
}

pub fn authorization(one: &Authorization) -> pb::Authorization {
    let asked = one.kind != Kind::BalanceInquiry;
    pb::Authorization {
        authorization_id: one.id.to_string(),
        card_id: one.card_id.map(|id| id.to_string()).unwrap_or_default(),
        kind: kind(one.kind).into(),
        channel: bucket(Bucket::of(one.channel)).into(),
        status: authorization_status(one.status).into(),
        response_code: one.response_code.as_str().to_owned(),
        approval_code: one.approval_code.clone().unwrap_or_default(),
        amount: asked.then(|| money(one.amount_minor, one.currency)),
        cleared_minor: one.cleared_minor,
        merchant_category: one.merchant_category.clone(),
        acquirer: one.key.acquirer.clone(),
        terminal: one.key.terminal.clone(),
        retrieval_reference: one.key.retrieval_reference.clone(),
        trace_number: one.key.trace_number.clone(),
        business_date: one.business_date.to_string(),
        decided_at: Some(timestamp(one.decided_at)),
        expires_at: one.expires_at.map(timestamp),
    }
}

pub fn as_of(as_of: &AsOf, now: DateTime<Utc>) -> common::AsOf {
    common::AsOf {
        read_token: as_of.token.to_string(),
        from_replica: as_of.from_replica,
        read_at: Some(timestamp(now)),
    }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}

fn date(date: NaiveDate) -> String {
    BusinessDate::from_date(date).to_string()
}

const fn status(status: CardStatus) -> pb::CardStatus {
    match status {
        CardStatus::Inactive => pb::CardStatus::Inactive,
        CardStatus::Active => pb::CardStatus::Active,
        CardStatus::Blocked => pb::CardStatus::Blocked,
        CardStatus::Lost => pb::CardStatus::Lost,
        CardStatus::Stolen => pb::CardStatus::Stolen,
        CardStatus::Expired => pb::CardStatus::Expired,
        CardStatus::Cancelled => pb::CardStatus::Cancelled,
    }
}

const fn bucket(bucket: Bucket) -> pb::CardBucket {
    match bucket {
        Bucket::All => pb::CardBucket::All,
        Bucket::Atm => pb::CardBucket::Atm,
        Bucket::Pos => pb::CardBucket::Pos,
        Bucket::Online => pb::CardBucket::Online,
        Bucket::Contactless => pb::CardBucket::Contactless,
        Bucket::RestrictedMerchants => pb::CardBucket::RestrictedMerchants,
    }
}

const fn kind(kind: Kind) -> pb::AuthorizationKind {
    match kind {
        Kind::Purchase => pb::AuthorizationKind::Purchase,
        Kind::Cash => pb::AuthorizationKind::Cash,
        Kind::Preauthorization => pb::AuthorizationKind::Preauthorization,
        Kind::Refund => pb::AuthorizationKind::Refund,
        Kind::BalanceInquiry => pb::AuthorizationKind::BalanceInquiry,
    }
}

const fn authorization_status(status: AuthorizationStatus) -> pb::AuthorizationStatus {
    match status {
        AuthorizationStatus::Approved => pb::AuthorizationStatus::Approved,
        AuthorizationStatus::Declined => pb::AuthorizationStatus::Declined,
        AuthorizationStatus::Reversed => pb::AuthorizationStatus::Reversed,
        AuthorizationStatus::Fenced => pb::AuthorizationStatus::Fenced,
        AuthorizationStatus::PartlyCleared => pb::AuthorizationStatus::PartlyCleared,
        AuthorizationStatus::Cleared => pb::AuthorizationStatus::Cleared,
        AuthorizationStatus::Expired => pb::AuthorizationStatus::Expired,
    }
}
