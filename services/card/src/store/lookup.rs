//! Cards by their numbers, many at once: what requests of the scheme are checked against before money is reserved.

use std::collections::HashMap;

use chrono::NaiveDate;
use kernel::BusinessDate;
use platform::db::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::{self, select_cards};
use crate::domain::{Card, HeldCard, Products};

/// The business date, and the cards with these digests by digest. Nothing is locked.
pub async fn by_digest(
    conn: &mut PgConnection,
    digests: Vec<Vec<u8>>,
    products: &Products,
) -> Result<(BusinessDate, HashMap<Vec<u8>, HeldCard>), Error> {
    // One round trip for both: without a card there is still the date.
    let found = sqlx::query(select_cards!(
        ", business_date",
        "RIGHT JOIN business_day ON pan_digest = ANY($1)"
    ))
    .bind(digests)
    .fetch_all(&mut *conn)
    .await?;
    let today = found.first().ok_or_else(|| Error::Inconsistent("no business date".into()))?;
    let today: NaiveDate = today.try_get("business_date")?;
    let mut cards: Vec<Card> = Vec::with_capacity(found.len());
    for row in &found {
        if row.try_get::<Option<Uuid>, _>("card_id")?.is_some() {
            cards.push(rows::card(row, products)?);
        }
    }
    let held = with_use(conn, cards).await?;
    let by_digest = held.into_iter().map(|held| (held.card.pan_digest.clone(), held));
    Ok((BusinessDate::from_date(today), by_digest.collect()))
}

/// Completes cards with what they were and may be used for.
pub(super) async fn with_use(
    conn: &mut PgConnection,
    cards: Vec<Card>,
) -> Result<Vec<HeldCard>, Error> {
    if cards.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = cards.iter().map(|card| card.id.as_uuid()).collect();
    // One round trip for both: a row of either has the other's columns empty.
    let found = sqlx::query(
        "SELECT card_id, bucket, day, day_minor, day_count, month_minor, month_count, NULL::bigint AS transaction_minor \
         FROM usage WHERE card_id = ANY($1) \
         UNION ALL \
         SELECT card_id, bucket, NULL, day_minor, day_count, month_minor, NULL, transaction_minor \
         FROM card_limits WHERE card_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let (mut used, mut set) = (Vec::new(), Vec::new());
    for row in found {
        let is_use = row.try_get::<Option<NaiveDate>, _>("day")?.is_some();
        if is_use { used.push(row) } else { set.push(row) }
    }
    let (mut usage, mut limits) = (rows::usage(&used)?, rows::limits(&set)?);
    let held = cards.into_iter().map(|card| {
        let id = card.id.as_uuid();
        HeldCard {
            limits: limits.remove(&id).unwrap_or_default(),
            usage: usage.remove(&id).unwrap_or_default(),
            card,
        }
    });
    Ok(held.collect())
}
