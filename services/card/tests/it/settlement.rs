//! Settlement reports: compared, booked once, and what differs is resolved.

use proto::card::v1 as pb;
use proto::card::v1::SettlementBreakKind::{AmountDiffers, NotCleared, NotSettled};
use scheme::settlement::SettlementReport;

use crate::scheme_files::{clear, key, lines, part, record, refund, report};
use crate::support::{Service, assert_refused, primary, request_id};

fn submit(report: &SettlementReport) -> pb::SubmitSettlementReportRequest {
    let content = report.write().unwrap().into_bytes();
    pb::SubmitSettlementReportRequest { request_id: request_id(), content }
}

/// What accounting is told of this kind: principal and fee, with their sign.
async fn booked(service: &Service, kind: &str) -> String {
    let sum = |what: &str| format!("sum(CASE WHEN reversal THEN -{what} ELSE {what} END)");
    let sql = format!(
        "SELECT coalesce(concat_ws(' ', {}, {}), '') FROM bookings WHERE kind = '{kind}'",
        sum("principal_minor"),
        sum("fee_minor")
    );
    service.text(&sql).await
}

#[tokio::test]
async fn a_report_is_compared_booked_once_and_its_differences_are_resolved() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let records = [
        record(&plastic.pan, (1, &key(1)), 1_000),
        record(&plastic.pan, (2, &key(2)), 500),
        refund(&plastic.pan, 3, 200),
    ];
    clear(&service, "DAY1", &records).await;
    // One differs, one is not there, and one was never cleared.
    let mut settled = report("REPORT1", &records[..2]);
    settled.records[1].amount_minor = 540;
    settled
        .records
        .push(report("OTHER", &[record(&plastic.pan, (4, &key(4)), 70)]).records[0].clone());
    settled.trailer = settled.sums().unwrap();
    let request = submit(&settled);
    for _ in 0..2 {
        let found = operator.submit_settlement_report(request.clone()).await.unwrap().into_inner();
        assert_eq!((found.report_id.as_str(), found.agreed, found.breaks), ("REPORT1", 1, 3));
        assert_eq!(found.net_minor, 1_000 + 540 + 70 - 6);
    }
    assert_eq!(booked(&service, "CARD_SETTLED").await, "1610 6");
    assert_refused(operator.submit_settlement_report(submit(&settled)).await, "REPORT_KNOWN");

    let listing = || pb::ListSettlementBreaksRequest {
        report_id: "REPORT1".into(),
        consistency: primary(),
        ..Default::default()
    };
    let open = operator.list_settlement_breaks(listing()).await.unwrap().into_inner().breaks;
    let mut found: Vec<_> =
        open.iter().map(|one| (one.kind(), one.scheme_minor, one.bank_minor)).collect();
    found.sort();
    assert_eq!(found, [(NotCleared, 70, 0), (NotSettled, 0, -200), (AmountDiffers, 540, 500)]);
    for one in &open {
        let explained = one.kind() == NotCleared;
        let resolution = if explained {
            pb::SettlementResolution::Explained
        } else {
            pb::SettlementResolution::Adjusted
        };
        let request = pb::ResolveSettlementBreakRequest {
            request_id: request_id(),
            break_id: one.break_id.clone(),
            resolution: resolution.into(),
            reason: "asked the scheme".into(),
        };
        for _ in 0..2 {
            let answer = operator.resolve_settlement_break(request.clone()).await.unwrap();
            let resolved = answer.into_inner().settlement_break.unwrap();
            assert_eq!(resolved.resolution(), resolution);
        }
        let again = pb::ResolveSettlementBreakRequest { request_id: request_id(), ..request };
        assert_refused(operator.resolve_settlement_break(again).await, "BREAK_RESOLVED");
    }
    assert_eq!(booked(&service, "CARD_DIFFERENCE").await, "240 0");
    assert!(
        operator.list_settlement_breaks(listing()).await.unwrap().into_inner().breaks.is_empty()
    );
    let unknown = pb::ResolveSettlementBreakRequest {
        request_id: request_id(),
        break_id: request_id(),
        resolution: pb::SettlementResolution::Explained.into(),
        reason: "asked the scheme".into(),
    };
    assert_refused(operator.resolve_settlement_break(unknown).await, "BREAK_UNKNOWN");
}

#[tokio::test]
async fn a_report_that_is_early_or_does_not_add_up_is_refused() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let records = [record(&plastic.pan, (1, &key(1)), 1_000)];
    let all = lines("DAY1", &records);
    operator.submit_clearing_part(part("DAY1", 1, &all)).await.unwrap();

    let whole = report("REPORT1", &records);
    assert_refused(operator.submit_settlement_report(submit(&whole)).await, "FILE_NOT_FINISHED");
    let mut short = whole.clone();
    short.trailer.debit_minor += 1;
    assert_refused(operator.submit_settlement_report(submit(&short)).await, "FILE_TOTALS_DIFFER");
    let garbage =
        pb::SubmitSettlementReportRequest { request_id: request_id(), content: b"H\n".to_vec() };
    assert_refused(operator.submit_settlement_report(garbage).await, "RECORD_MALFORMED");
    assert_eq!(service.count("SELECT count(*) FROM bookings").await, 0);
}

#[tokio::test]
async fn a_date_that_is_settled_takes_no_more_files() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let records =
        [record(&plastic.pan, (1, &key(1)), 100), record(&plastic.pan, (2, &key(2)), 200)];
    clear(&service, "DAY1", &records[..1]).await;
    let settled = submit(&report("REPORT1", &records[..1]));
    operator.submit_settlement_report(settled).await.unwrap();

    let late = part("DAY1LATE", 1, &lines("DAY1LATE", &records[1..]));
    let taken = operator.submit_clearing_part(late).await;
    assert_refused(taken, "CLEARING_DATE_SETTLED");
    assert_eq!(service.count("SELECT count(*) FROM clearing_files").await, 1);
}
