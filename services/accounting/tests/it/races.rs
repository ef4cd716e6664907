//! The same batches from many sides at once, also through two processes: booked once, and the sums are exact.

use tokio::task::JoinSet;

use crate::support::*;

/// How many balances are not what their lines sum to, and journals not what the inbox announced.
const WRONG: &str = "SELECT \
    (SELECT count(*) FROM gl_balances AS b WHERE NOT EXISTS \
        (SELECT FROM (SELECT sum(amount_minor) FILTER (WHERE side = 'D') AS debits, \
                          sum(amount_minor) FILTER (WHERE side = 'C') AS credits \
                      FROM journal_lines AS l WHERE l.gl_account = b.gl_account \
                          AND l.currency = b.currency AND l.business_date = b.business_date) AS s \
         WHERE COALESCE(s.debits, 0) = b.debit_minor AND COALESCE(s.credits, 0) = b.credit_minor)) \
    + abs((SELECT count(*) FROM journals) - (SELECT sum(events)::bigint FROM inbox))";

#[tokio::test]
async fn the_same_batches_at_once_through_two_processes_are_booked_once() {
    let mut service = Service::start().await;
    service.add_process().await;
    let batches: Vec<_> =
        (1..=50).map(|number| batch(number, vec![cash(number), transfer(2)])).collect();

    let mut deliveries = JoinSet::new();
    for n in 0..16 {
        let mut client = if n % 2 == 0 { service.source() } else { service.other_source() };
        let mut batches = batches.clone();
        // Not all in the same order: whoever comes second must wait, and nobody in a ring.
        batches.rotate_left(n * 3);
        deliveries.spawn(async move { accepted(client.post_events(delivery(batches)).await) });
    }
    for accepted in deliveries.join_all().await {
        assert_eq!(accepted.unwrap().len(), 50);
    }

    assert_eq!(service.count("SELECT count(*) FROM journals").await, 100);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 1_375);
    assert_eq!(service.count(WRONG).await, 0);
}

#[tokio::test]
async fn a_database_connection_that_is_cut_under_load_loses_and_doubles_nothing() {
    let service = Service::start().await;
    let mut deliveries = JoinSet::new();
    for number in 1..=200 {
        let mut client = service.source();
        let batch = batch(number, vec![cash(1), transfer(1)]);
        deliveries.spawn(async move { accepted(client.post_events(delivery(vec![batch])).await) });
    }
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND usename = 'accounting_app' AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        service.count(cut).await;
    }
    for accepted in deliveries.join_all().await {
        assert_eq!(accepted.unwrap().len(), 1);
    }

    assert_eq!(service.count("SELECT count(*) FROM journals").await, 400);
    assert_eq!(service.count("SELECT sum(debit_minor)::bigint FROM gl_balances").await, 400);
    assert_eq!(service.count(WRONG).await, 0);
}
