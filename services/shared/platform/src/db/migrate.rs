//! Brings a service's database to the shape that its code expects. Runs as the database's owner, never as the
//! role that the service runs as.

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const PLATFORM_TABLES: &str = include_str!("platform_tables.sql");

/// A migration that did not succeed; nothing of the failed step stays.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The role's name is not a plain identifier.
    #[error("{0} is not a role name")]
    Role(String),
    /// A statement or the connection failed.
    #[error("cannot migrate: {0}")]
    Database(#[from] sqlx::Error),
    /// One of the service's migrations failed.
    #[error("cannot migrate: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Creates the platform's tables, then applies the service's migrations. Doing it twice changes nothing.
///
/// # Errors
/// The database cannot be reached, or a migration fails.
pub async fn migrate(
    owner_url: &str,
    app_role: &str,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    if app_role.is_empty() || !app_role.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        return Err(MigrateError::Role(app_role.to_owned()));
    }
    let mut connection = PgConnection::connect(owner_url).await?;
    let tables = PLATFORM_TABLES.replace("{app_role}", app_role);
    sqlx::raw_sql(AssertSqlSafe(tables)).execute(&mut connection).await?;
    migrator.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
