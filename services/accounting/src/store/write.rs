//! The statements of the posting path: one per table, whatever the number of batches and events.
//!
//! COPY instead of INSERT was tried for journals and lines: at a thousand events it took 5 µs per event of Postgres's
//! time instead of 8 and two thirds of the WAL; at a few events twice the time, and 40 ms more each, because sqlx leaves
//! Nagle's algorithm on and the end of a COPY is a small packet behind another. A delivery is usually small.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::BusinessDate;
use platform::db::Error;
use sqlx::{PgConnection, Row};

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

/// Writes the journals, without their lines.
pub async fn save_journals(conn: &mut PgConnection, bookings: &[Booking<'_>]) -> Result<(), Error> {
    let journals = || bookings.iter().flat_map(|b| b.journals.iter().map(move |j| (b, j)));
    sqlx::query(
        "INSERT INTO journals (journal_id, batch_number, booked_at, business_date, value_date, \
             reversal, source, event) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::date[], $5::date[], \
             $6::boolean[], $7::text[], $8::text[])",
    )
    .bind(journals().map(|(_, j)| j.posting().as_uuid()).collect::<Vec<_>>())
    .bind(journals().map(|(b, _)| b.batch.number).collect::<Vec<_>>())
    .bind(journals().map(|(b, _)| b.batch.booked_at).collect::<Vec<_>>())
    .bind(journals().map(|(_, j)| j.business_date().as_date()).collect::<Vec<_>>())
    .bind(journals().map(|(_, j)| j.value_date().as_date()).collect::<Vec<_>>())
    .bind(journals().map(|(_, j)| j.is_reversal()).collect::<Vec<_>>())
    .bind(journals().map(|(b, _)| b.source).collect::<Vec<_>>())
    .bind(journals().map(|(_, j)| j.event().code()).collect::<Vec<_>>())
    .execute(conn)
    .await
    .map_err(error::saving_journals)?;
    Ok(())
}

/// Writes the lines of the journals.
pub async fn save_lines(conn: &mut PgConnection, bookings: &[Booking<'_>]) -> Result<(), Error> {
    let lines = || {
        let journals = bookings.iter().flat_map(|booking| &booking.journals);
        journals.flat_map(|j| (1_i16..).zip(j.lines()).map(move |(line_no, l)| (j, line_no, l)))
    };
    sqlx::query(
        "INSERT INTO journal_lines (journal_id, amount_minor, business_date, line_no, side, \
             currency, gl_account) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::date[], $4::smallint[], $5::text[], \
             $6::text[], $7::text[])",
    )
    .bind(lines().map(|(j, ..)| j.posting().as_uuid()).collect::<Vec<_>>())
    .bind(lines().map(|(.., l)| l.amount.minor()).collect::<Vec<_>>())
    .bind(lines().map(|(j, ..)| j.business_date().as_date()).collect::<Vec<_>>())
    .bind(lines().map(|(_, line_no, _)| line_no).collect::<Vec<_>>())
    .bind(lines().map(|(.., l)| l.side.code()).collect::<Vec<_>>())
    .bind(lines().map(|(.., l)| l.amount.currency().to_string()).collect::<Vec<_>>())
    .bind(lines().map(|(.., l)| l.account.code()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
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
