//! A database of one test, with the tables that every service has.

use platform::config::DatabaseConfig;
use platform::db::{self, Database};
use platform::protection::Secret;
use sqlx::migrate::Migrator;
use testkit::database::{self, TestDatabase};

use crate::support::within;

/// A fresh database.
pub async fn fresh() -> TestDatabase {
    database::fresh("platform", async |owner_url, app_role| {
        db::migrate(owner_url, app_role, &Migrator::DEFAULT).await
    })
    .await
}

/// The pools of a service on this database.
pub async fn open(database: &TestDatabase) -> Database {
    let nodes = database.app_urls.iter().map(|url| Secret::new(url.clone())).collect();
    let config = DatabaseConfig {
        nodes,
        write_pool_size: 4,
        read_pool_size: 4,
        connect_timeout_ms: 2_000,
        token_wait_ms: 50,
        lag_max_ms: 2_000,
        heartbeat_ms: 500,
    };
    let books = Database::connect("platform", &config).unwrap();
    within(books.wait_until_ready(std::time::Duration::from_secs(20))).await.unwrap();
    books
}
