//! The statements of the posting path: one per table, whatever the number of batches and events.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::BusinessDate;
use platform::db::Error;
use sqlx::{PgConnection, Row};

use super::copy::Rows;
use super::{error, rows};
use crate::domain::{BalancedJournal, Batch, DayStatus, Turnovers};

/// A batch of a source: what the inbox knows it by.
pub type BatchKey = (String, i64);

/// A batch with the journals that it makes.
pub struct Booking<'a> {
    /// Who reported it.
    pub source: &'a str,
    /// As reported.
    pub batch: &'a Batch,
    /// One per event.
    pub journals: Vec<BalancedJournal>,
}

/// Keeps the status of these dates where it is until the end of the tx, and answers it. A date that the bank never had
/// is left out.
pub async fn lock_dates(
    conn: &mut PgConnection,
    dates: &[BusinessDate],
) -> Result<BTreeMap<BusinessDate, DayStatus>, Error> {
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.as_date()).collect();
    let found = sqlx::query(
        "SELECT business_date, status FROM business_days \
         WHERE business_date = ANY($1) ORDER BY business_date FOR SHARE",
    )
    .bind(dates)
    .fetch_all(conn)
    .await?;
    found.iter().map(|row| Ok((rows::date(row, "business_date")?, rows::status(row)?))).collect()
}

/// Enters batches into the inbox, and answers those that were not in it. Waits for any other tx that is entering one
/// of them; so a batch that is not answered is in the books.
pub async fn receive(
    conn: &mut PgConnection,
    bookings: &[Booking<'_>],
    now: DateTime<Utc>,
) -> Result<HashSet<BatchKey>, Error> {
    if bookings.is_empty() {
        return Ok(HashSet::new());
    }
    let sources: Vec<&str> = bookings.iter().map(|booking| booking.source).collect();
    let batches = || bookings.iter().map(|booking| booking.batch);
    let numbers: Vec<i64> = batches().map(|batch| batch.number).collect();
    let dates: Vec<_> = batches().map(|batch| batch.business_date.as_date()).collect();
    let fingerprints: Vec<i64> = batches().map(|batch| batch.fingerprint).collect();
    let events: Vec<i32> =
        batches().map(|batch| i32::try_from(batch.events.len()).unwrap_or(i32::MAX)).collect();
    // In order of number, so that two processes that deliver the same batches wait for each other and never in a ring.
    let entered = sqlx::query(
        "INSERT INTO inbox (source, batch_number, business_date, fingerprint, events, received_at) \
         SELECT source, batch_number, business_date, fingerprint, events, $6 \
         FROM unnest($1::text[], $2::bigint[], $3::date[], $4::bigint[], $5::integer[]) \
             AS batches (source, batch_number, business_date, fingerprint, events) \
         ORDER BY source, batch_number \
         ON CONFLICT DO NOTHING \
         RETURNING source, batch_number",
    )
    .bind(sources)
    .bind(numbers)
    .bind(dates)
    .bind(fingerprints)
    .bind(events)
    .bind(now)
    .fetch_all(conn)
    .await?;
    entered.iter().map(|row| Ok((row.try_get("source")?, row.try_get("batch_number")?))).collect()
}

/// The fingerprints of those of these batches that are in the books.
pub async fn find_received(
    conn: &mut PgConnection,
    batches: &[(&str, &Batch)],
) -> Result<HashMap<BatchKey, i64>, Error> {
    if batches.is_empty() {
        return Ok(HashMap::new());
    }
    let sources: Vec<&str> = batches.iter().map(|(source, _)| *source).collect();
    let numbers: Vec<i64> = batches.iter().map(|(_, batch)| batch.number).collect();
    let dates: Vec<_> = batches.iter().map(|(_, batch)| batch.business_date.as_date()).collect();
    let found = sqlx::query(
        "SELECT source, batch_number, fingerprint FROM inbox \
         WHERE (source, batch_number, business_date) IN \
             (SELECT * FROM unnest($1::text[], $2::bigint[], $3::date[]))",
    )
    .bind(sources)
    .bind(numbers)
    .bind(dates)
    .fetch_all(conn)
    .await?;
    found
        .iter()
        .map(|row| {
            let key = (row.try_get("source")?, row.try_get("batch_number")?);
            Ok((key, row.try_get("fingerprint")?))
        })
        .collect()
}

const COPY_JOURNALS: &str = "COPY journals (journal_id, batch_number, booked_at, business_date, \
     value_date, reversal, source, event) FROM STDIN (FORMAT binary)";

const COPY_LINES: &str = "COPY journal_lines (journal_id, amount_minor, business_date, line_no, \
     side, currency, gl_account) FROM STDIN (FORMAT binary)";

/// Writes journals and their lines.
pub async fn save_journals(conn: &mut PgConnection, bookings: &[Booking<'_>]) -> Result<(), Error> {
    let count = bookings.iter().map(|booking| booking.journals.len()).sum();
    let mut journals = Rows::new(8, count);
    let mut lines = Rows::new(7, count.saturating_mul(2));
    for booking in bookings {
        for journal in &booking.journals {
            journals
                .row()
                .uuid(journal.posting().as_uuid())
                .bigint(booking.batch.number)
                .timestamp(booking.batch.booked_at)
                .date(journal.business_date())
                .date(journal.value_date())
                .boolean(journal.is_reversal())
                .text(booking.source)
                .text(journal.event().code());
            add_lines(&mut lines, journal);
        }
    }
    journals.send(conn, COPY_JOURNALS).await.map_err(error::saving_journals)?;
    lines.send(conn, COPY_LINES).await?;
    Ok(())
}

fn add_lines(rows: &mut Rows, journal: &BalancedJournal) {
    for (line_no, line) in (1_i16..).zip(journal.lines()) {
        rows.row()
            .uuid(journal.posting().as_uuid())
            .bigint(line.amount.minor())
            .date(journal.business_date())
            .smallint(line_no)
            .text(line.side.code())
            .text(line.amount.currency().code())
            .text(line.account.code());
    }
}

/// Adds to the balances of the general ledger, which it locks in order of their key.
pub async fn add_turnovers(conn: &mut PgConnection, turnovers: &Turnovers) -> Result<(), Error> {
    let (mut accounts, mut currencies, mut dates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut debits, mut credits) = (Vec::new(), Vec::new());
    for (account, currency, date, turnover) in turnovers.iter() {
        accounts.push(account.code());
        currencies.push(currency.to_string());
        dates.push(date.as_date());
        debits.push(turnover.debit_minor);
        credits.push(turnover.credit_minor);
    }
    sqlx::query(
        "INSERT INTO gl_balances AS b (gl_account, currency, business_date, debit_minor, credit_minor) \
         SELECT gl_account, currency, business_date, debit_minor, credit_minor \
         FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[]) \
             AS t (gl_account, currency, business_date, debit_minor, credit_minor) \
         ORDER BY gl_account, currency, business_date \
         ON CONFLICT (gl_account, currency, business_date) DO UPDATE \
         SET debit_minor = b.debit_minor + excluded.debit_minor, \
             credit_minor = b.credit_minor + excluded.credit_minor",
    )
    .bind(accounts)
    .bind(currencies)
    .bind(dates)
    .bind(debits)
    .bind(credits)
    .execute(conn)
    .await?;
    Ok(())
}
