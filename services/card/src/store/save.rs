//! Writes what a batch changed: one statement for each table that it changed, and one for what most batches change.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, CardId, CustomerId, RequestId};
use platform::db::Error;
use platform::telemetry::current_traceparent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{
    Authorization, Booking, Bucket, Card, Changes, Counter, Item, Limits, Order, OrderStatus,
    Outcome, kind_code,
};
use crate::events::Told;

/// Writes everything but what accounting is told.
pub async fn save(conn: &mut PgConnection, changes: &Changes) -> Result<(), Error> {
    if !changes.issued.is_empty() {
        insert_cards(conn, &changes.issued).await?;
    }
    if !changes.cards.is_empty() {
        update_cards(conn, &changes.cards).await?;
    }
    for (id, limits) in &changes.limits {
        replace_limits(conn, *id, limits).await?;
    }
    if !changes.authorized.is_empty() || !changes.usage.is_empty() {
        authorize(conn, &changes.authorized, &changes.usage).await?;
    }
    if !changes.authorizations.is_empty() {
        update_authorizations(conn, &changes.authorizations).await?;
    }
    if !changes.ordered.is_empty() {
        insert_orders(conn, &changes.ordered).await?;
    }
    if !changes.ended.is_empty() {
        end_orders(conn, &changes.ended).await?;
    }
    if !changes.items.is_empty() {
        update_items(conn, &changes.items).await?;
    }
    if !changes.outcomes.is_empty() {
        insert_outcomes(conn, &changes.outcomes).await?;
    }
    Ok(())
}

fn column<'a, T, C>(rows: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(value).collect()
}

async fn insert_cards(conn: &mut PgConnection, cards: &[Card]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO cards (card_id, customer_id, account_number, version, issued_at, expires_on, atm, pos, online, \
             contactless, abroad, currency, last_four, product, status, pan_digest, pan_sealed) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::date[], \
             $7::boolean[], $8::boolean[], $9::boolean[], $10::boolean[], $11::boolean[], $12::text[], $13::text[], \
             $14::text[], $15::text[], $16::bytea[], $17::bytea[])",
    )
    .bind(column(cards, |c: &Card| c.id.as_uuid()))
    .bind(column(cards, |c| c.customer_id.as_uuid()))
    .bind(column(cards, |c| c.account.as_i64()))
    .bind(column(cards, |c| c.version))
    .bind(column(cards, |c| c.issued_at))
    .bind(column(cards, |c| c.expires_on))
    .bind(column(cards, |c| c.switches.atm))
    .bind(column(cards, |c| c.switches.pos))
    .bind(column(cards, |c| c.switches.online))
    .bind(column(cards, |c| c.switches.contactless))
    .bind(column(cards, |c| c.switches.abroad))
    .bind(column(cards, |c| c.currency.code()))
    .bind(column(cards, |c| c.last_four.as_str()))
    .bind(column(cards, |c| c.product.code.as_str()))
    .bind(column(cards, |c| c.status.code()))
    .bind(column(cards, |c| c.pan_digest.as_slice()))
    .bind(column(cards, |c| c.pan_sealed.as_slice()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn update_cards(conn: &mut PgConnection, cards: &[Card]) -> Result<(), Error> {
    sqlx::query(
        "UPDATE cards SET receivable_minor = new.receivable_minor, version = new.version, \
             expires_on = new.expires_on, pin_version = new.pin_version, sequence_number = new.sequence_number, \
             wrong_pins = new.wrong_pins, atm = new.atm, pos = new.pos, online = new.online, \
             contactless = new.contactless, abroad = new.abroad, replaced_by = new.replaced_by, \
             status = new.status, pin_sealed = new.pin_sealed \
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::date[], $5::integer[], $6::smallint[], \
                 $7::smallint[], $8::boolean[], $9::boolean[], $10::boolean[], $11::boolean[], $12::boolean[], \
                 $13::uuid[], $14::text[], $15::bytea[]) \
             AS new (card_id, receivable_minor, version, expires_on, pin_version, sequence_number, wrong_pins, atm, \
                 pos, online, contactless, abroad, replaced_by, status, pin_sealed) \
         WHERE cards.card_id = new.card_id",
    )
    .bind(column(cards, |c: &Card| c.id.as_uuid()))
    .bind(column(cards, |c| c.receivable_minor))
    .bind(column(cards, |c| c.version))
    .bind(column(cards, |c| c.expires_on))
    .bind(column(cards, |c| c.pin.version))
    .bind(column(cards, |c| c.sequence_number))
    .bind(column(cards, |c| c.pin.wrong))
    .bind(column(cards, |c| c.switches.atm))
    .bind(column(cards, |c| c.switches.pos))
    .bind(column(cards, |c| c.switches.online))
    .bind(column(cards, |c| c.switches.contactless))
    .bind(column(cards, |c| c.switches.abroad))
    .bind(column(cards, |c| c.replaced_by.map(CardId::as_uuid)))
    .bind(column(cards, |c| c.status.code()))
    .bind(column(cards, |c| c.pin.sealed.as_deref()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn replace_limits(
    conn: &mut PgConnection,
    card: CardId,
    limits: &Limits,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM card_limits WHERE card_id = $1")
        .bind(card.as_uuid())
        .execute(&mut *conn)
        .await?;
    let limits: Vec<_> = limits.iter().collect();
    sqlx::query(
        "INSERT INTO card_limits (card_id, bucket, transaction_minor, day_minor, month_minor, day_count) \
         SELECT $1, new.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[]) AS new",
    )
    .bind(card.as_uuid())
    .bind(column(&limits, |(bucket, _)| bucket.code()))
    .bind(column(&limits, |(_, limit)| limit.transaction_minor))
    .bind(column(&limits, |(_, limit)| limit.day_minor))
    .bind(column(&limits, |(_, limit)| limit.month_minor))
    .bind(column(&limits, |(_, limit)| limit.day_count))
    .execute(conn)
    .await?;
    Ok(())
}

/// New authorizations and the counters that they change: the one statement of most batches.
async fn authorize(
    conn: &mut PgConnection,
    authorized: &[Authorization],
    usage: &[(CardId, Bucket, Counter)],
) -> Result<(), Error> {
    type Row = (CardId, Bucket, Counter);
    sqlx::query(include_str!("sql/authorize.sql"))
        .bind(column(authorized, |a: &Authorization| a.id.as_uuid()))
        .bind(column(authorized, |a| a.fingerprint))
        .bind(column(authorized, |a| a.card_id.map(CardId::as_uuid)))
        .bind(column(authorized, |a| a.customer_id.map(CustomerId::as_uuid)))
        .bind(column(authorized, |a| a.account.map(kernel::AccountNumber::as_i64)))
        .bind(column(authorized, |a| a.hold_id))
        .bind(column(authorized, |a| a.amount_minor))
        .bind(column(authorized, |a| a.counted_minor))
        .bind(column(authorized, |a| a.decided_at))
        .bind(column(authorized, |a| a.key.transmitted_at))
        .bind(column(authorized, |a| a.expires_at))
        .bind(column(authorized, |a| a.business_date.as_date()))
        .bind(column(authorized, |a| a.restricted))
        .bind(column(authorized, |a| a.posted_now))
        .bind(column(authorized, |a| a.currency.code()))
        .bind(column(authorized, |a| a.response_code.as_str()))
        .bind(column(authorized, |a| a.merchant_category.as_str()))
        .bind(column(authorized, |a| a.approval_code.as_deref()))
        .bind(column(authorized, |a| kind_code(a.kind)))
        .bind(column(authorized, |a| Bucket::of(a.channel).code()))
        .bind(column(authorized, |a| a.status.code()))
        .bind(column(authorized, |a| a.key.acquirer.as_str()))
        .bind(column(authorized, |a| a.key.terminal.as_str()))
        .bind(column(authorized, |a| a.key.retrieval_reference.as_str()))
        .bind(column(authorized, |a| a.key.trace_number.as_str()))
        .bind(column(usage, |(card, ..): &Row| card.as_uuid()))
        .bind(column(usage, |(_, bucket, _)| bucket.code()))
        .bind(column(usage, |(.., counter)| counter.day))
        .bind(column(usage, |(.., counter)| counter.day_minor))
        .bind(column(usage, |(.., counter)| counter.day_count))
        .bind(column(usage, |(.., counter)| counter.month()))
        .bind(column(usage, |(.., counter)| counter.month_minor))
        .bind(column(usage, |(.., counter)| counter.month_count))
        .execute(conn)
        .await?;
    Ok(())
}

async fn update_authorizations(
    conn: &mut PgConnection,
    changed: &[Authorization],
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authorizations SET status = new.status, cleared_minor = new.cleared_minor, \
             matched_minor = new.matched_minor \
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) \
             AS new (authorization_id, status, cleared_minor, matched_minor) \
         WHERE authorizations.authorization_id = new.authorization_id",
    )
    .bind(column(changed, |a: &Authorization| a.id.as_uuid()))
    .bind(column(changed, |a| a.status.code()))
    .bind(column(changed, |a| a.cleared_minor))
    .bind(column(changed, |a| a.matched_minor))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_orders(conn: &mut PgConnection, orders: &[Order]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO orders (order_id, authorization_id, item_id, card_id, customer_id, account_number, hold_id, \
             amount_minor, created_at, business_date, keep_remainder, currency, kind, status, traceparent) \
         SELECT new.*, 'PENDING', $14 \
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::uuid[], \
             $8::bigint[], $9::timestamptz[], $10::date[], $11::boolean[], $12::text[], $13::text[]) AS new \
         ON CONFLICT DO NOTHING",
    )
    .bind(column(orders, |o: &Order| o.id.as_uuid()))
    .bind(column(orders, |o| o.authorization_id.map(RequestId::as_uuid)))
    .bind(column(orders, |o| o.item_id))
    .bind(column(orders, |o| o.card_id.map(CardId::as_uuid)))
    .bind(column(orders, |o| o.customer_id.map(CustomerId::as_uuid)))
    .bind(column(orders, |o| o.account.map(kernel::AccountNumber::as_i64)))
    .bind(column(orders, |o| o.hold_id))
    .bind(column(orders, |o| o.amount_minor))
    .bind(column(orders, |o| o.created_at))
    .bind(column(orders, |o| o.business_date.as_date()))
    .bind(column(orders, |o| o.keep_remainder))
    .bind(column(orders, |o| o.currency.code()))
    .bind(column(orders, |o| o.kind.code()))
    .bind(current_traceparent())
    .execute(conn)
    .await?;
    Ok(())
}

async fn end_orders(conn: &mut PgConnection, ended: &[Order]) -> Result<(), Error> {
    let refusal = |order: &Order| match &order.status {
        OrderStatus::Refused(refusal) => Some(refusal.clone()),
        OrderStatus::Pending | OrderStatus::Done => None,
    };
    sqlx::query(
        "UPDATE orders SET status = new.status, moved_minor = new.moved_minor, refusal = new.refusal, \
             ended_at = new.ended_at \
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[]) \
             AS new (order_id, status, moved_minor, refusal, ended_at) \
         WHERE orders.order_id = new.order_id",
    )
    .bind(column(ended, |o: &Order| o.id.as_uuid()))
    .bind(column(ended, |o| o.status.code()))
    .bind(column(ended, |o| o.moved_minor))
    .bind(column(ended, refusal))
    .bind(column(ended, |o| o.ended_at))
    .execute(conn)
    .await?;
    Ok(())
}

async fn update_items(conn: &mut PgConnection, items: &[Item]) -> Result<(), Error> {
    sqlx::query(
        "UPDATE clearing_items SET card_id = new.card_id, posted_minor = new.posted_minor, \
             receivable_minor = new.receivable_minor, attempt = new.attempt, status = new.status, \
             match = new.match, exception = new.exception \
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::integer[], $6::text[], $7::text[], \
                 $8::text[]) \
             AS new (item_id, card_id, posted_minor, receivable_minor, attempt, status, match, exception) \
         WHERE clearing_items.item_id = new.item_id",
    )
    .bind(column(items, |i: &Item| i.id))
    .bind(column(items, |i| i.card_id.map(CardId::as_uuid)))
    .bind(column(items, |i| i.posted_minor))
    .bind(column(items, |i| i.receivable_minor))
    .bind(column(items, |i| i.attempt))
    .bind(column(items, |i| i.status.code()))
    .bind(column(items, |i| i.found.map(crate::domain::Match::code)))
    .bind(column(items, |i| i.exception.as_deref()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_outcomes(conn: &mut PgConnection, outcomes: &[Outcome]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO outcomes (request_id, fingerprint, decided_at, card_id, subject_id, business_date, kind, result) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::date[], \
             $7::text[], $8::text[])",
    )
    .bind(column(outcomes, |o: &Outcome| o.request_id.as_uuid()))
    .bind(column(outcomes, |o| o.fingerprint))
    .bind(column(outcomes, |o| o.decided_at))
    .bind(column(outcomes, |o| o.card_id.map(CardId::as_uuid)))
    .bind(column(outcomes, |o| o.subject_id))
    .bind(column(outcomes, |o| o.business_date.as_date()))
    .bind(column(outcomes, |o| o.kind.code()))
    .bind(column(outcomes, |o| o.decision.code()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the postings, and the outbox row that tells accounting of them.
pub async fn tell(
    conn: &mut PgConnection,
    told: &[Told],
    (business_date, _now): (BusinessDate, DateTime<Utc>),
    payload: Option<Vec<u8>>,
) -> Result<(), Error> {
    let Some(payload) = payload else { return Ok(()) };
    let of = |read: fn(&Booking) -> i64| column(told, |t: &Told| read(&t.booking));
    let ids: Vec<Uuid> = column(told, |t: &Told| t.id.as_uuid());
    sqlx::query(include_str!("sql/tell.sql"))
        .bind(business_date.as_date())
        .bind(payload)
        .bind(ids)
        .bind(column(told, |t| t.booking.card_id.map(CardId::as_uuid)))
        .bind(of(|booking| booking.principal_minor))
        .bind(of(|booking| booking.fee_minor))
        .bind(column(told, |t| t.booking.reversal))
        .bind(column(told, |t| t.booking.currency.code()))
        .bind(column(told, |t| t.booking.product.as_str()))
        .bind(column(told, |t| t.booking.kind.code()))
        .execute(conn)
        .await?;
    Ok(())
}
