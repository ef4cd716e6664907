//! Clearing files and settlement reports.

use chrono::{DateTime, NaiveDate};
use kernel::Currency;
use proptest::prelude::*;
use scheme::clearing::{
    ClearingKind, FileHeader, Line, Part, Record, Totals, lines, parse_line, write_line,
};
use scheme::settlement::{SettlementHeader, SettlementRecord, SettlementReport};
use scheme::{LineError, LineProblem};

use crate::some;

const HEADER: &str = "HCLEARING01CUP-20261123-001                        20261123";
const RECORD: &str = "R00000000000000000000042006225880212345678   000000012345CNY00000012345T1      632713000007000042202611231305011234\
56W-000000037";
const TRAILER: &str = "T000000001000000000012345000000000000000-000000000000037";

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn error(line: &str) -> LineError {
    parse_line(line.as_bytes()).unwrap_err()
}

fn settled() -> SettlementReport {
    SettlementReport {
        header: SettlementHeader {
            report_id: "CUP-20261123-CNY".to_owned(),
            settlement_date: date("2026-11-24"),
            clearing_date: date("2026-11-23"),
            currency: Currency::CNY,
        },
        records: vec![SettlementRecord {
            scheme_reference: "00000000000000000000042".to_owned(),
            kind: ClearingKind::Refund,
            amount_minor: 12_345,
            fee_minor: -37,
        }],
        trailer: Totals { records: 1, debit_minor: 0, credit_minor: 12_345, fee_minor: -37 },
    }
}

#[test]
fn a_file_is_read_line_by_line() {
    let content = format!("{HEADER}\n{RECORD}\n{TRAILER}\n");
    let read: Vec<Line> =
        lines(content.as_bytes()).unwrap().map(|line| parse_line(line).unwrap()).collect();

    let [Line::Header(header), Line::Record(record), Line::Trailer(totals)] = &read[..] else {
        panic!("{read:?}");
    };
    assert_eq!(header.file_id, "CUP-20261123-001");
    assert_eq!(header.clearing_date, date("2026-11-23"));
    assert_eq!(record.pan.expose(), "6225880212345678");
    assert_eq!(
        (record.kind, record.amount_minor, record.fee_minor),
        (ClearingKind::Purchase, 12_345, -37)
    );
    assert_eq!(record.currency, Currency::CNY);
    assert_eq!((&*record.acquirer, &*record.terminal), ("00000012345", "T1"));
    assert_eq!((&*record.retrieval_reference, &*record.trace_number), ("632713000007", "000042"));
    assert_eq!(record.transmitted_at.to_rfc3339(), "2026-11-23T13:05:01+00:00");
    assert_eq!(record.approval_code.as_deref(), Some("123456"));
    assert_eq!(record.part, Part::Whole);
    let sums = Totals::default().with(record.kind, record.amount_minor, record.fee_minor);
    assert_eq!(sums.as_ref(), Some(totals));
    let written: Vec<String> = read.iter().map(|line| write_line(line).unwrap()).collect();
    assert_eq!(written, [HEADER, RECORD, TRAILER]);
    assert!(!format!("{read:?}").contains("6225880212345678"));
}

#[test]
fn what_is_wrong_with_a_line_is_named_by_its_column_and_not_repeated() {
    let changed = |at: usize, to: &str| {
        let mut line = RECORD.to_owned();
        line.replace_range(at..at + to.len(), to);
        error(&line)
    };
    let value = |column| LineError { column, problem: LineProblem::Value };
    assert_eq!(changed(0, "X"), value("type"));
    assert_eq!(changed(1, "x").column, "scheme reference");
    assert_eq!(changed(24, "99"), value("kind"));
    assert_eq!(changed(26, "x"), value("card number"));
    assert_eq!(changed(45, "000000000000"), value("amount"));
    assert_eq!(changed(57, "XXX"), value("currency"));
    assert_eq!(changed(97, "20261323"), value("transmitted at"));
    assert_eq!(changed(117, "X"), value("part"));
    assert_eq!(changed(118, "-000000000"), value("fee"));
    assert_eq!(changed(40, "\t"), LineError { column: "line", problem: LineProblem::Character });
    assert_eq!(error(""), value("type"));
    assert_eq!(error(&RECORD[..100]).problem, LineProblem::Length);
    assert_eq!(error(&format!("{RECORD} ")).problem, LineProblem::Length);
    assert_eq!(error(&HEADER.replace("01CUP", "02CUP")), value("format"));
    assert_eq!(error(&HEADER.replace("CUP-", "CUP/")), value("file id"));
    assert_eq!(error("R六二二五").problem, LineProblem::Character);
}

#[test]
fn lines_that_cannot_be_written_are_refused() {
    let header = FileHeader { file_id: "a file".to_owned(), clearing_date: date("2026-11-23") };
    assert_eq!(header.write().unwrap_err().column, "file id");
    let Line::Record(record) = parse_line(RECORD.as_bytes()).unwrap() else { panic!("a record") };
    let large = Record { amount_minor: 1_000_000_000_000, ..*record.clone() };
    assert_eq!(large.write().unwrap_err().column, "amount");
    let nothing = Record { amount_minor: 0, ..*record.clone() };
    assert_eq!(nothing.write().unwrap_err().column, "amount");
    let lines = Record { terminal: "T\n".to_owned(), ..*record };
    assert_eq!(lines.write().unwrap_err().column, "terminal");
    assert_eq!(
        Totals { records: u32::MAX, ..Totals::default() }.with(ClearingKind::Cash, 1, 0),
        None
    );
}

#[test]
fn a_part_is_whole_lines() {
    assert!(lines(b"").is_none());
    assert!(lines(b"one\ntwo").is_none());
    assert_eq!(
        lines(b"one\n\ntwo\n").unwrap().collect::<Vec<_>>(),
        [b"one".as_slice(), b"", b"two"]
    );
}

#[test]
fn a_report_is_read_whole() {
    let text = settled().write().unwrap();

    assert_eq!(SettlementReport::parse(text.as_bytes()), Ok(settled()));
    assert_eq!(settled().sums(), Some(settled().trailer));
}

#[test]
fn what_is_wrong_with_a_report_is_named_by_its_line() {
    let text = settled().write().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let line = |content: &str| SettlementReport::parse(content.as_bytes()).unwrap_err().line;

    assert_eq!(line(""), 1);
    assert_eq!(line("\n"), 1);
    assert_eq!(line(text.trim_end()), 1);
    assert_eq!(line(&format!("{}\n", lines[0])), 1);
    assert_eq!(line(&format!("{}\n{}\n", lines[0], lines[1])), 2);
    assert_eq!(line(&text.replace("S000", "S00x")), 2);
    assert_eq!(line(&text.replace("T000", "T00x")), 3);
    // A clearing file is no report.
    assert_eq!(line(&format!("{HEADER}\n{RECORD}\n{TRAILER}\n")), 1);
}

fn record() -> impl Strategy<Value = Record> {
    let kinds = vec![ClearingKind::Purchase, ClearingKind::Cash, ClearingKind::Refund];
    let parts = vec![Part::Whole, Part::OneOfSeveral, Part::LastOfSeveral];
    let amounts = (1..=999_999_999_999_i64, -999_999_999..=999_999_999_i64, 0..4_000_000_000_i64);
    let texts = (
        "[0-9]{23}",
        "[0-9]{11}",
        "([!-~][ -~]{0,6})?[!-~]",
        "[A-Z0-9]{12}",
        "[0-9]{6}",
        prop::option::of("[A-Z0-9]{6}"),
    );
    let chosen = (prop::sample::select(kinds), prop::sample::select(parts), some::pan());
    (amounts, texts, chosen).prop_map(
        |((amount_minor, fee_minor, at), texts, (kind, part, pan))| {
            let (
                scheme_reference,
                acquirer,
                terminal,
                retrieval_reference,
                trace_number,
                approval_code,
            ) = texts;
            Record {
                scheme_reference,
                kind,
                pan,
                amount_minor,
                currency: Currency::EUR,
                acquirer,
                terminal,
                retrieval_reference,
                trace_number,
                transmitted_at: DateTime::from_timestamp(at, 0).unwrap(),
                approval_code,
                part,
                fee_minor,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_record_that_is_written_is_read_to_the_same(record in record()) {
        let line = record.write().unwrap();

        prop_assert_eq!(line.len(), RECORD.len());
        prop_assert_eq!(parse_line(line.as_bytes()), Ok(Line::Record(Box::new(record))));
    }

    #[test]
    fn a_line_with_a_byte_changed_is_refused_or_written_again_to_the_same(
        which in 0..3_usize, at: prop::sample::Index, byte: u8,
    ) {
        let mut line = [HEADER, RECORD, TRAILER][which].as_bytes().to_vec();
        let at = at.index(line.len());
        line[at] = byte;

        if let Ok(read) = parse_line(&line) {
            let written = write_line(&read).unwrap();
            prop_assert_eq!(written.as_bytes(), &line[..]);
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse_line(&content).is_err());
        prop_assert!(SettlementReport::parse(&content).is_err());
    }
}
