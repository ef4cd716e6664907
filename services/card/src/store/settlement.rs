//! Settlement reports, their differences, and what a business date comes to.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency};
use platform::db::Error;
use scheme::settlement::SettlementHeader;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::{self, corrupt};
use crate::domain::{BreakKind, Difference, Resolution, SettlementBreak};

/// What a report came to.
pub struct Report {
    /// Its name.
    pub report_id: String,
    /// Records that agree.
    pub agreed: i32,
    /// Records that do not.
    pub breaks: i32,
    /// From this bank to the scheme, fees taken off.
    pub net_minor: i64,
}

/// What was booked on one card product in one currency.
pub struct DayTotalRow {
    /// The product.
    pub product: String,
    /// The currency.
    pub currency: String,
    /// What holders came to owe.
    pub debit_minor: i64,
    /// What they paid of it.
    pub credit_minor: i64,
}

/// Whether this report, or another of its clearing date and currency, has been taken.
pub async fn is_known(conn: &mut PgConnection, header: &SettlementHeader) -> Result<bool, Error> {
    let known = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM settlement_reports \
         WHERE report_id = $1 OR (clearing_date = $2 AND currency = $3))",
    )
    .bind(&header.report_id)
    .bind(header.clearing_date)
    .bind(header.currency.code())
    .fetch_one(conn)
    .await?;
    Ok(known)
}

/// The advisory lock that parts of clearing files share and a settlement report takes alone: between its looking at the
/// files of a date and its commit none begins.
const SETTLEMENT_LOCK: i64 = 0x7365_7474;

/// Keeps reports from being taken until the end of the tx.
pub async fn hold_off(conn: &mut PgConnection) -> Result<(), Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock_shared($1)");
    lock.bind(SETTLEMENT_LOCK).execute(conn).await?;
    Ok(())
}

/// Waits for parts of clearing files that are being taken, and keeps others from it until the end of the tx.
pub async fn enter(conn: &mut PgConnection) -> Result<(), Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)");
    lock.bind(SETTLEMENT_LOCK).execute(conn).await?;
    Ok(())
}

/// Whether the scheme has settled a clearing date in any of these currencies.
pub async fn is_settled(
    conn: &mut PgConnection,
    clearing: NaiveDate,
    currencies: &[&str],
) -> Result<bool, Error> {
    let settled = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM settlement_reports WHERE clearing_date = $1 AND currency = ANY($2))",
    )
    .bind(clearing)
    .bind(currencies)
    .fetch_one(conn)
    .await?;
    Ok(settled)
}

/// Whether a file of this date is not decided record by record.
pub async fn is_unfinished(conn: &mut PgConnection, clearing: NaiveDate) -> Result<bool, Error> {
    let unfinished = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM clearing_files WHERE clearing_date = $1 AND status IN ('RECEIVING', 'ACCEPTED'))",
    )
    .bind(clearing)
    .fetch_one(conn)
    .await?;
    Ok(unfinished)
}

/// What this bank cleared of a date in a currency, by reference; negative to the holder's credit.
pub async fn cleared(
    conn: &mut PgConnection,
    header: &SettlementHeader,
) -> Result<BTreeMap<String, i64>, Error> {
    let found = sqlx::query(
        "SELECT i.scheme_reference, CASE i.kind WHEN 'REFUND' THEN -i.amount_minor ELSE i.amount_minor END AS minor \
         FROM clearing_files AS f JOIN clearing_items AS i ON i.file_id = f.file_id \
         WHERE f.clearing_date = $1 AND f.status = 'FINISHED' AND i.status = 'POSTED' AND i.currency = $2",
    )
    .bind(header.clearing_date)
    .bind(header.currency.code())
    .fetch_all(conn)
    .await?;
    let one = |row: &PgRow| Ok((row.try_get("scheme_reference")?, row.try_get("minor")?));
    found.iter().map(one).collect()
}

/// Writes a report, its differences, and which records it settled.
pub async fn insert_report(
    conn: &mut PgConnection,
    (header, report, fee_minor): (&SettlementHeader, &Report, i64),
    (agreed, breaks): (&[String], &[(Uuid, Difference)]),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO settlement_reports (report_id, settlement_date, clearing_date, agreed, breaks, net_minor, \
             fee_minor, received_at, currency) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&header.report_id)
    .bind(header.settlement_date)
    .bind(header.clearing_date)
    .bind(report.agreed)
    .bind(report.breaks)
    .bind(report.net_minor)
    .bind(fee_minor)
    .bind(now)
    .bind(header.currency.code())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE clearing_items SET settled_by = $1 WHERE scheme_reference = ANY($2) AND NOT refused",
    )
    .bind(&header.report_id)
    .bind(agreed)
    .execute(&mut *conn)
    .await?;
    insert_breaks(conn, header, breaks, now).await
}

async fn insert_breaks(
    conn: &mut PgConnection,
    header: &SettlementHeader,
    breaks: &[(Uuid, Difference)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    fn column<C>(
        breaks: &[(Uuid, Difference)],
        value: impl Fn(&(Uuid, Difference)) -> C,
    ) -> Vec<C> {
        breaks.iter().map(value).collect()
    }
    sqlx::query(
        "INSERT INTO settlement_breaks (report_id, currency, found_at, break_id, scheme_minor, bank_minor, \
             scheme_reference, kind) \
         SELECT $1, $2, $3, new.* FROM unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::text[], $8::text[]) AS new",
    )
    .bind(&header.report_id)
    .bind(header.currency.code())
    .bind(now)
    .bind(column(breaks, |(id, _)| *id))
    .bind(column(breaks, |(_, one)| one.scheme_minor))
    .bind(column(breaks, |(_, one)| one.bank_minor))
    .bind(column(breaks, |(_, one)| one.scheme_reference.clone()))
    .bind(column(breaks, |(_, one)| one.kind.code()))
    .execute(conn)
    .await?;
    Ok(())
}

/// A report.
pub async fn find_report(
    conn: &mut PgConnection,
    report_id: &str,
) -> Result<Option<Report>, Error> {
    let found = sqlx::query(
        "SELECT report_id, agreed, breaks, net_minor FROM settlement_reports WHERE report_id = $1",
    )
    .bind(report_id)
    .fetch_optional(conn)
    .await?;
    let report = |row: &PgRow| {
        Ok(Report {
            report_id: row.try_get("report_id")?,
            agreed: row.try_get("agreed")?,
            breaks: row.try_get("breaks")?,
            net_minor: row.try_get("net_minor")?,
        })
    };
    found.as_ref().map(report).transpose()
}

/// Locks a difference.
pub async fn lock_break(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<SettlementBreak>, Error> {
    let found = sqlx::query(
        "SELECT break_id, report_id, scheme_reference, kind, scheme_minor, bank_minor, currency, resolution, reason \
         FROM settlement_breaks WHERE break_id = $1 FOR NO KEY UPDATE",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    found.as_ref().map(settlement_break).transpose()
}

/// One difference.
pub async fn find_break(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<SettlementBreak>, Error> {
    let found = sqlx::query(
        "SELECT break_id, report_id, scheme_reference, kind, scheme_minor, bank_minor, currency, resolution, reason \
         FROM settlement_breaks WHERE break_id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    found.as_ref().map(settlement_break).transpose()
}

/// Writes how a difference was resolved.
pub async fn resolve_break(
    conn: &mut PgConnection,
    id: Uuid,
    (resolution, reason): (Resolution, &str),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE settlement_breaks SET resolution = $2, reason = $3, resolved_at = $4 WHERE break_id = $1",
    )
    .bind(id)
    .bind(resolution.code())
    .bind(reason)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Differences that are not resolved, with an id above `after`, the oldest first.
pub async fn list_breaks(
    conn: &mut PgConnection,
    report_id: Option<&str>,
    (after, most): (Uuid, i64),
) -> Result<Vec<SettlementBreak>, Error> {
    let found = sqlx::query(
        "SELECT break_id, report_id, scheme_reference, kind, scheme_minor, bank_minor, currency, resolution, reason \
         FROM settlement_breaks \
         WHERE resolution IS NULL AND break_id > $1 AND ($2::text IS NULL OR report_id = $2) \
         ORDER BY break_id LIMIT $3",
    )
    .bind(after)
    .bind(report_id)
    .bind(most)
    .fetch_all(conn)
    .await?;
    found.iter().map(settlement_break).collect()
}

/// What was booked on a business date on what holders owe; and how many batches accounting has not got yet.
pub async fn day_totals(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<(Vec<DayTotalRow>, i64), Error> {
    let found = sqlx::query(
        "SELECT product, currency, \
             coalesce(sum(principal_minor) FILTER (WHERE NOT reversal), 0)::bigint AS debit_minor, \
             coalesce(sum(principal_minor) FILTER (WHERE reversal), 0)::bigint AS credit_minor \
         FROM bookings WHERE business_date = $1 AND kind = 'CARD_RECEIVABLE' \
         GROUP BY product, currency ORDER BY product, currency",
    )
    .bind(date.as_date())
    .fetch_all(&mut *conn)
    .await?;
    let total = |row: &PgRow| {
        Ok(DayTotalRow {
            product: row.try_get("product")?,
            currency: row.try_get("currency")?,
            debit_minor: row.try_get("debit_minor")?,
            credit_minor: row.try_get("credit_minor")?,
        })
    };
    let totals: Result<Vec<_>, Error> = found.iter().map(total).collect();
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE business_date = $1")
        .bind(date.as_date())
        .fetch_one(conn)
        .await?;
    Ok((totals?, waiting))
}

fn settlement_break(row: &PgRow) -> Result<SettlementBreak, Error> {
    let (kind, resolution): (&str, Option<&str>) =
        (row.try_get("kind")?, row.try_get("resolution")?);
    let resolution = resolution
        .map(|code| Resolution::from_code(code).ok_or_else(|| corrupt("resolution", code)));
    let currency: Currency = rows::currency(row.try_get("currency")?)?;
    Ok(SettlementBreak {
        id: row.try_get("break_id")?,
        report_id: row.try_get("report_id")?,
        difference: Difference {
            scheme_reference: row.try_get("scheme_reference")?,
            kind: BreakKind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?,
            scheme_minor: row.try_get("scheme_minor")?,
            bank_minor: row.try_get("bank_minor")?,
        },
        currency,
        resolution: resolution.transpose()?,
        reason: row.try_get("reason")?,
    })
}
