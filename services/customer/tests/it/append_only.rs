//! What the database itself forbids.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Service, register};

async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    let outcome = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    let error = outcome.unwrap_err();
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test]
async fn history_and_outcomes_cannot_be_changed_not_even_by_the_owner_of_the_database() {
    let service = Service::start().await;
    register(&mut service.client(), "P1000001").await;

    let (mut app, mut admin) = (service.as_service().await, service.as_admin().await);
    for sql in [
        "UPDATE customer_transitions SET reason = 'other'",
        "DELETE FROM customer_transitions",
        "TRUNCATE customer_transitions CASCADE",
        "UPDATE requests SET result = 'other'",
        "DELETE FROM requests",
        "TRUNCATE requests",
    ] {
        assert_eq!(refused(&mut app, sql).await, "42501", "{sql}");
        assert_eq!(refused(&mut admin, sql).await, "23001", "{sql}");
    }
}

#[tokio::test]
async fn the_service_may_not_change_who_a_customer_is_nor_any_table() {
    let service = Service::start().await;
    register(&mut service.client(), "P1000001").await;

    let mut app = service.as_service().await;
    for sql in [
        "UPDATE customers SET kind = kind",
        "UPDATE customers SET customer_id = customer_id",
        "UPDATE customers SET registered_at = registered_at",
        "DELETE FROM customers",
        "CREATE TABLE mine (id int)",
        "DROP TABLE customers",
    ] {
        assert_eq!(refused(&mut app, sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn an_illegal_step_cannot_be_written_into_the_history() {
    let service = Service::start().await;
    register(&mut service.client(), "P1000001").await;

    let mut app = service.as_service().await;
    for (version, from, to) in [
        (2, "PENDING", "CLOSED"),
        (2, "REJECTED", "ACTIVE"),
        (2, "NONE", "ACTIVE"),
        (1, "ACTIVE", "FROZEN"),
    ] {
        let sql = format!(
            "INSERT INTO customer_transitions \
             SELECT customer_id, {version}, now(), '{from}', '{to}', '', 'me' FROM customers"
        );
        assert_eq!(refused(&mut app, &sql).await, "23514", "{from} to {to}");
    }
}
