//! What the scheme sends after the fact, for tests: payments whose records can be matched, clearing files, reports.

use card::domain::MessageKey;
use chrono::DateTime;
use kernel::{Clock, Currency, SystemClock};
use platform::protection::{SearchKey, Secret};
use proto::card::v1 as pb;
use scheme::Pan;
use scheme::clearing::{ClearingKind, FileHeader, Part, Record, Totals};
use scheme::settlement::{SettlementHeader, SettlementRecord, SettlementReport};

use crate::support::{Plastic, Service, request_id};

/// The scheme's day of all files here.
pub const CLEARING_DATE: &str = "2026-01-20";

/// What a message and its record have in common.
pub fn key(number: u32) -> MessageKey {
    let now = SystemClock.now().timestamp();
    MessageKey {
        acquirer: "00000012345".to_owned(),
        terminal: "TERM0001".to_owned(),
        retrieval_reference: format!("{number:012}"),
        trace_number: "000001".to_owned(),
        transmitted_at: DateTime::from_timestamp(now, 0).unwrap(),
    }
}

/// A payment, approved under the id that its message would have, and what its record will say.
pub async fn buy(service: &Service, plastic: &Plastic, key: &MessageKey, minor: i64) -> String {
    pay(service, plastic, key, (minor, false)).await
}

/// The same, posted at once or not.
pub async fn pay(
    service: &Service,
    plastic: &Plastic,
    key: &MessageKey,
    (minor, post_now): (i64, bool),
) -> String {
    let request = pb::AuthorizeRequest { post_now, ..asked(plastic, key, minor) };
    let id = request.request_id.clone();
    let answer = service.scheme().authorize(request).await.unwrap().into_inner();
    assert_eq!(answer.authorization.unwrap().response_code, "00");
    id
}

/// A payment under the id that its message would have.
pub fn asked(plastic: &Plastic, key: &MessageKey, minor: i64) -> pb::AuthorizeRequest {
    let search = SearchKey::parse(&Secret::new("ab".repeat(32))).unwrap();
    pb::AuthorizeRequest {
        request_id: key.authorization_id(&search).unwrap().to_string(),
        retrieval_reference: key.retrieval_reference.clone(),
        ..plastic.purchase(minor)
    }
}

/// The record of a purchase.
pub fn record(pan: &Pan, (reference, key): (u32, &MessageKey), amount_minor: i64) -> Record {
    Record {
        scheme_reference: format!("{reference:023}"),
        kind: ClearingKind::Purchase,
        pan: Pan::parse(pan.expose()).unwrap(),
        amount_minor,
        currency: Currency::CNY,
        acquirer: key.acquirer.clone(),
        terminal: key.terminal.clone(),
        retrieval_reference: key.retrieval_reference.clone(),
        trace_number: key.trace_number.clone(),
        transmitted_at: key.transmitted_at,
        approval_code: None,
        part: Part::Whole,
        fee_minor: 2,
    }
}

/// The record of a refund that was never authorized.
pub fn refund(pan: &Pan, reference: u32, amount_minor: i64) -> Record {
    let never = key(reference);
    Record { kind: ClearingKind::Refund, ..record(pan, (reference, &never), amount_minor) }
}

/// The lines of a file of these records.
pub fn lines(file_id: &str, records: &[Record]) -> Vec<String> {
    let clearing_date = CLEARING_DATE.parse().unwrap();
    let header = FileHeader { file_id: file_id.to_owned(), clearing_date };
    let totals = records.iter().fold(Totals::default(), |totals, one| {
        totals.with(one.kind, one.amount_minor, one.fee_minor).unwrap()
    });
    let mut lines = vec![header.write().unwrap()];
    lines.extend(records.iter().map(|one| one.write().unwrap()));
    lines.push(totals.write().unwrap());
    lines
}

/// A part of a file.
pub fn part(file_id: &str, part: i32, lines: &[String]) -> pb::SubmitClearingPartRequest {
    let content = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    pb::SubmitClearingPartRequest {
        request_id: request_id(),
        file_id: file_id.to_owned(),
        part,
        content,
    }
}

/// That all parts are there.
pub fn close(file_id: &str) -> pb::CloseClearingFileRequest {
    pb::CloseClearingFileRequest { request_id: request_id(), file_id: file_id.to_owned() }
}

/// Sends a file and closes it.
pub async fn send(service: &Service, file_id: &str, records: &[Record]) {
    let mut operator = service.client_as("operator/test");
    operator.submit_clearing_part(part(file_id, 1, &lines(file_id, records))).await.unwrap();
    let closed = operator.close_clearing_file(close(file_id)).await.unwrap().into_inner();
    assert_eq!(closed.file.unwrap().status(), pb::ClearingFileStatus::Accepted);
}

/// Waits until nothing of a file is open.
pub async fn finished(service: &Service, file_id: &str) {
    let finished = format!(
        "SELECT count(*) FROM clearing_files WHERE file_id = '{file_id}' AND status = 'FINISHED'"
    );
    service.wait_for(&finished, 1).await;
}

/// Sends a file, and waits until nothing of it is open.
pub async fn clear(service: &Service, file_id: &str, records: &[Record]) {
    send(service, file_id, records).await;
    finished(service, file_id).await;
}

/// The settlement of these records, as they were cleared.
pub fn report(report_id: &str, records: &[Record]) -> SettlementReport {
    let day = CLEARING_DATE.parse().unwrap();
    let settled = records.iter().map(|one| SettlementRecord {
        scheme_reference: one.scheme_reference.clone(),
        kind: one.kind,
        amount_minor: one.amount_minor,
        fee_minor: one.fee_minor,
    });
    let header = SettlementHeader {
        report_id: report_id.to_owned(),
        settlement_date: day,
        clearing_date: day,
        currency: Currency::CNY,
    };
    let mut report =
        SettlementReport { header, records: settled.collect(), trailer: Totals::default() };
    report.trailer = report.sums().unwrap();
    report
}
