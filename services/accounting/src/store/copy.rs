//! Rows for `COPY ... FROM STDIN (FORMAT binary)`: the cheapest way into a table. A page of rows is one WAL record and
//! one buffer lock, where INSERT pays both per row; measured, journals and lines cost half the time and two thirds of
//! the WAL of `INSERT ... SELECT FROM unnest(...)`.
//!
//! The format: <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4>. Columns are not named in it, so the
//! order of the calls is that of the statement.

use chrono::{DateTime, Utc};
use kernel::BusinessDate;
use sqlx::PgConnection;
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// 2000-01-01 in days and in seconds since 1970-01-01, which is where Postgres counts from.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400 * 1_000_000;

/// Rows, encoded.
pub(super) struct Rows {
    bytes: Vec<u8>,
    columns: i16,
}

impl Rows {
    /// No rows yet, each of so many columns; `expected` is how many will come.
    pub(super) fn new(columns: i16, expected: usize) -> Self {
        let mut bytes = Vec::with_capacity(expected.saturating_mul(120).saturating_add(32));
        bytes.extend_from_slice(SIGNATURE);
        // No flags, no header extension.
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, columns }
    }

    /// Begins a row; its columns follow.
    pub(super) fn row(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    fn field<const N: usize>(&mut self, value: [u8; N]) -> &mut Self {
        self.variable(&value)
    }

    fn variable(&mut self, value: &[u8]) -> &mut Self {
        // Values are codes and numbers; Postgres would refuse a length that does not fit.
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.into_bytes())
    }

    pub(super) fn bigint(&mut self, value: i64) -> &mut Self {
        self.field(value.to_be_bytes())
    }

    pub(super) fn smallint(&mut self, value: i16) -> &mut Self {
        self.field(value.to_be_bytes())
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.field([u8::from(value)])
    }

    /// For `text` and `char(n)` alike.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.variable(value.as_bytes())
    }

    pub(super) fn date(&mut self, value: BusinessDate) -> &mut Self {
        let days = value.as_date().signed_duration_since(chrono::NaiveDate::default()).num_days();
        // chrono's calendar is a little shorter than Postgres's.
        let days = i32::try_from(days - EPOCH_DAYS).unwrap_or(i32::MAX);
        self.field(days.to_be_bytes())
    }

    pub(super) fn timestamp(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.bigint(value.timestamp_micros().saturating_sub(EPOCH_MICROS))
    }

    /// Sends all rows by the statement, which must be a COPY in binary format; answers how many there were.
    pub(super) async fn send(
        mut self,
        conn: &mut PgConnection,
        statement: &'static str,
    ) -> Result<u64, sqlx::Error> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = conn.copy_in_raw(statement).await?;
        copy.send(self.bytes).await?;
        copy.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_postgres_reads_them() {
        let mut rows = Rows::new(3, 1);
        let date = BusinessDate::parse("2000-01-02").unwrap();
        let at = DateTime::from_timestamp(946_684_800, 5_000).unwrap();
        rows.row().date(date).timestamp(at).text("CNY");

        let mut expected = SIGNATURE.to_vec();
        expected.extend([0; 8]);
        expected.extend([0, 3, 0, 0, 0, 4, 0, 0, 0, 1]);
        expected.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
        expected.extend([0, 0, 0, 3, b'C', b'N', b'Y']);
        assert_eq!(rows.bytes, expected);
    }
}
