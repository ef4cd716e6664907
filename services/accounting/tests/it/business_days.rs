//! The business date: cut-over without a stop, once per order, and never past a posting.

use proto::accounting::v1 as pb;
use sqlx::Connection;
use tonic::Code;

use crate::support::*;

async fn business_date(service: &Service) -> (String, String) {
    let request = pb::GetBusinessDateRequest {};
    let answer = service.operator().get_business_date(request).await.unwrap().into_inner();
    (answer.business_date, answer.closing_date)
}

#[tokio::test]
async fn the_first_start_opens_the_first_business_date_and_a_restart_keeps_it() {
    let mut service = Service::start().await;
    assert_eq!(business_date(&service).await, (MONDAY.into(), String::new()));
    service.cut_over(MONDAY).await.unwrap();

    service.crash_and_restart().await;

    assert_eq!(business_date(&service).await, (TUESDAY.into(), MONDAY.into()));
    assert_eq!(service.count("SELECT count(*) FROM business_days").await, 2);
}

#[tokio::test]
async fn two_dates_take_postings_side_by_side_until_the_first_is_confirmed() {
    let service = Service::start().await;
    service.deliver(vec![batch(1, vec![cash(100)])]).await.unwrap();
    assert_eq!(service.cut_over(MONDAY).await.unwrap(), TUESDAY);

    let both = vec![on(TUESDAY, batch(2, vec![cash(5)])), batch(3, vec![cash(20)])];
    assert_eq!(service.deliver(both).await.unwrap(), [2, 3]);
    assert!(service.confirm(MONDAY).await.unwrap());

    assert_eq!(business_date(&service).await, (TUESDAY.into(), String::new()));
    let (monday, tuesday) = (service.trial_balance(MONDAY).await, service.trial_balance("").await);
    assert_eq!((monday.closed, tuesday.closed), (true, false));
    assert_eq!((monday.lines[0].opening_minor, monday.lines[0].closing_minor), (0, 120));
    assert_eq!((tuesday.lines[0].opening_minor, tuesday.lines[0].closing_minor), (120, 125));
}

#[tokio::test]
async fn a_closed_date_takes_no_postings_and_still_acknowledges_those_it_has() {
    let service = Service::start().await;
    let first = batch(1, vec![cash(100)]);
    service.deliver(vec![first.clone()]).await.unwrap();
    service.cut_over(MONDAY).await.unwrap();
    service.confirm(MONDAY).await.unwrap();

    let late = batch(2, vec![cash(1)]);
    assert_refused(service.deliver(vec![late.clone()]).await, "BUSINESS_DATE_CLOSED");
    assert_eq!(service.deliver(vec![late, first]).await.unwrap(), [1]);
    assert_eq!(service.trial_balance(MONDAY).await.lines[0].closing_minor, 100);
}

#[tokio::test]
async fn a_date_that_the_bank_has_not_reached_takes_no_postings() {
    let service = Service::start().await;
    let early = on(TUESDAY, batch(1, vec![cash(1)]));

    assert_refused(service.deliver(vec![early.clone()]).await, "BUSINESS_DATE_CLOSED");
    service.cut_over(MONDAY).await.unwrap();
    assert_eq!(service.deliver(vec![early]).await.unwrap(), [1]);
}

#[tokio::test]
async fn an_order_that_is_repeated_gets_the_same_answer_and_skips_no_day() {
    let service = Service::start().await;
    let order = cut_over(MONDAY);
    for _ in 0..3 {
        let answer = service.operator().cut_over(order.clone()).await.unwrap().into_inner();
        assert_eq!(answer.business_date, TUESDAY);
    }

    assert_refused(service.cut_over(MONDAY).await, "BUSINESS_DATE_NOT_CURRENT");
    let other = pb::CutOverRequest { from_date: TUESDAY.into(), ..order };
    assert_refused(service.operator().cut_over(other).await, "REQUEST_ID_REUSED");
    assert_eq!(business_date(&service).await.0, TUESDAY);
}

#[tokio::test]
async fn ten_orders_at_once_cut_over_once() {
    let service = Service::start().await;
    let mut orders = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mut operator = service.operator();
        orders.spawn(async move { operator.cut_over(cut_over(MONDAY)).await.is_ok() });
    }

    let done = orders.join_all().await.into_iter().filter(|done| *done).count();

    assert_eq!(done, 1);
    assert_eq!(business_date(&service).await.0, TUESDAY);
}

#[tokio::test]
async fn a_cut_over_waits_for_the_date_before() {
    let service = Service::start().await;
    service.cut_over(MONDAY).await.unwrap();
    let order = cut_over(TUESDAY);

    let early = service.operator().cut_over(order.clone()).await;
    assert_refused(early, "CUT_OVER_IN_PROGRESS");
    service.confirm(MONDAY).await.unwrap();
    let same = service.operator().cut_over(order).await;
    assert_refused(same, "CUT_OVER_IN_PROGRESS");
    assert_eq!(service.cut_over(TUESDAY).await.unwrap(), "2026-11-25");
}

#[tokio::test]
async fn a_confirmation_can_be_repeated_and_names_a_date_that_was_left() {
    let service = Service::start().await;
    assert_refused(service.confirm(MONDAY).await, "BUSINESS_DATE_OPEN");
    assert_refused(service.confirm("2026-11-22").await, "BUSINESS_DATE_UNKNOWN");
    service.cut_over(MONDAY).await.unwrap();

    assert!(service.confirm(MONDAY).await.unwrap());
    assert!(service.confirm(MONDAY).await.unwrap());
    let request = pb::ConfirmCutOverRequest {
        request_id: request_id(),
        source: "treasury".into(),
        business_date: MONDAY.into(),
    };
    let unknown = service.source().confirm_cut_over(request).await;
    assert_eq!(reason(unknown), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
}

#[tokio::test]
async fn a_date_closes_once_every_source_has_confirmed_it() {
    let service = Service::start().await;
    service.cut_over(MONDAY).await.unwrap();

    assert!(!service.confirm_as("loan", MONDAY).await.unwrap());
    assert!(!service.confirm_as("loan", MONDAY).await.unwrap());
    assert!(!service.confirm_as("card", MONDAY).await.unwrap());
    assert_eq!(business_date(&service).await, (TUESDAY.into(), MONDAY.into()));
    assert!(service.confirm_as("deposit", MONDAY).await.unwrap());
    assert_eq!(business_date(&service).await, (TUESDAY.into(), String::new()));
}

#[tokio::test]
async fn a_date_does_not_close_while_a_batch_of_it_is_being_booked() {
    let service = Service::start().await;
    service.cut_over(MONDAY).await.unwrap();
    // A batch under way: it has read that Monday takes postings and is not committed.
    let mut booking = service.admin().await;
    let mut tx = booking.begin().await.unwrap();
    sqlx::query("SELECT FROM business_days WHERE business_date = '2026-11-23' FOR SHARE")
        .execute(&mut *tx)
        .await
        .unwrap();

    assert!(!service.confirm_as("loan", MONDAY).await.unwrap());
    assert!(!service.confirm_as("card", MONDAY).await.unwrap());
    let mut source = service.source();
    let confirming = tokio::spawn(async move {
        let request = pb::ConfirmCutOverRequest {
            request_id: request_id(),
            source: "deposit".into(),
            business_date: MONDAY.into(),
        };
        source.confirm_cut_over(request).await
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND usename = 'accounting_app' AND wait_event_type = 'Lock'";
    let waits = async {
        while service.count(waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.unwrap();
    let closing = "SELECT count(*) FROM business_days WHERE status = 'CLOSING'";
    assert_eq!(service.count(closing).await, 1);

    tx.commit().await.unwrap();
    assert!(confirming.await.unwrap().unwrap().into_inner().closed);
    assert_eq!(service.count(closing).await, 0);
}

#[tokio::test]
async fn as_many_cut_overs_as_one_likes_find_their_partitions() {
    let service = Service::start().await;
    let mut date = MONDAY.to_owned();
    for number in 1..=20 {
        let next = service.cut_over(&date).await.unwrap();
        service.confirm(&date).await.unwrap();
        let delivered = async {
            // Right after a cut-over the partition may still be in the making; the source delivers again.
            while service.deliver(vec![on(&next, batch(number, vec![cash(1)]))]).await.is_err() {}
        };
        tokio::time::timeout(PATIENCE, delivered).await.unwrap();
        date = next;
    }

    assert_eq!(service.trial_balance("").await.lines[0].closing_minor, 20);
}
