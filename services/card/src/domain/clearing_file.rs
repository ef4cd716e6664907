//! A clearing file while it comes in, part by part, until its totals say that all of it is there.
//!
//! Invariant: however a file is cut into parts, the same records are taken from it, each with the same line.

use chrono::NaiveDate;
use scheme::clearing::{Line, Record, Totals, lines, parse_line};

use super::Rejection;

/// Where a file is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileStatus {
    /// Parts are still to come.
    Receiving,
    /// Whole, and being posted.
    Accepted,
    /// Refused as a whole.
    Refused,
    /// Every record is decided.
    Finished,
}

impl FileStatus {
    const ALL: [Self; 4] = [Self::Receiving, Self::Accepted, Self::Refused, Self::Finished];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Receiving => "RECEIVING",
            Self::Accepted => "ACCEPTED",
            Self::Refused => "REFUSED",
            Self::Finished => "FINISHED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// A clearing file, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearingFile {
    /// Its name.
    pub file_id: String,
    /// The scheme's day; `None` before the header.
    pub clearing_date: Option<NaiveDate>,
    /// Where it is.
    pub status: FileStatus,
    /// Parts taken.
    pub parts: i32,
    /// Lines taken, header and trailer among them.
    pub lines: i32,
    /// What its records sum up to.
    pub totals: Totals,
    /// What its trailer says; `None` before it has come.
    pub trailer: Option<Totals>,
    /// Why it was refused.
    pub refusal: Option<String>,
}

impl ClearingFile {
    /// Nothing of it has come.
    pub fn new(file_id: String) -> Self {
        Self {
            file_id,
            clearing_date: None,
            status: FileStatus::Receiving,
            parts: 0,
            lines: 0,
            totals: Totals::default(),
            trailer: None,
            refusal: None,
        }
    }

    /// Takes a part, and answers its records, each with its line in the file. After an error it is not to be used.
    ///
    /// # Errors
    /// It takes no more parts, the part is not the next one, or a line is not what the format says.
    pub fn take(&mut self, part: i32, content: &[u8]) -> Result<Vec<(i32, Record)>, Rejection> {
        if self.status != FileStatus::Receiving {
            return Err(Rejection::FileClosed);
        }
        if self.parts.checked_add(1) != Some(part) {
            return Err(Rejection::PartOutOfOrder);
        }
        self.parts = part;
        let mut taken = Vec::new();
        for line in lines(content).ok_or(Rejection::RecordMalformed)? {
            taken.extend(self.take_line(line)?);
        }
        Ok(taken)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Option<(i32, Record)>, Rejection> {
        let number = self.lines.checked_add(1).ok_or(Rejection::RecordMalformed)?;
        let first = self.lines == 0;
        self.lines = number;
        if self.trailer.is_some() {
            return Err(Rejection::RecordMalformed);
        }
        match parse_line(line).map_err(|_| Rejection::RecordMalformed)? {
            Line::Header(header) if first && header.file_id == self.file_id => {
                self.clearing_date = Some(header.clearing_date);
                Ok(None)
            }
            Line::Record(record) if !first => {
                let with = self.totals.with(record.kind, record.amount_minor, record.fee_minor);
                self.totals = with.ok_or(Rejection::RecordMalformed)?;
                Ok(Some((number, *record)))
            }
            Line::Trailer(totals) if !first => {
                self.trailer = Some(totals);
                Ok(None)
            }
            Line::Header(_) | Line::Record(_) | Line::Trailer(_) => Err(Rejection::RecordMalformed),
        }
    }

    /// All of it is there, says whoever sent it.
    ///
    /// # Errors
    /// It is closed; or its trailer is not there, or says something else than its records.
    pub fn close(&mut self) -> Result<(), Rejection> {
        if self.status != FileStatus::Receiving {
            return Err(Rejection::FileClosed);
        }
        if self.trailer != Some(self.totals) {
            return Err(Rejection::FileTotalsDiffer);
        }
        self.status = FileStatus::Accepted;
        Ok(())
    }

    /// Refuses all of it.
    pub fn refuse(&mut self, why: Rejection) {
        self.status = FileStatus::Refused;
        self.refusal = Some(why.code().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kernel::Currency;
    use proptest::prelude::*;
    use scheme::Pan;
    use scheme::clearing::{ClearingKind, FileHeader, Part};

    use super::*;

    fn record(number: u32, (amount_minor, refund): (i64, bool)) -> Record {
        Record {
            scheme_reference: format!("{number:023}"),
            kind: if refund { ClearingKind::Refund } else { ClearingKind::Purchase },
            pan: Pan::parse("4000001234567899").unwrap(),
            amount_minor,
            currency: Currency::CNY,
            acquirer: "00000012345".to_owned(),
            terminal: "TERM0001".to_owned(),
            retrieval_reference: "000000000001".to_owned(),
            trace_number: "000001".to_owned(),
            transmitted_at: DateTime::from_timestamp(1_771_600_000, 0).unwrap(),
            approval_code: None,
            part: Part::Whole,
            fee_minor: amount_minor / 200,
        }
    }

    fn file(amounts: &[(i64, bool)]) -> Vec<String> {
        let clearing_date = "2026-02-20".parse().unwrap();
        let header = FileHeader { file_id: "DAY1".to_owned(), clearing_date };
        let mut lines = vec![header.write().unwrap()];
        let mut totals = Totals::default();
        for (number, amount) in (1..).zip(amounts) {
            let record = record(number, *amount);
            totals = totals.with(record.kind, record.amount_minor, record.fee_minor).unwrap();
            lines.push(record.write().unwrap());
        }
        lines.push(totals.write().unwrap());
        lines
    }

    fn text(lines: &[String]) -> Vec<u8> {
        lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    proptest! {
        #[test]
        fn whatever_the_parts_the_same_records_are_taken(
            amounts in prop::collection::vec((1_i64..1_000_000, any::<bool>()), 0..40),
            sizes in prop::collection::vec(1_usize..7, 42),
        ) {
            let lines = file(&amounts);
            let mut whole = ClearingFile::new("DAY1".to_owned());
            let at_once = whole.take(1, &text(&lines)).unwrap();

            let mut cut = ClearingFile::new("DAY1".to_owned());
            let (mut rest, mut part, mut taken) = (lines.as_slice(), 0, Vec::new());
            for size in sizes {
                if rest.is_empty() {
                    break;
                }
                let (some, left) = rest.split_at(size.min(rest.len()));
                part += 1;
                taken.extend(cut.take(part, &text(some)).unwrap());
                rest = left;
            }

            prop_assert_eq!(at_once, taken);
            prop_assert_eq!(whole.totals, cut.totals);
            prop_assert_eq!(whole.close(), Ok(()));
            prop_assert_eq!(cut.close(), Ok(()));
        }
    }

    #[test]
    fn a_file_that_lacks_a_record_is_not_closed() {
        let mut lines = file(&[(100, false), (200, false)]);
        lines.remove(1);
        let mut file = ClearingFile::new("DAY1".to_owned());
        file.take(1, &text(&lines)).unwrap();

        assert_eq!(file.close(), Err(Rejection::FileTotalsDiffer));
    }

    #[test]
    fn parts_come_in_order_begin_with_the_header_of_the_file_and_end_with_the_trailer() {
        let lines = file(&[(100, false)]);
        let new = || ClearingFile::new("DAY1".to_owned());

        assert_eq!(new().take(2, &text(&lines)), Err(Rejection::PartOutOfOrder));
        assert_eq!(new().take(1, &text(&lines[1..])), Err(Rejection::RecordMalformed));
        assert_eq!(new().take(1, b""), Err(Rejection::RecordMalformed));
        let mut other = ClearingFile::new("DAY2".to_owned());
        assert_eq!(other.take(1, &text(&lines)), Err(Rejection::RecordMalformed));
        let mut whole = new();
        whole.take(1, &text(&lines)).unwrap();
        assert_eq!(whole.clone().take(2, &text(&lines[1..2])), Err(Rejection::RecordMalformed));
        whole.close().unwrap();
        assert_eq!(whole.take(2, &text(&lines[1..2])), Err(Rejection::FileClosed));
    }
}
