//! A first run that is still committing when the same work comes again: after the answer to a commit was lost, or
//! from a second process.
//!
//! Method: what a request did is taken out of the tables and put back in an open tx, which stands for the first run.
//! The request comes again, waits on a lock, and must find the first outcome when that tx commits.

use proto::customer::v1 as pb;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Service, Step, ada, reason, register_active, request_id, step_again};

async fn run(connection: &mut PgConnection, statements: &[&str]) {
    for sql in statements {
        sqlx::query(AssertSqlSafe((*sql).to_owned())).execute(&mut *connection).await.unwrap();
    }
}

async fn retries(service: &Service) -> u64 {
    let metrics = service.process.metrics().await;
    let lines = metrics.lines().filter(|line| line.starts_with("lane_retries_total"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Takes everything out of the tables and puts it back in a tx that is still open.
async fn back_in_an_open_tx(service: &Service) -> PgConnection {
    let mut first_run = service.as_admin().await;
    run(
        &mut first_run,
        &[
            // Lets a superuser write where the triggers forbid it.
            "SET session_replication_role = replica",
            "CREATE TEMP TABLE first_customers AS SELECT * FROM customers",
            "CREATE TEMP TABLE first_transitions AS SELECT * FROM customer_transitions",
            "CREATE TEMP TABLE first_requests AS SELECT * FROM requests",
            "TRUNCATE customers, customer_transitions, requests",
            "BEGIN",
            "INSERT INTO customers SELECT * FROM first_customers",
            "INSERT INTO customer_transitions SELECT * FROM first_transitions",
            "INSERT INTO requests SELECT * FROM first_requests",
        ],
    )
    .await;
    first_run
}

#[tokio::test]
async fn a_registration_that_comes_again_while_the_first_commits_gets_the_first_outcome() {
    let service = Service::start().await;
    let request = ada("P1000001");
    let first = service.client().register_customer(request.clone()).await.unwrap().into_inner();
    let mut first_run = back_in_an_open_tx(&service).await;

    let mut client = service.client();
    let again = tokio::spawn(async move { client.register_customer(request).await });
    service.until_blocked().await;
    run(&mut first_run, &["COMMIT"]).await;

    assert_eq!(again.await.unwrap().unwrap().into_inner(), first);
    assert_eq!(retries(&service).await, 1);
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
}

#[tokio::test]
async fn a_document_that_another_process_is_just_registering_is_refused_when_that_commits() {
    let service = Service::start().await;
    service.client().register_customer(ada("P1000001")).await.unwrap();
    let mut first_run = back_in_an_open_tx(&service).await;

    let mut client = service.client();
    let other = tokio::spawn(async move { client.register_customer(ada("p-1000001")).await });
    service.until_blocked().await;
    run(&mut first_run, &["COMMIT"]).await;

    let refused = other.await.unwrap().unwrap_err();
    assert_eq!(reason(&refused).1, "DOCUMENT_ALREADY_REGISTERED");
    assert_eq!(retries(&service).await, 1);
}

#[tokio::test]
async fn a_document_whose_first_registration_is_rolled_back_is_registered() {
    let service = Service::start().await;
    service.client().register_customer(ada("P1000001")).await.unwrap();
    let mut first_run = back_in_an_open_tx(&service).await;

    let mut client = service.client();
    let other = tokio::spawn(async move { client.register_customer(ada("p-1000001")).await });
    service.until_blocked().await;
    run(&mut first_run, &["ROLLBACK"]).await;

    assert!(other.await.unwrap().is_ok());
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
}

#[tokio::test]
async fn a_step_that_comes_again_while_the_first_commits_waits_and_finds_the_first_outcome() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let freeze = request_id();
    let first = step_again(&mut client, Step::Freeze, &id, &freeze).await.unwrap();
    let mut first_run = service.as_admin().await;
    run(
        &mut first_run,
        &[
            "SET session_replication_role = replica",
            "CREATE TEMP TABLE first_transition AS SELECT * FROM customer_transitions WHERE version = 3",
            "CREATE TEMP TABLE first_request AS SELECT * FROM requests WHERE kind = 'FREEZE'",
            "DELETE FROM customer_transitions WHERE version = 3",
            "DELETE FROM requests WHERE kind = 'FREEZE'",
            "UPDATE customers SET status = 'ACTIVE', version = 2",
            "BEGIN",
            "UPDATE customers SET status = 'FROZEN', version = 3",
            "INSERT INTO customer_transitions SELECT * FROM first_transition",
            "INSERT INTO requests SELECT * FROM first_request",
        ],
    )
    .await;

    let again =
        tokio::spawn(async move { step_again(&mut client, Step::Freeze, &id, &freeze).await });
    service.until_blocked().await;
    run(&mut first_run, &["COMMIT"]).await;

    let again: pb::Customer = again.await.unwrap().unwrap();
    assert_eq!(again, first);
    // The lock waited, and the probe came after it: nothing had to run twice.
    assert_eq!(retries(&service).await, 0);
}
