//! What commands decide on, loaded and locked. Each statement is one round trip, whatever the size of the batch; those
//! that only some commands need are skipped when a batch has none of these.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, CardId, RequestId};
use platform::db::Error;
use platform::telemetry::SpanLink;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::lookup;
use super::rows::{self, select_authorizations, select_cards, select_items, select_orders};
use crate::domain::{Authorization, Card, HeldCard, Item, Order, Outcome, Products};

/// The advisory lock that batches share and a cut-over takes alone: while a batch runs, its business date stays.
pub const BUSINESS_DAY_LOCK: i64 = 0x6461_7900;

/// Keeps the business date where it is until the end of the tx.
pub async fn enter_business_day(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
        .bind(BUSINESS_DAY_LOCK)
        .execute(conn)
        .await?;
    Ok(())
}

/// The cards that these authorizations are of. Whose an authorization is never changes, so this read needs no lock.
pub async fn cards_of(
    conn: &mut PgConnection,
    authorizations: &[Uuid],
) -> Result<Vec<CardId>, Error> {
    if authorizations.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT card_id FROM authorizations WHERE authorization_id = ANY($1) AND card_id IS NOT NULL",
    )
    .bind(authorizations)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(CardId::from_uuid).collect())
}

/// Locks cards in order of id, and reads them with what they were and may be used for. Sorts and thins the ids.
pub async fn lock_cards(
    conn: &mut PgConnection,
    cards: &mut Vec<CardId>,
    products: &Products,
) -> Result<Vec<HeldCard>, Error> {
    cards.sort_unstable();
    cards.dedup();
    if cards.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = cards.iter().map(|card| card.as_uuid()).collect();
    let locked =
        sqlx::query(select_cards!("WHERE card_id = ANY($1) ORDER BY card_id FOR NO KEY UPDATE"))
            .bind(ids)
            .fetch_all(&mut *conn)
            .await?;
    let found: Result<Vec<Card>, Error> =
        locked.iter().map(|row| rows::card(row, products)).collect();
    lookup::with_use(conn, found?).await
}

/// The authorizations that are named, as they are once their cards are locked. One without a card is locked itself.
pub async fn find_authorizations(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Authorization>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = sqlx::query(select_authorizations!("WHERE authorization_id = ANY($1)"))
        .bind(ids)
        .fetch_all(conn)
        .await?;
    found.iter().map(rows::authorization).collect()
}

/// The orders because of these authorizations, and those that are named.
pub async fn find_orders(
    conn: &mut PgConnection,
    authorizations: &[Uuid],
    ids: &[Uuid],
) -> Result<Vec<Order>, Error> {
    if authorizations.is_empty() && ids.is_empty() {
        return Ok(Vec::new());
    }
    let found =
        sqlx::query(select_orders!("WHERE authorization_id = ANY($1) OR order_id = ANY($2)"))
            .bind(authorizations)
            .bind(ids)
            .fetch_all(conn)
            .await?;
    found.iter().map(rows::order).collect()
}

/// Locks clearing records in order of id.
pub async fn lock_items(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Item>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found =
        sqlx::query(select_items!("WHERE item_id = ANY($1) ORDER BY item_id FOR NO KEY UPDATE"))
            .bind(ids)
            .fetch_all(conn)
            .await?;
    found.iter().map(rows::item).collect()
}

/// The business date, and the decisions that stand on these request ids.
pub async fn find_decided(
    conn: &mut PgConnection,
    requests: Vec<Uuid>,
) -> Result<(BusinessDate, Vec<Outcome>), Error> {
    // Bounds let Postgres skip the partitions of other days.
    let first = requests.iter().min().copied().unwrap_or_default();
    let last = requests.iter().max().copied().unwrap_or_default();
    let found = sqlx::query(
        "SELECT day.business_date AS today, o.request_id, o.fingerprint, o.decided_at, o.card_id, o.subject_id, \
             o.business_date, o.kind, o.result \
         FROM business_day AS day \
         LEFT JOIN outcomes AS o ON o.request_id = ANY($1) AND o.request_id BETWEEN $2 AND $3",
    )
    .bind(requests)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await?;
    let Some(row) = found.first() else {
        return Err(Error::Inconsistent("no business date".into()));
    };
    let today: NaiveDate = row.try_get("today")?;
    let mut decided = Vec::new();
    for row in &found {
        if row.try_get::<Option<Uuid>, _>("request_id")?.is_some() {
            decided.push(rows::outcome(row)?);
        }
    }
    Ok((BusinessDate::from_date(today), decided))
}

/// Draws serials for card numbers.
pub async fn draw_serials(conn: &mut PgConnection, count: i32) -> Result<Vec<i64>, Error> {
    let drawn = sqlx::query_scalar("SELECT nextval('card_serials') FROM generate_series(1, $1)")
        .bind(count)
        .fetch_all(conn)
        .await?;
    Ok(drawn)
}

/// Orders that have been pending since before, the oldest first, from behind another one; each with the trace that it
/// belongs to.
pub async fn pending_orders(
    conn: &mut PgConnection,
    ((created_at, order_id), before): ((DateTime<Utc>, Uuid), DateTime<Utc>),
    most: i64,
) -> Result<Vec<(Order, SpanLink)>, Error> {
    let found = sqlx::query(select_orders!(
        "WHERE status = 'PENDING' AND created_at <= $1 AND (created_at, order_id) > ($2, $3) \
         ORDER BY created_at, order_id LIMIT $4"
    ))
    .bind(before)
    .bind(created_at)
    .bind(order_id)
    .bind(most)
    .fetch_all(conn)
    .await?;
    let traced =
        |row: &PgRow| Ok((rows::order(row)?, SpanLink::parse(row.try_get("traceparent")?)));
    found.iter().map(traced).collect()
}

/// Approvals whose time is up.
pub async fn expired_authorizations(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<RequestId>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT authorization_id FROM authorizations \
         WHERE status IN ('APPROVED', 'PARTLY_CLEARED') AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
    )
    .bind(now)
    .bind(most)
    .fetch_all(conn)
    .await?;
    found.into_iter().map(rows::request_id).collect()
}

/// Cards that the business date has left behind.
pub async fn expired_cards(conn: &mut PgConnection, most: i64) -> Result<Vec<CardId>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT card_id FROM cards \
         WHERE status IN ('INACTIVE', 'ACTIVE', 'BLOCKED') AND expires_on < (SELECT business_date FROM business_day) \
         ORDER BY expires_on LIMIT $1",
    )
    .bind(most)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(CardId::from_uuid).collect())
}

/// Cards whose holders owe, and from whom nothing was asked on this business date.
pub async fn owing_cards(conn: &mut PgConnection, most: i64) -> Result<Vec<CardId>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT card_id FROM cards \
         WHERE receivable_minor > 0 AND NOT EXISTS ( \
             SELECT FROM orders JOIN business_day USING (business_date) \
             WHERE orders.card_id = cards.card_id AND orders.kind = 'COLLECT' \
         ) ORDER BY card_id LIMIT $1",
    )
    .bind(most)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(CardId::from_uuid).collect())
}

/// Until when holds have been compared with authorizations.
pub async fn swept_until(conn: &mut PgConnection) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar("SELECT swept_until FROM sweeps").fetch_one(conn).await?)
}

/// Notes that holds up to this time have been compared.
pub async fn set_swept_until(conn: &mut PgConnection, until: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("UPDATE sweeps SET swept_until = greatest(swept_until, $1)")
        .bind(until)
        .execute(conn)
        .await?;
    Ok(())
}

/// Those of these holds that belong to no authorization.
pub async fn unknown_holds(conn: &mut PgConnection, holds: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let found = sqlx::query_scalar(
        "SELECT hold FROM unnest($1::uuid[]) AS held (hold) \
         WHERE NOT EXISTS (SELECT FROM authorizations WHERE hold_id = hold)",
    )
    .bind(holds)
    .fetch_all(conn)
    .await?;
    Ok(found)
}
