//! What the database itself refuses, and what leaves for accounting.

use prost::Message;
use sqlx::{Connection, PgConnection, Row};

use crate::support::*;

#[tokio::test]
async fn what_is_written_cannot_be_changed_by_the_service_nor_by_its_owner() {
    let service = Service::start().await;
    service.accounts(&[1_000]).await;
    for url in [&service.database.app_urls[0], &service.database.owner_url] {
        for statement in [
            "UPDATE entries SET amount_minor = 1",
            "DELETE FROM entries",
            "UPDATE outcomes SET result = 'POSTED'",
            "DELETE FROM outcomes",
        ] {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let refused = sqlx::query(statement).execute(&mut connection).await;
            assert!(refused.is_err(), "{statement}");
        }
    }
}

#[tokio::test]
async fn the_service_may_not_change_the_shape_of_its_database() {
    let service = Service::start().await;
    let mut connection = PgConnection::connect(&service.database.app_urls[0]).await.unwrap();
    for statement in ["CREATE TABLE mine (a int)", "DROP TABLE entries", "TRUNCATE outcomes"] {
        let refused = sqlx::query(statement).execute(&mut connection).await;
        assert!(refused.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn each_batch_that_moves_money_leaves_one_outbox_row_that_tells_of_it() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let before = service.count("SELECT count(*) FROM outbox").await;
    let request = transfer(&accounts[0], &accounts[1], 300);
    service.client().transfer(request.clone()).await.unwrap();
    service.client().place_hold(hold(&accounts[0], 1)).await.unwrap();

    assert_eq!(service.count("SELECT count(*) FROM outbox").await, before + 1);
    let row = sqlx::query("SELECT payload FROM outbox ORDER BY batch_number DESC LIMIT 1")
        .fetch_one(&mut service.admin().await)
        .await
        .unwrap();
    let batch = proto::accounting::v1::EventBatch::decode(row.get::<&[u8], _>("payload")).unwrap();
    assert_eq!(batch.events.len(), 1);
    assert_eq!(batch.events[0].amounts[0].amount_minor, 300);
    let id: uuid::Uuid = request.request_id.parse().unwrap();
    assert_eq!(batch.events[0].posting_id.as_ref(), id.as_bytes());
}

#[tokio::test]
async fn a_day_of_entries_and_outcomes_can_be_detached() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let parts = "SELECT count(*) FROM pg_inherits WHERE inhparent IN ('entries'::regclass, 'outcomes'::regclass)";
    assert_eq!(service.count(parts).await, 26);
    let name: String = sqlx::query_scalar(
        "SELECT to_char(current_date - 8, '\"ALTER TABLE entries DETACH PARTITION entries_\"YYYYMMDD')",
    )
    .fetch_one(&mut service.admin().await)
    .await
    .unwrap();
    let mut owner = PgConnection::connect(&service.database.owner_url).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(name)).execute(&mut owner).await.unwrap();

    service.client().transfer(transfer(&accounts[0], &accounts[1], 1)).await.unwrap();
}
