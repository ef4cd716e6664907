//! What the database itself refuses, and that its sums are what its lines say.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::*;

#[tokio::test]
async fn what_is_booked_cannot_be_changed_by_the_service_nor_by_a_superuser() {
    let service = Service::start().await;
    service.deliver(vec![batch(1, vec![cash(1)])]).await.unwrap();
    service.cut_over(MONDAY).await.unwrap();
    service.confirm(MONDAY).await.unwrap();

    let mut app = PgConnection::connect(&service.database.app_urls[0]).await.unwrap();
    let mut admin = service.admin().await;
    let tables = ["inbox", "journals", "journal_lines", "cut_over_confirmations", "requests"];
    for table in tables {
        for sql in [
            format!("UPDATE {table} SET business_date = business_date"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            assert_eq!(refused(&mut app, &sql).await, "42501", "{sql}");
            assert_eq!(refused(&mut admin, &sql).await, "23001", "{sql}");
        }
    }
}

#[tokio::test]
async fn the_service_may_change_of_a_balance_only_the_sums_and_of_the_database_nothing() {
    let service = Service::start().await;
    let mut app = PgConnection::connect(&service.database.app_urls[0]).await.unwrap();
    for sql in [
        "UPDATE gl_balances SET business_date = business_date",
        "DELETE FROM gl_balances",
        "UPDATE business_days SET business_date = business_date",
        "DELETE FROM business_days",
        "CREATE TABLE mine (a int)",
        "DROP TABLE journals",
    ] {
        assert_eq!(refused(&mut app, sql).await, "42501", "{sql}");
    }
}

async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    let outcome = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    let error = outcome.unwrap_err();
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test]
async fn a_line_that_is_no_line_is_refused_by_the_database() {
    let service = Service::start().await;
    let mut admin = service.admin().await;
    for (column, value) in [("amount_minor", "0"), ("side", "'X'"), ("line_no", "0")] {
        let mut values = vec![
            ("journal_id", "gen_random_uuid()"),
            ("amount_minor", "1"),
            ("business_date", "'2026-11-23'"),
            ("line_no", "1"),
            ("side", "'D'"),
            ("currency", "'CNY'"),
            ("gl_account", "'1001'"),
        ];
        values.iter_mut().find(|(name, _)| *name == column).unwrap().1 = value;
        let (names, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        let sql = format!("INSERT INTO journal_lines ({names}) VALUES ({values})");
        assert_eq!(refused(&mut admin, &sql).await, "23514", "{sql}");
    }
}

#[tokio::test]
async fn a_day_of_journals_can_be_detached() {
    let service = Service::start().await;
    let event = cash(1);
    service.deliver(vec![batch(1, vec![event.clone()])]).await.unwrap();
    let first = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'journals'::regclass";
    assert_eq!(service.count(first).await, 8);
    service.cut_over(MONDAY).await.unwrap();
    service.confirm(MONDAY).await.unwrap();

    let mut owner = PgConnection::connect(&service.database.owner_url).await.unwrap();
    for table in ["inbox", "journals", "journal_lines"] {
        let sql = format!("ALTER TABLE {table} DETACH PARTITION {table}_20261123");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
    }

    service.deliver(vec![on(TUESDAY, batch(2, vec![cash(1)]))]).await.unwrap();
    let late = service.deliver(vec![batch(1, vec![event])]).await;
    assert_refused(late, "BUSINESS_DATE_CLOSED");
    assert_eq!(service.trial_balance(TUESDAY).await.lines[0].opening_minor, 1);
}
