//! The queries.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, Currency, PostingId};
use platform::db::Error;
use sqlx::{PgConnection, Row};

use super::rows;
use crate::domain::{EventKind, GlAccount, Side, TrialBalanceLine, Turnover};

/// A journal as it stands in the books.
pub struct JournalRow {
    /// The posting that it books.
    pub posting: PostingId,
    /// Who reported it.
    pub source: String,
    /// In which of its batches.
    pub batch_number: i64,
    /// What happened.
    pub event: EventKind,
    /// The business date.
    pub business_date: BusinessDate,
    /// From when the money counts.
    pub value_date: BusinessDate,
    /// When its source booked it.
    pub booked_at: DateTime<Utc>,
    /// In order.
    pub lines: Vec<LineRow>,
}

/// A line of a journal.
pub struct LineRow {
    /// On which account.
    pub account: GlAccount,
    /// In which direction.
    pub side: Side,
    /// Positive.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
}

/// The journal of a posting. The key is looked up in each day's partition; the lines are then sought in that day.
pub async fn find_journal(
    conn: &mut PgConnection,
    posting: PostingId,
) -> Result<Option<JournalRow>, Error> {
    let row = sqlx::query(
        "SELECT source, batch_number, event, business_date, value_date, booked_at FROM journals \
         WHERE journal_id = $1",
    )
    .bind(posting.as_uuid())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let business_date = rows::date(&row, "business_date")?;
    let lines = sqlx::query(
        "SELECT gl_account, side, amount_minor, currency FROM journal_lines \
         WHERE journal_id = $1 AND business_date = $2 ORDER BY line_no",
    )
    .bind(posting.as_uuid())
    .bind(business_date.as_date())
    .fetch_all(conn)
    .await?;
    let line = |row| {
        Ok(LineRow {
            account: rows::account(row)?,
            side: rows::side(row)?,
            amount_minor: row.try_get("amount_minor")?,
            currency: rows::currency(row)?,
        })
    };
    Ok(Some(JournalRow {
        posting,
        source: row.try_get("source")?,
        batch_number: row.try_get("batch_number")?,
        event: rows::event(&row)?,
        business_date,
        value_date: rows::date(&row, "value_date")?,
        booked_at: row.try_get("booked_at")?,
        lines: lines.iter().map(line).collect::<Result<_, Error>>()?,
    }))
}

/// Every account that was ever booked on up to this date: its balance before it and its turnover on it.
pub async fn trial_balance(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<Vec<TrialBalanceLine>, Error> {
    let found = sqlx::query(
        "SELECT gl_account, currency, \
             COALESCE(sum(debit_minor - credit_minor) FILTER (WHERE business_date < $1), 0)::bigint \
                 AS opening_minor, \
             COALESCE(sum(debit_minor) FILTER (WHERE business_date = $1), 0)::bigint AS debit_minor, \
             COALESCE(sum(credit_minor) FILTER (WHERE business_date = $1), 0)::bigint AS credit_minor \
         FROM gl_balances WHERE business_date <= $1 \
         GROUP BY gl_account, currency ORDER BY gl_account, currency",
    )
    .bind(date.as_date())
    .fetch_all(conn)
    .await?;
    found
        .iter()
        .map(|row| {
            Ok(TrialBalanceLine {
                account: rows::account(row)?,
                currency: rows::currency(row)?,
                opening_minor: row.try_get("opening_minor")?,
                turnover: rows::turnover(row)?,
            })
        })
        .collect()
}

/// The turnover of every account on a date.
pub async fn turnovers(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<BTreeMap<(GlAccount, Currency), Turnover>, Error> {
    let found = sqlx::query(
        "SELECT gl_account, currency, debit_minor, credit_minor FROM gl_balances \
         WHERE business_date = $1",
    )
    .bind(date.as_date())
    .fetch_all(conn)
    .await?;
    found
        .iter()
        .map(|row| Ok(((rows::account(row)?, rows::currency(row)?), rows::turnover(row)?)))
        .collect()
}
