//! Batches of events: booked once, whole or not at all, and none at the expense of another.

use proto::accounting::v1 as pb;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::*;

#[tokio::test]
async fn an_event_becomes_a_balanced_journal_with_the_postings_id() {
    let service = Service::start().await;
    let event = pb::BusinessEvent { value_date: TUESDAY.into(), ..cash(1_050) };
    let batch = batch(7, vec![event.clone()]);

    assert_eq!(service.deliver(vec![batch.clone()]).await.unwrap(), [7]);

    let request = pb::GetJournalRequest { posting_id: posting_of(&event) };
    let journal = service.operator().get_journal(request).await.unwrap().into_inner();
    let journal = journal.journal.unwrap();
    assert_eq!(journal.journal_id, posting_of(&event));
    assert_eq!((journal.source.as_str(), journal.batch_number), ("deposit", 7));
    assert_eq!(journal.event, "CASH_DEPOSITED");
    assert_eq!((journal.business_date.as_str(), journal.value_date.as_str()), (MONDAY, TUESDAY));
    let booked_at = journal.booked_at.unwrap();
    let booked_at_us = booked_at.seconds * 1_000_000 + i64::from(booked_at.nanos / 1_000);
    assert_eq!(booked_at_us, batch.booked_at_us);
    let lines: Vec<_> = journal
        .lines
        .iter()
        .map(|line| {
            let amount = line.amount.clone().unwrap();
            (line.gl_account.clone(), line.side(), amount.currency_code, amount.amount_minor)
        })
        .collect();
    let expected = [
        ("1001".to_owned(), pb::Side::Debit, "CNY".to_owned(), 1_050),
        ("2011".to_owned(), pb::Side::Credit, "CNY".to_owned(), 1_050),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_batch_that_is_delivered_twice_is_acknowledged_twice_and_booked_once() {
    let service = Service::start().await;
    let batch = batch(1, vec![cash(10), transfer(4)]);

    for _ in 0..3 {
        assert_eq!(service.deliver(vec![batch.clone()]).await.unwrap(), [1]);
    }
    assert_eq!(service.deliver(vec![batch.clone(), batch.clone()]).await.unwrap(), [1, 1]);

    assert_eq!(service.count("SELECT count(*) FROM journals").await, 2);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 14);
}

#[tokio::test]
async fn a_batch_that_is_delivered_twice_in_one_call_is_booked_once() {
    let service = Service::start().await;
    let batch = batch(1, vec![cash(10)]);

    assert_eq!(service.deliver(vec![batch.clone(), batch]).await.unwrap(), [1, 1]);

    assert_eq!(service.count("SELECT count(*) FROM journals").await, 1);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 10);
}

#[tokio::test]
async fn the_trace_of_a_batch_is_not_part_of_its_content() {
    let service = Service::start().await;
    let batch = batch(1, vec![cash(10)]);
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let traced = pb::EventBatch { traceparent, ..batch.clone() };

    assert_eq!(service.deliver(vec![traced]).await.unwrap(), [1]);
    assert_eq!(service.deliver(vec![batch]).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_batch_number_with_other_events_is_refused_and_what_is_booked_stays() {
    let service = Service::start().await;
    service.deliver(vec![batch(1, vec![cash(10)])]).await.unwrap();

    assert_refused(service.deliver(vec![batch(1, vec![cash(11)])]).await, "BATCH_NUMBER_REUSED");

    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 10);
}

#[tokio::test]
async fn a_refused_batch_does_not_fail_its_neighbours() {
    let service = Service::start().await;
    let batches = vec![
        batch(1, vec![cash(1)]),
        batch(2, vec![cash(2), without_rule()]),
        batch(3, Vec::new()),
        on("2026-11-20", batch(4, vec![cash(4)])),
        batch(5, vec![cash(8)]),
    ];

    assert_eq!(service.deliver(batches).await.unwrap(), [1, 5]);

    assert_eq!(service.count("SELECT count(*) FROM inbox").await, 2);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 9);
    let log = service.log();
    for reason in ["RULE_MISSING", "EVENT_MALFORMED", "BUSINESS_DATE_CLOSED"] {
        assert!(log.contains(reason), "{reason} in {log}");
    }
}

#[tokio::test]
async fn a_call_with_nothing_but_refused_batches_says_why_for_the_first() {
    let service = Service::start().await;
    let event = without_rule();
    let batches = vec![batch(41, vec![event.clone()]), batch(42, vec![without_rule()])];

    let status = service.deliver(batches).await.unwrap_err();

    let info = status.get_details_error_info().unwrap();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("RULE_MISSING", "accounting.thincore")
    );
    assert_eq!(info.metadata.get("batch_number").map(String::as_str), Some("41"));
    assert_eq!(info.metadata.get("posting_id"), Some(&posting_of(&event)));
    assert_eq!(service.count("SELECT count(*) FROM inbox").await, 0);
}

#[tokio::test]
async fn a_malformed_event_is_refused_with_what_is_wrong() {
    let service = Service::start().await;
    let amount = |kind: pb::AmountKind, amount_minor| {
        vec![pb::EventAmount { kind: kind.into(), amount_minor }]
    };
    let principal = pb::AmountKind::Principal;
    let events = [
        ("16 bytes", pb::BusinessEvent { posting_id: vec![1, 2].into(), ..cash(1) }),
        ("kind", pb::BusinessEvent { kind: 0, ..cash(1) }),
        ("kind", pb::BusinessEvent { kind: 99, ..cash(1) }),
        ("product_code", pb::BusinessEvent { product_code: String::new(), ..cash(1) }),
        ("currency_code", pb::BusinessEvent { currency_code: "cny".into(), ..cash(1) }),
        ("amount", pb::BusinessEvent { amounts: Vec::new(), ..cash(1) }),
        ("positive", pb::BusinessEvent { amounts: amount(principal, 0), ..cash(1) }),
        ("positive", pb::BusinessEvent { amounts: amount(principal, -1), ..cash(1) }),
        (
            "amount kind",
            pb::BusinessEvent { amounts: amount(pb::AmountKind::Unspecified, 1), ..cash(1) },
        ),
        ("value_date", pb::BusinessEvent { value_date: "today".into(), ..cash(1) }),
    ];
    for (number, (what, event)) in (1..).zip(events) {
        let status = service.deliver(vec![batch(number, vec![cash(1), event])]).await.unwrap_err();
        assert!(status.message().contains(what), "{what} in {}", status.message());
        assert_refused(Err::<(), _>(status), "EVENT_MALFORMED");
    }
    assert_eq!(service.count("SELECT count(*) FROM journals").await, 0);
}

#[tokio::test]
async fn a_delivery_by_an_unknown_source_or_without_batches_is_not_well_formed() {
    let service = Service::start().await;
    let unknown = pb::PostEventsRequest {
        source: "treasury".into(),
        ..delivery(vec![batch(1, vec![cash(1)])])
    };
    let old = pb::PostEventsRequest {
        request_id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        ..delivery(vec![batch(1, vec![cash(1)])])
    };

    for request in [unknown, old, delivery(Vec::new())] {
        let answer = service.source().post_events(request).await;
        assert_eq!(reason(answer), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
    }
}

#[tokio::test]
async fn a_posting_that_is_reported_under_two_numbers_is_booked_once() {
    let service = Service::start().await;
    let event = cash(10);
    service.deliver(vec![batch(1, vec![event.clone()])]).await.unwrap();

    let batches = vec![batch(2, vec![event]), batch(3, vec![cash(20)])];
    assert_eq!(service.deliver(batches).await.unwrap(), [3]);

    assert_eq!(service.count("SELECT count(*) FROM journals").await, 2);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 30);
}

#[tokio::test]
async fn a_reversal_books_the_event_with_its_sides_exchanged() {
    let service = Service::start().await;
    let reversal = pb::BusinessEvent { reversal: true, ..cash(500) };
    service.deliver(vec![batch(1, vec![cash(500)]), batch(2, vec![reversal])]).await.unwrap();

    let trial_balance = service.trial_balance(MONDAY).await;
    let lines: Vec<_> = trial_balance
        .lines
        .iter()
        .map(|line| (line.gl_account.as_str(), line.debit_minor, line.credit_minor))
        .collect();
    assert_eq!(lines, [("1001", 500, 500), ("2011", 500, 500)]);
    assert_eq!(service.count("SELECT count(*) FROM journals WHERE reversal").await, 1);
}

#[tokio::test]
async fn what_was_booked_survives_a_crash_and_is_not_booked_again() {
    let mut service = Service::start().await;
    let batches: Vec<_> = (1..=20).map(|number| batch(number, vec![cash(1)])).collect();
    service.deliver(batches[..10].to_vec()).await.unwrap();

    service.crash_and_restart().await;

    assert_eq!(service.deliver(batches).await.unwrap().len(), 20);
    assert_eq!(service.count("SELECT count(*) FROM journals").await, 20);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 20);
}

#[tokio::test]
async fn deliveries_show_in_the_metrics() {
    let service = Service::start().await;
    let booked = batch(1, vec![cash(1), transfer(1), transfer(2)]);
    let refused = batch(2, vec![without_rule()]);
    service.deliver(vec![booked.clone(), refused]).await.unwrap();
    service.deliver(vec![booked]).await.unwrap();

    let metrics = service.metrics().await;

    for line in [
        "accounting_events_booked_total{service=\"accounting\",kind=\"TRANSFERRED\"} 2",
        "accounting_events_booked_total{service=\"accounting\",kind=\"CASH_DEPOSITED\"} 1",
        "accounting_batches_total{service=\"accounting\",outcome=\"booked\"} 1",
        "accounting_batches_total{service=\"accounting\",outcome=\"duplicate\"} 1",
        "accounting_batches_total{service=\"accounting\",outcome=\"refused\"} 1",
        "accounting_posting_lag_seconds_count{service=\"accounting\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn a_service_delivers_and_confirms_in_no_other_name_than_its_own() {
    let service = Service::start().await;
    let mut card = service.called_by("service/card");
    let confirmation = pb::ConfirmCutOverRequest {
        request_id: request_id(),
        source: "deposit".into(),
        business_date: "2026-03-02".into(),
    };
    let turned_away = (Code::PermissionDenied, "SOURCE_NOT_CALLER".to_owned());

    let delivered = card.post_events(delivery(vec![batch(1, vec![cash(1)])])).await;
    assert_eq!(reason(delivered), turned_away);
    assert_eq!(reason(card.confirm_cut_over(confirmation).await), turned_away);
    assert_eq!(service.count("SELECT count(*) FROM journals").await, 0);
}
