//! The clearing file: what the scheme asks the bank to pay for one of its days, a line each, between a header and a
//! trailer. Columns are data, and docs/reference/clearing-file.md has them: a test compares them.
//!
//! Invariants: whatever the bytes, a line is read or refused; a line that is read is written again to the same bytes; no
//! card number prints. Absent on purpose: whether the records belong to anything.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use kernel::Currency;

use crate::line::{self, Column, digits, sign, signed, text, value};
use crate::{LineError, Pan};

const FORMAT: &str = "CLEARING01";

/// The columns of a header.
pub const HEADER: [Column; 4] =
    [text("type", 1), text("format", 10), text("file id", 40), digits("clearing date", 8)];

/// The columns of a record.
pub const RECORD: [Column; 15] = [
    text("type", 1),
    digits("scheme reference", 23),
    digits("kind", 2),
    text("card number", 19),
    digits("amount", 12),
    text("currency", 3),
    digits("acquirer", 11),
    text("terminal", 8),
    text("retrieval reference", 12),
    digits("trace number", 6),
    digits("transmitted at", 14),
    text("approval code", 6),
    text("part", 1),
    text("fee sign", 1),
    digits("fee", 9),
];

/// The columns of a trailer, of the clearing file and of the settlement report.
pub const TRAILER: [Column; 6] = [
    text("type", 1),
    digits("records", 9),
    digits("debits", 15),
    digits("credits", 15),
    text("fee sign", 1),
    digits("fees", 15),
];

/// A line of a clearing file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first.
    Header(FileHeader),
    /// One of those between.
    Record(Box<Record>),
    /// The last.
    Trailer(Totals),
}

/// The first line of a clearing file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// The file's name: 1 to 40 letters, digits, `-` and `_`.
    pub file_id: String,
    /// The scheme's day.
    pub clearing_date: NaiveDate,
}

/// What is to be cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The scheme's own reference, 23 digits, unique over all files.
    pub scheme_reference: String,
    /// What it is.
    pub kind: ClearingKind,
    /// The card.
    pub pan: Pan,
    /// How much, at least one minor unit.
    pub amount_minor: i64,
    /// Of which currency.
    pub currency: Currency,
    /// The acquirer, eleven digits, as [`crate::institution`] spells it.
    pub acquirer: String,
    /// The terminal, without the spaces behind it.
    pub terminal: String,
    /// The retrieval reference number, without the spaces behind it.
    pub retrieval_reference: String,
    /// The trace number of the authorization, six digits.
    pub trace_number: String,
    /// When the authorization was transmitted.
    pub transmitted_at: DateTime<Utc>,
    /// The authorization's approval code. `None` where there was no authorization.
    pub approval_code: Option<String>,
    /// Whether more of the same authorization follow.
    pub part: Part,
    /// The interchange fee: positive, the scheme pays it to the bank; negative, the bank to the scheme.
    pub fee_minor: i64,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClearingKind {
    /// Goods or services.
    Purchase,
    /// Cash.
    Cash,
    /// Money back to the holder.
    Refund,
}

/// Whether the rest of an authorization is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The only record of its authorization.
    Whole,
    /// One of several, and more follow.
    OneOfSeveral,
    /// The last of several.
    LastOfSeveral,
}

/// The last line of a file: how many records, and their sums whatever their currencies. The default is that of no record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many records.
    pub records: u32,
    /// The sum of purchases and cash.
    pub debit_minor: i64,
    /// The sum of refunds.
    pub credit_minor: i64,
    /// The sum of the fees, signed as they are.
    pub fee_minor: i64,
}

/// The lines of a file, or of a part of one, without their ends. `None` where the last line has no end.
pub fn lines(content: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    line::lines(content)
}

/// Reads a line, without its end.
pub fn parse_line(line: &[u8]) -> Result<Line, LineError> {
    match line.first() {
        Some(b'H') => header(line).map(Line::Header),
        Some(b'R') => record(line).map(|record| Line::Record(Box::new(record))),
        Some(b'T') => Totals::parse(line).map(Line::Trailer),
        _ => Err(value("type")),
    }
}

/// A line, without its end.
pub fn write_line(line: &Line) -> Result<String, LineError> {
    match line {
        Line::Header(header) => header.write(),
        Line::Record(record) => record.write(),
        Line::Trailer(totals) => totals.write(),
    }
}

fn header(line: &[u8]) -> Result<FileHeader, LineError> {
    let [_, format, file_id, clearing_date] = line::split(line, &HEADER)?;
    if format != FORMAT {
        return Err(value("format"));
    }
    let file_id = name(file_id).ok_or(value("file id"))?;
    let clearing_date = date(clearing_date).ok_or(value("clearing date"))?;
    Ok(FileHeader { file_id, clearing_date })
}

impl FileHeader {
    /// The line, without its end.
    pub fn write(&self) -> Result<String, LineError> {
        let file_id = name(&self.file_id).ok_or(value("file id"))?;
        line::join(&HEADER, ["H", FORMAT, &file_id, &date_text(self.clearing_date)])
    }
}

fn record(line: &[u8]) -> Result<Record, LineError> {
    let [
        _,
        scheme_reference,
        kind,
        pan,
        amount,
        currency,
        acquirer,
        terminal,
        retrieval_reference,
        trace_number,
        transmitted_at,
        approval_code,
        part,
        fee_sign,
        fee,
    ] = line::split(line, &RECORD)?;
    Ok(Record {
        scheme_reference: scheme_reference.to_owned(),
        kind: ClearingKind::parse(kind).ok_or(value("kind"))?,
        pan: Pan::parse(pan).map_err(|_| value("card number"))?,
        amount_minor: positive(amount).ok_or(value("amount"))?,
        currency: Currency::parse(currency).map_err(|_| value("currency"))?,
        acquirer: acquirer.to_owned(),
        terminal: terminal.to_owned(),
        retrieval_reference: retrieval_reference.to_owned(),
        trace_number: trace_number.to_owned(),
        transmitted_at: instant(transmitted_at).ok_or(value("transmitted at"))?,
        approval_code: (!approval_code.is_empty()).then(|| approval_code.to_owned()),
        part: Part::parse(part).ok_or(value("part"))?,
        fee_minor: signed(fee_sign, fee, "fee")?,
    })
}

impl Record {
    /// The line, without its end.
    pub fn write(&self) -> Result<String, LineError> {
        if self.amount_minor < 1 {
            return Err(value("amount"));
        }
        line::join(
            &RECORD,
            [
                "R",
                &self.scheme_reference,
                self.kind.code(),
                self.pan.expose(),
                &self.amount_minor.to_string(),
                self.currency.code(),
                &self.acquirer,
                &self.terminal,
                &self.retrieval_reference,
                &self.trace_number,
                &self.transmitted_at.format("%Y%m%d%H%M%S").to_string(),
                self.approval_code.as_deref().unwrap_or_default(),
                self.part.code(),
                sign(self.fee_minor),
                &self.fee_minor.unsigned_abs().to_string(),
            ],
        )
    }
}

impl Totals {
    /// With one record more. `None` where the sums have no room for it.
    pub fn with(self, kind: ClearingKind, amount_minor: i64, fee_minor: i64) -> Option<Self> {
        let (debit, credit) =
            if kind == ClearingKind::Refund { (0, amount_minor) } else { (amount_minor, 0) };
        Some(Self {
            records: self.records.checked_add(1)?,
            debit_minor: self.debit_minor.checked_add(debit)?,
            credit_minor: self.credit_minor.checked_add(credit)?,
            fee_minor: self.fee_minor.checked_add(fee_minor)?,
        })
    }

    pub(crate) fn parse(line: &[u8]) -> Result<Self, LineError> {
        let [_, records, debits, credits, fee_sign, fees] = line::split(line, &TRAILER)?;
        Ok(Self {
            records: records.parse().map_err(|_| value("records"))?,
            debit_minor: debits.parse().map_err(|_| value("debits"))?,
            credit_minor: credits.parse().map_err(|_| value("credits"))?,
            fee_minor: signed(fee_sign, fees, "fees")?,
        })
    }

    /// The line, without its end.
    pub fn write(&self) -> Result<String, LineError> {
        line::join(
            &TRAILER,
            [
                "T",
                &self.records.to_string(),
                &self.debit_minor.to_string(),
                &self.credit_minor.to_string(),
                sign(self.fee_minor),
                &self.fee_minor.unsigned_abs().to_string(),
            ],
        )
    }
}

impl ClearingKind {
    /// As the first two digits of data element 3 say it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Purchase => "00",
            Self::Cash => "01",
            Self::Refund => "20",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        [Self::Purchase, Self::Cash, Self::Refund].into_iter().find(|kind| kind.code() == code)
    }
}

impl Part {
    /// As the file says it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Whole => "W",
            Self::OneOfSeveral => "S",
            Self::LastOfSeveral => "L",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        [Self::Whole, Self::OneOfSeveral, Self::LastOfSeveral]
            .into_iter()
            .find(|part| part.code() == code)
    }
}

/// The name of a file: 1 to 40 letters, digits, `-` and `_`.
pub(crate) fn name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=40).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// `YYYYMMDD`, from the year 1 on.
pub(crate) fn date(digits: &str) -> Option<NaiveDate> {
    let part = |from: usize, to: usize| -> Option<u32> { digits.get(from..to)?.parse().ok() };
    let year = digits.get(..4)?.parse().ok().filter(|year| *year >= 1)?;
    NaiveDate::from_ymd_opt(year, part(4, 6)?, part(6, 8)?)
}

pub(crate) fn date_text(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

/// An amount of at least one minor unit.
pub(crate) fn positive(digits: &str) -> Option<i64> {
    digits.parse().ok().filter(|minor| *minor >= 1)
}

/// `YYYYMMDDhhmmss`, UTC.
fn instant(digits: &str) -> Option<DateTime<Utc>> {
    let (day, time) = digits.split_at_checked(8)?;
    let part = |from: usize, to: usize| -> Option<u32> { time.get(from..to)?.parse().ok() };
    let time = NaiveTime::from_hms_opt(part(0, 2)?, part(2, 4)?, part(4, 6)?)?;
    Some(NaiveDateTime::new(date(day)?, time).and_utc())
}
