//! The settlement report: what the scheme says it settled of one clearing day in one currency, a line for each clearing
//! record, between a header and a trailer. Columns are data, and docs/reference/clearing-file.md has them: a test compares
//! them.
//!
//! Invariant: whatever the bytes, a report is read or refused; one that is read is written again to the same bytes. Absent
//! on purpose: whether the bank cleared the same.

use chrono::NaiveDate;
use kernel::Currency;

use crate::clearing::{ClearingKind, Totals, date, date_text, name, positive};
use crate::line::{self, Column, digits, sign, signed, text, value};
use crate::{LineError, LineProblem};

const FORMAT: &str = "SETTLING01";

/// The columns of a header.
pub const HEADER: [Column; 6] = [
    text("type", 1),
    text("format", 10),
    text("report id", 40),
    digits("settlement date", 8),
    digits("clearing date", 8),
    text("currency", 3),
];

/// The columns of a record.
pub const RECORD: [Column; 6] = [
    text("type", 1),
    digits("scheme reference", 23),
    digits("kind", 2),
    digits("amount", 12),
    text("fee sign", 1),
    digits("fee", 9),
];

/// A settlement report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementReport {
    /// Its first line.
    pub header: SettlementHeader,
    /// The lines between.
    pub records: Vec<SettlementRecord>,
    /// Its last line: what it says its records sum up to.
    pub trailer: Totals,
}

/// The first line of a settlement report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementHeader {
    /// The report's name: 1 to 40 letters, digits, `-` and `_`.
    pub report_id: String,
    /// The day on which the money moves.
    pub settlement_date: NaiveDate,
    /// The clearing day that is settled.
    pub clearing_date: NaiveDate,
    /// The currency of all its records.
    pub currency: Currency,
}

/// One clearing record, as the scheme settled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRecord {
    /// The scheme's reference, as in the clearing file.
    pub scheme_reference: String,
    /// What it is.
    pub kind: ClearingKind,
    /// How much, at least one minor unit.
    pub amount_minor: i64,
    /// The interchange fee: positive, the scheme pays it to the bank; negative, the bank to the scheme.
    pub fee_minor: i64,
}

/// What is wrong with a report, and in which line, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct ReportError {
    /// The line, from 1, the header being line 1.
    pub line: usize,
    /// What is wrong with it.
    pub error: LineError,
}

impl SettlementReport {
    /// Reads a whole report. Whether the trailer agrees with the records, [`Self::sums`] says.
    pub fn parse(content: &[u8]) -> Result<Self, ReportError> {
        let wrong = |line, error| ReportError { line, error };
        let no_end = LineError { column: "line", problem: LineProblem::Length };
        let lines: Vec<&[u8]> = line::lines(content).ok_or(wrong(1, no_end))?.collect();
        let [header, records @ .., trailer] = lines.as_slice() else {
            return Err(wrong(1, value("type")));
        };
        let header = SettlementHeader::parse(header).map_err(|error| wrong(1, error))?;
        let records = records.iter().zip(2_usize..).map(|(record, line)| {
            SettlementRecord::parse(record).map_err(|error| wrong(line, error))
        });
        let records = records.collect::<Result<_, _>>()?;
        let trailer = expect(b'T', trailer)
            .and_then(Totals::parse)
            .map_err(|error| wrong(lines.len(), error))?;
        Ok(Self { header, records, trailer })
    }

    /// What the records sum up to, which is to be what the trailer says. `None` where the sums have no room.
    pub fn sums(&self) -> Option<Totals> {
        self.records.iter().try_fold(Totals::default(), |sums, record| {
            sums.with(record.kind, record.amount_minor, record.fee_minor)
        })
    }

    /// The report, every line with its end.
    pub fn write(&self) -> Result<String, LineError> {
        let mut report = self.header.write()?;
        report.push('\n');
        for record in &self.records {
            report.push_str(&record.write()?);
            report.push('\n');
        }
        report.push_str(&self.trailer.write()?);
        report.push('\n');
        Ok(report)
    }
}

impl SettlementHeader {
    fn parse(line: &[u8]) -> Result<Self, LineError> {
        let columns = line::split(expect(b'H', line)?, &HEADER)?;
        let [_, format, report_id, settlement_date, clearing_date, currency] = columns;
        if format != FORMAT {
            return Err(value("format"));
        }
        Ok(Self {
            report_id: name(report_id).ok_or(value("report id"))?,
            settlement_date: date(settlement_date).ok_or(value("settlement date"))?,
            clearing_date: date(clearing_date).ok_or(value("clearing date"))?,
            currency: Currency::parse(currency).map_err(|_| value("currency"))?,
        })
    }

    /// The line, without its end.
    pub fn write(&self) -> Result<String, LineError> {
        let report_id = name(&self.report_id).ok_or(value("report id"))?;
        let [settlement_date, clearing_date] =
            [self.settlement_date, self.clearing_date].map(date_text);
        let currency = self.currency.code();
        line::join(&HEADER, ["H", FORMAT, &report_id, &settlement_date, &clearing_date, currency])
    }
}

impl SettlementRecord {
    fn parse(line: &[u8]) -> Result<Self, LineError> {
        let columns = line::split(expect(b'S', line)?, &RECORD)?;
        let [_, scheme_reference, kind, amount, fee_sign, fee] = columns;
        Ok(Self {
            scheme_reference: scheme_reference.to_owned(),
            kind: ClearingKind::parse(kind).ok_or(value("kind"))?,
            amount_minor: positive(amount).ok_or(value("amount"))?,
            fee_minor: signed(fee_sign, fee, "fee")?,
        })
    }

    /// The line, without its end.
    pub fn write(&self) -> Result<String, LineError> {
        if self.amount_minor < 1 {
            return Err(value("amount"));
        }
        let fee = self.fee_minor.unsigned_abs().to_string();
        let (kind, amount) = (self.kind.code(), self.amount_minor.to_string());
        let fee_sign = sign(self.fee_minor);
        line::join(&RECORD, ["S", &self.scheme_reference, kind, &amount, fee_sign, &fee])
    }
}

/// The line, where it is of this type.
fn expect(kind: u8, line: &[u8]) -> Result<&[u8], LineError> {
    if line.first() == Some(&kind) { Ok(line) } else { Err(value("type")) }
}
