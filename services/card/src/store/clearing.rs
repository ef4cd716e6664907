//! Clearing files and their records, as they come in, are claimed for posting, and are listed.

use chrono::{DateTime, Utc};
use kernel::{CardId, RequestId};
use platform::db::Error;
use scheme::clearing::{Record, Totals};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::{self, corrupt, select_items};
use crate::domain::{ClearingFile, FileStatus, Item};

/// A record as it is taken: its number is looked up, and not here any more.
pub struct NewItem {
    /// Its id here.
    pub id: Uuid,
    /// Its line in the file.
    pub line: i32,
    /// The card; `None` where the number is none of ours.
    pub card_id: Option<CardId>,
    /// What it says that it clears.
    pub authorization_id: RequestId,
    /// Of its number.
    pub last_four: String,
    /// The record.
    pub record: Record,
}

/// A file, and how many of its records are where.
pub struct FileState {
    /// The file.
    pub file: ClearingFile,
    /// Records posted.
    pub posted: i64,
    /// Records that need a person.
    pub exceptions: i64,
}

/// Makes sure that there is a row of the file, and locks it.
pub async fn begin_file(
    conn: &mut PgConnection,
    file_id: &str,
    now: DateTime<Utc>,
) -> Result<ClearingFile, Error> {
    sqlx::query(
        "INSERT INTO clearing_files (file_id, received_at, parts, lines, records, debit_minor, credit_minor, fee_minor, \
             status) \
         VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 'RECEIVING') ON CONFLICT (file_id) DO NOTHING",
    )
    .bind(file_id)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    let file = lock_file(conn, file_id).await?;
    file.ok_or_else(|| corrupt("clearing file", file_id))
}

/// Locks a file.
pub async fn lock_file(
    conn: &mut PgConnection,
    file_id: &str,
) -> Result<Option<ClearingFile>, Error> {
    let found = sqlx::query(
        "SELECT file_id, clearing_date, parts, lines, records, debit_minor, credit_minor, fee_minor, trailer_records, \
             trailer_debit_minor, trailer_credit_minor, trailer_fee_minor, status, refusal \
         FROM clearing_files WHERE file_id = $1 FOR NO KEY UPDATE",
    )
    .bind(file_id)
    .fetch_optional(conn)
    .await?;
    found.as_ref().map(file).transpose()
}

/// Writes how far a file has come.
pub async fn save_file(conn: &mut PgConnection, file: &ClearingFile) -> Result<(), Error> {
    let trailer = file.trailer;
    sqlx::query(
        "UPDATE clearing_files SET clearing_date = $2, parts = $3, lines = $4, records = $5, debit_minor = $6, \
             credit_minor = $7, fee_minor = $8, trailer_records = $9, trailer_debit_minor = $10, \
             trailer_credit_minor = $11, trailer_fee_minor = $12, status = $13, refusal = $14 \
         WHERE file_id = $1",
    )
    .bind(&file.file_id)
    .bind(file.clearing_date)
    .bind(file.parts)
    .bind(file.lines)
    .bind(count(file.totals))
    .bind(file.totals.debit_minor)
    .bind(file.totals.credit_minor)
    .bind(file.totals.fee_minor)
    .bind(trailer.map(count))
    .bind(trailer.map(|trailer| trailer.debit_minor))
    .bind(trailer.map(|trailer| trailer.credit_minor))
    .bind(trailer.map(|trailer| trailer.fee_minor))
    .bind(file.status.code())
    .bind(file.refusal.as_deref())
    .execute(&mut *conn)
    .await?;
    if file.status == FileStatus::Refused {
        sqlx::query("UPDATE clearing_items SET refused = true WHERE file_id = $1")
            .bind(&file.file_id)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Writes records, and answers whether all of them were new: where one was not, the tx must not be committed.
pub async fn insert_items(
    conn: &mut PgConnection,
    file_id: &str,
    items: &[NewItem],
) -> Result<bool, Error> {
    fn column<'a, C>(items: &'a [NewItem], value: impl Fn(&'a NewItem) -> C) -> Vec<C> {
        items.iter().map(value).collect()
    }
    if items.is_empty() {
        return Ok(true);
    }
    let done = sqlx::query(
        "INSERT INTO clearing_items (file_id, item_id, card_id, authorization_id, amount_minor, fee_minor, line, \
             currency, last_four, scheme_reference, kind, part, status) \
         SELECT $1, new.*, 'RECEIVED' \
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::integer[], $8::text[], \
             $9::text[], $10::text[], $11::text[], $12::text[]) AS new \
         ON CONFLICT (scheme_reference) WHERE NOT refused DO NOTHING",
    )
    .bind(file_id)
    .bind(column(items, |item| item.id))
    .bind(column(items, |item| item.card_id.map(CardId::as_uuid)))
    .bind(column(items, |item| item.authorization_id.as_uuid()))
    .bind(column(items, |item| item.record.amount_minor))
    .bind(column(items, |item| item.record.fee_minor))
    .bind(column(items, |item| item.line))
    .bind(column(items, |item: &NewItem| item.record.currency.code()))
    .bind(column(items, |item| item.last_four.as_str()))
    .bind(column(items, |item| item.record.scheme_reference.as_str()))
    .bind(column(items, |item| rows::item_kind(item.record.kind)))
    .bind(column(items, |item| item.record.part.code()))
    .execute(conn)
    .await?;
    Ok(u64::try_from(items.len()).is_ok_and(|wanted| wanted == done.rows_affected()))
}

/// Cards by the digests of their numbers.
pub async fn cards_by_digest(
    conn: &mut PgConnection,
    digests: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, CardId)>, Error> {
    let found = sqlx::query("SELECT pan_digest, card_id FROM cards WHERE pan_digest = ANY($1)")
        .bind(digests)
        .fetch_all(conn)
        .await?;
    let card =
        |row: &PgRow| Ok((row.try_get("pan_digest")?, CardId::from_uuid(row.try_get("card_id")?)));
    found.iter().map(card).collect()
}

/// The next records of accepted files, in the order of their lines, but for those whose authorization is being posted to.
pub async fn find_received(conn: &mut PgConnection, most: i64) -> Result<Vec<Item>, Error> {
    let found = sqlx::query(select_items!(
        "WHERE status = 'RECEIVED' \
             AND file_id IN (SELECT file_id FROM clearing_files WHERE status = 'ACCEPTED') \
             AND NOT EXISTS ( \
                 SELECT FROM clearing_items AS posting \
                 WHERE posting.authorization_id = clearing_items.authorization_id AND posting.status = 'POSTING' \
             ) \
         ORDER BY file_id, line LIMIT $1"
    ))
    .bind(most)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::item).collect()
}

/// Notes that files are finished, of which nothing is open any more.
pub async fn finish_files(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE clearing_files SET status = 'FINISHED', finished_at = $1 \
         WHERE status = 'ACCEPTED' AND NOT EXISTS ( \
             SELECT FROM clearing_items \
             WHERE clearing_items.file_id = clearing_files.file_id AND status IN ('RECEIVED', 'POSTING', 'EXCEPTION') \
         )",
    )
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Whether a file is accepted and not finished.
pub async fn is_at_work(conn: &mut PgConnection) -> Result<bool, Error> {
    let waits = "SELECT EXISTS (SELECT FROM clearing_files WHERE status = 'ACCEPTED')";
    Ok(sqlx::query_scalar(waits).fetch_one(conn).await?)
}

/// A file, and how far its records are.
pub async fn find_file(conn: &mut PgConnection, file_id: &str) -> Result<Option<FileState>, Error> {
    let found = sqlx::query(
        "SELECT f.file_id, f.clearing_date, f.parts, f.lines, f.records, f.debit_minor, f.credit_minor, f.fee_minor, \
             f.trailer_records, f.trailer_debit_minor, f.trailer_credit_minor, f.trailer_fee_minor, f.status, \
             f.refusal, items.posted, items.exceptions \
         FROM clearing_files AS f CROSS JOIN LATERAL ( \
             SELECT count(*) FILTER (WHERE status = 'POSTED') AS posted, \
                 count(*) FILTER (WHERE status = 'EXCEPTION') AS exceptions \
             FROM clearing_items WHERE clearing_items.file_id = f.file_id \
         ) AS items \
         WHERE f.file_id = $1",
    )
    .bind(file_id)
    .fetch_optional(conn)
    .await?;
    let state = |row: &PgRow| {
        let (posted, exceptions) = (row.try_get("posted")?, row.try_get("exceptions")?);
        Ok(FileState { file: file(row)?, posted, exceptions })
    };
    found.as_ref().map(state).transpose()
}

/// One record.
pub async fn find_item(conn: &mut PgConnection, id: Uuid) -> Result<Option<Item>, Error> {
    let found = sqlx::query(select_items!("WHERE item_id = $1")).bind(id).fetch_optional(conn);
    found.await?.as_ref().map(rows::item).transpose()
}

/// Records that need a person, with an id above `after`, the oldest first.
pub async fn list_exceptions(
    conn: &mut PgConnection,
    file_id: Option<&str>,
    (after, most): (Uuid, i64),
) -> Result<Vec<Item>, Error> {
    let found = sqlx::query(select_items!(
        "WHERE status = 'EXCEPTION' AND item_id > $1 AND ($2::text IS NULL OR file_id = $2) ORDER BY item_id LIMIT $3"
    ))
    .bind(after)
    .bind(file_id)
    .bind(most)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::item).collect()
}

fn file(row: &PgRow) -> Result<ClearingFile, Error> {
    let status: &str = row.try_get("status")?;
    let trailer: Option<i32> = row.try_get("trailer_records")?;
    let trailer = trailer.map(|records| totals(row, records, "trailer_")).transpose()?;
    Ok(ClearingFile {
        file_id: row.try_get("file_id")?,
        clearing_date: row.try_get("clearing_date")?,
        status: FileStatus::from_code(status).ok_or_else(|| corrupt("status", status))?,
        parts: row.try_get("parts")?,
        lines: row.try_get("lines")?,
        totals: totals(row, row.try_get("records")?, "")?,
        trailer,
        refusal: row.try_get("refusal")?,
    })
}

fn totals(row: &PgRow, records: i32, of: &str) -> Result<Totals, Error> {
    let minor = |what: &str| row.try_get::<i64, _>(format!("{of}{what}_minor").as_str());
    Ok(Totals {
        records: u32::try_from(records).map_err(|_| corrupt("records", &records.to_string()))?,
        debit_minor: minor("debit")?,
        credit_minor: minor("credit")?,
        fee_minor: minor("fee")?,
    })
}

fn count(totals: Totals) -> i32 {
    i32::try_from(totals.records).unwrap_or(i32::MAX)
}
