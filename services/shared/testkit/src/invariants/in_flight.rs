//! V6: nothing that is on its way from one service to another, and nothing that ends by itself, is older than its
//! limit.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Uuid;
use sqlx::types::chrono::NaiveDate;

use super::{Check, Findings, Limits, Snapshot};

const OUTBOX_AGE: &str = include_str!("sql/outbox_age.sql");
const OVERDUE_HOLDS: &str = include_str!("sql/overdue_holds.sql");
const OVERDUE_MOVEMENTS: &str = include_str!("sql/overdue_movements.sql");
const OVERDUE_ORDERS: &str = include_str!("sql/overdue_orders.sql");
const OVERDUE_ITEMS: &str = include_str!("sql/overdue_items.sql");
const CLOSING_DATES: &str = include_str!("sql/closing_dates.sql");
const COUNT_OUTBOX: &str = "SELECT count(*) FROM outbox";
const COUNT_PENDING_MOVEMENTS: &str = "SELECT count(*) FROM movements WHERE status = 'PENDING'";
const COUNT_PENDING_ORDERS: &str = "SELECT count(*) FROM orders WHERE status = 'PENDING'";
const COUNT_POSTING_ITEMS: &str = "SELECT count(*) FROM clearing_items WHERE status = 'POSTING'";
const COUNT_ACTIVE_HOLDS: &str = "SELECT count(*) FROM holds WHERE status = 'ACTIVE'";

pub(super) async fn check(snapshot: &mut Snapshot, limits: &Limits) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    let Snapshot { deposit, loan, card, accounting, customer, .. } = snapshot;
    for (service, connection) in [
        ("deposit", &mut *deposit),
        ("loan", &mut *loan),
        ("card", &mut *card),
        ("accounting", &mut *accounting),
        ("customer", customer),
    ] {
        outbox(service, connection, limits.outbox_age, &mut findings).await?;
    }
    holds(deposit, limits.expired_hold_age, &mut findings).await?;
    movements(loan, limits.movement_age, &mut findings).await?;
    orders(card, limits.order_age, &mut findings).await?;
    clearing_items(card, limits.clearing_age, &mut findings).await?;
    closing_dates(accounting, limits.closing_age, &mut findings).await?;
    Ok(findings.into_check(
        "V6",
        "no outbox row, hold, loan movement, card order, clearing record or closing date is in flight beyond its limit",
    ))
}

async fn outbox(
    service: &str,
    connection: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT_OUTBOX).fetch_one(&mut *connection).await?);
    let old: Vec<(i64, NaiveDate, i64)> =
        sqlx::query_as(OUTBOX_AGE).bind(limit.as_secs_f64()).fetch_all(connection).await?;
    for (batch, date, age_s) in old {
        findings.add(format!(
            "{service}: outbox batch {batch} of {date} has waited for {age_s} s, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}

async fn holds(
    deposit: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT_ACTIVE_HOLDS).fetch_one(&mut *deposit).await?);
    let overdue: Vec<(Uuid, i64)> =
        sqlx::query_as(OVERDUE_HOLDS).bind(limit.as_secs_f64()).fetch_all(deposit).await?;
    for (hold, overdue_s) in overdue {
        findings.add(format!(
            "deposit: hold {hold} is still active {overdue_s} s after its expiry, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}

async fn movements(
    loan: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT_PENDING_MOVEMENTS).fetch_one(&mut *loan).await?);
    let overdue: Vec<(Uuid, i64)> =
        sqlx::query_as(OVERDUE_MOVEMENTS).bind(limit.as_secs_f64()).fetch_all(loan).await?;
    for (movement, age_s) in overdue {
        findings.add(format!(
            "loan: movement {movement} has been on its way for {age_s} s, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}

async fn orders(
    card: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT_PENDING_ORDERS).fetch_one(&mut *card).await?);
    let overdue: Vec<(Uuid, String, i64)> =
        sqlx::query_as(OVERDUE_ORDERS).bind(limit.as_secs_f64()).fetch_all(card).await?;
    for (order, kind, age_s) in overdue {
        findings.add(format!(
            "card: order {order} ({kind}) has been on its way for {age_s} s, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}

async fn clearing_items(
    card: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT_POSTING_ITEMS).fetch_one(&mut *card).await?);
    let overdue: Vec<(String, i32, i64)> =
        sqlx::query_as(OVERDUE_ITEMS).bind(limit.as_secs_f64()).fetch_all(card).await?;
    for (file, line, age_s) in overdue {
        findings.add(format!(
            "card: line {line} of clearing file {file} has been posting for {age_s} s, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}

async fn closing_dates(
    accounting: &mut PgConnection,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let old: Vec<(NaiveDate, i64)> =
        sqlx::query_as(CLOSING_DATES).bind(limit.as_secs_f64()).fetch_all(accounting).await?;
    for (date, age_s) in old {
        findings.add(format!(
            "accounting: business date {date} has been closing for {age_s} s, the limit is {} s",
            limit.as_secs()
        ));
    }
    Ok(())
}
