//! The queries. Each runs on a session that is as fresh as its caller asked for. What files and reports say is read in
//! `clearing` and `settlement`.

use std::collections::HashSet;

use chrono::NaiveDate;
use kernel::{BusinessDate, CardId, CustomerId, RequestId};
use platform::db::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lookup::with_use;
use super::rows::{self, select_authorizations, select_cards};
use crate::domain::{Authorization, Card, HeldCard, Products};

/// One card, with what it was and may be used for.
pub async fn find_card(
    conn: &mut PgConnection,
    id: CardId,
    products: &Products,
) -> Result<Option<HeldCard>, Error> {
    let row = sqlx::query(select_cards!("WHERE card_id = $1"))
        .bind(id.as_uuid())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let found = vec![rows::card(&row, products)?];
    Ok(with_use(conn, found).await?.into_iter().next())
}

/// A customer's cards with an id below `before`, newest first.
pub async fn list_cards(
    conn: &mut PgConnection,
    customer_id: CustomerId,
    (before, limit): (Uuid, i64),
    products: &Products,
) -> Result<Vec<HeldCard>, Error> {
    let found = sqlx::query(select_cards!(
        "WHERE customer_id = $1 AND card_id < $2 ORDER BY card_id DESC LIMIT $3"
    ))
    .bind(customer_id.as_uuid())
    .bind(before)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let cards: Result<Vec<Card>, Error> =
        found.iter().map(|row| rows::card(row, products)).collect();
    with_use(conn, cards?).await
}

/// One authorization.
pub async fn find_authorization(
    conn: &mut PgConnection,
    id: RequestId,
) -> Result<Option<Authorization>, Error> {
    let row = sqlx::query(select_authorizations!("WHERE authorization_id = $1"))
        .bind(id.as_uuid())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(rows::authorization).transpose()
}

/// A card's authorizations with an id below `before`, newest first.
pub async fn list_authorizations(
    conn: &mut PgConnection,
    card: CardId,
    (before, limit): (Uuid, i64),
) -> Result<Vec<Authorization>, Error> {
    let found = sqlx::query(select_authorizations!(
        "WHERE card_id = $1 AND authorization_id < $2 ORDER BY authorization_id DESC LIMIT $3"
    ))
    .bind(card.as_uuid())
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::authorization).collect()
}

/// The business date; `None` before accounting gave the first.
pub async fn business_date(conn: &mut PgConnection) -> Result<Option<BusinessDate>, Error> {
    let date: Option<NaiveDate> =
        sqlx::query_scalar("SELECT business_date FROM business_day").fetch_optional(conn).await?;
    Ok(date.map(BusinessDate::from_date))
}

/// Those of these requests on which a decision stands.
pub async fn decided(
    conn: &mut PgConnection,
    requests: &[RequestId],
) -> Result<HashSet<Uuid>, Error> {
    let ids: Vec<Uuid> = requests.iter().map(|id| id.as_uuid()).collect();
    // Bounds let Postgres skip the partitions of other days.
    let first = ids.iter().min().copied().unwrap_or_default();
    let last = ids.iter().max().copied().unwrap_or_default();
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT request_id FROM outcomes WHERE request_id = ANY($1) AND request_id BETWEEN $2 AND $3",
    )
    .bind(ids)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().collect())
}
