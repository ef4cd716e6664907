//! What the scheme sends after the fact: clearing files and settlement reports.

use std::sync::atomic::{AtomicU32, Ordering};

use kernel::{Clock, Currency, SystemClock};
use scheme::clearing::{ClearingKind, FileHeader, Part, Record, Totals};
use scheme::settlement::{SettlementHeader, SettlementRecord, SettlementReport};
use scheme::{Message, Pan, institution, transmission_time};

use crate::issuing::Held;

/// The scheme's day of all files here.
pub const CLEARING_DATE: &str = "2026-11-23";

/// The clearing of what a message asked for, with another amount perhaps.
pub fn record(card: &Held, original: &Message, amount_minor: i64) -> Record {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let text = |field| original.trimmed(field).unwrap().to_owned();
    let transmitted_at = transmission_time(&text(7), SystemClock.now()).unwrap();
    Record {
        scheme_reference: format!("{:023}", NEXT.fetch_add(1, Ordering::Relaxed)),
        kind: match &text(3)[..2] {
            "01" => ClearingKind::Cash,
            "20" => ClearingKind::Refund,
            _ => ClearingKind::Purchase,
        },
        pan: Pan::parse(&card.number).unwrap(),
        amount_minor,
        currency: Currency::CNY,
        acquirer: institution(&text(32)).unwrap(),
        terminal: text(41),
        retrieval_reference: text(37),
        trace_number: text(11),
        transmitted_at,
        approval_code: None,
        part: Part::Whole,
        fee_minor: amount_minor / 200,
    }
}

/// A whole file of these records.
pub fn file(file_id: &str, records: &[Record]) -> String {
    let header =
        FileHeader { file_id: file_id.into(), clearing_date: CLEARING_DATE.parse().unwrap() };
    let totals = records.iter().fold(Totals::default(), |totals, record| {
        totals.with(record.kind, record.amount_minor, record.fee_minor).unwrap()
    });
    let mut lines = vec![header.write().unwrap()];
    lines.extend(records.iter().map(|record| record.write().unwrap()));
    lines.push(totals.write().unwrap());
    lines.join("\n") + "\n"
}

/// The settlement of these records, as they were cleared.
pub fn report(report_id: &str, records: &[Record]) -> SettlementReport {
    let day = CLEARING_DATE.parse().unwrap();
    let records: Vec<_> = records
        .iter()
        .map(|record| SettlementRecord {
            scheme_reference: record.scheme_reference.clone(),
            kind: record.kind,
            amount_minor: record.amount_minor,
            fee_minor: record.fee_minor,
        })
        .collect();
    let header = SettlementHeader {
        report_id: report_id.into(),
        settlement_date: day,
        clearing_date: day,
        currency: Currency::CNY,
    };
    let mut report = SettlementReport { header, records, trailer: Totals::default() };
    report.trailer = report.sums().unwrap();
    report
}
