//! A clearing file of some records, and the settlement report that belongs to it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use kernel::Currency;
use scheme::clearing::{ClearingKind, FileHeader, Line, Part, Record, Totals, write_line};
use scheme::settlement::{SettlementHeader, SettlementRecord, SettlementReport};
use scheme::{Message, Pan, institution, words};

/// A clearing file.
#[derive(Debug, Clone)]
pub struct ClearingFile {
    /// Its name.
    pub file_id: String,
    /// The scheme's day.
    pub date: NaiveDate,
    /// What is to be cleared.
    pub records: Vec<Record>,
}

/// Makes references of the scheme: 23 digits, no two alike, over all runs.
#[derive(Debug)]
pub struct References {
    prefix: String,
    next: AtomicU64,
}

impl References {
    /// Those of a run that begins now.
    pub fn new(now: DateTime<Utc>) -> Self {
        let random = rand::random::<u16>() % 1_000;
        let prefix = format!("{:013}{random:03}", now.timestamp_millis());
        Self { prefix, next: AtomicU64::new(0) }
    }

    /// The next one.
    pub fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % 10_000_000;
        format!("{}{number:07}", self.prefix)
    }

    /// A name for a file, which no other file has.
    pub fn file_id(&self) -> String {
        format!("LT-{}", self.next())
    }
}

impl ClearingFile {
    /// All lines, with their ends.
    pub fn lines(&self) -> anyhow::Result<Vec<String>> {
        let header = FileHeader { file_id: self.file_id.clone(), clearing_date: self.date };
        let mut lines = vec![write_line(&Line::Header(header))? + "\n"];
        let mut totals = Totals::default();
        for record in &self.records {
            lines.push(record.write()? + "\n");
            let sum = totals.with(record.kind, record.amount_minor, record.fee_minor);
            totals = sum.context("the sums of the file have no room")?;
        }
        lines.push(totals.write()? + "\n");
        Ok(lines)
    }

    /// The text of a file, read back.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines().map(|line| scheme::clearing::parse_line(line.as_bytes()));
        let Some(Ok(Line::Header(header))) = lines.next() else {
            bail!("a clearing file begins with a header");
        };
        let mut records = Vec::new();
        for (line, number) in lines.zip(2_u32..) {
            match line.with_context(|| format!("line {number}"))? {
                Line::Record(record) => records.push(*record),
                Line::Trailer(_) => break,
                Line::Header(_) => bail!("line {number}: a second header"),
            }
        }
        Ok(Self { file_id: header.file_id, date: header.clearing_date, records })
    }
}

/// The report by which the scheme settles all of a file.
pub fn settlement(file: &ClearingFile, settled_on: NaiveDate) -> anyhow::Result<SettlementReport> {
    let records = file.records.iter().map(|record| SettlementRecord {
        scheme_reference: record.scheme_reference.clone(),
        kind: record.kind,
        amount_minor: record.amount_minor,
        fee_minor: record.fee_minor,
    });
    let mut report = SettlementReport {
        header: SettlementHeader {
            report_id: format!("S-{}", file.file_id),
            settlement_date: settled_on,
            clearing_date: file.date,
            currency: Currency::CNY,
        },
        records: records.collect(),
        trailer: Totals::default(),
    };
    report.trailer = report.sums().context("the sums of the report have no room")?;
    Ok(report)
}

/// The record that clears what a message asked and its answer approved.
pub fn record_of(
    asked: &Message,
    answer: Option<&Message>,
    (scheme_reference, transmitted_at): (String, DateTime<Utc>),
) -> anyhow::Result<Record> {
    let (amount_minor, currency) = words::amount(asked)?;
    let kind = match asked.required(3)?.get(..2) {
        Some("01") => ClearingKind::Cash,
        Some("20") => ClearingKind::Refund,
        _ => ClearingKind::Purchase,
    };
    let text = |field| asked.trimmed(field).unwrap_or_default().to_owned();
    let approval = answer.and_then(|answer| answer.trimmed(38)).unwrap_or_default();
    Ok(Record {
        scheme_reference,
        kind,
        pan: Pan::parse(asked.required(2)?)?,
        amount_minor,
        currency,
        acquirer: institution(asked.required(32)?).context("no acquirer")?,
        terminal: text(41),
        retrieval_reference: text(37),
        trace_number: text(11),
        transmitted_at,
        approval_code: (!approval.is_empty()).then(|| approval.to_owned()),
        part: Part::Whole,
        fee_minor: fee(amount_minor),
    })
}

/// What the scheme pays the bank for it: 0.3%, rounded down.
pub(super) const fn fee(amount_minor: i64) -> i64 {
    amount_minor / 1_000 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(references: &References, amount_minor: i64) -> Record {
        Record {
            scheme_reference: references.next(),
            kind: ClearingKind::Purchase,
            pan: Pan::with_check_digit("621234000000001").unwrap(),
            amount_minor,
            currency: Currency::CNY,
            acquirer: "00000012345".to_owned(),
            terminal: "TERM0001".to_owned(),
            retrieval_reference: "000000000001".to_owned(),
            trace_number: "000001".to_owned(),
            transmitted_at: DateTime::from_timestamp(1_795_392_000, 0).unwrap(),
            approval_code: Some("123456".to_owned()),
            part: Part::Whole,
            fee_minor: fee(amount_minor),
        }
    }

    #[test]
    fn a_file_is_read_back_as_it_was_written_and_its_report_settles_all_of_it() {
        let references = References::new(DateTime::UNIX_EPOCH);
        let date = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
        let records = vec![record(&references, 10_000), record(&references, 500)];
        let file = ClearingFile { file_id: references.file_id(), date, records };

        let lines = file.lines().unwrap();
        let read = ClearingFile::parse(&lines.concat()).unwrap();
        assert_eq!(
            (lines.len(), read.file_id, read.records),
            (4, file.file_id.clone(), file.records.clone())
        );

        let report = settlement(&file, date).unwrap();
        assert_eq!((report.trailer.records, report.trailer.debit_minor), (2, 10_500));
        assert_eq!(report.trailer.fee_minor, 30);
        report.write().unwrap();
        assert!(ClearingFile::parse("something else").is_err());
    }

    #[test]
    fn a_reference_has_23_digits_and_none_comes_twice() {
        let references = References::new(DateTime::from_timestamp(1_795_392_000, 0).unwrap());
        let (one, two) = (references.next(), references.next());

        assert_eq!((one.len(), two.len()), (23, 23));
        assert_ne!(one, two);
    }
}
