//! Fresh databases on the cluster of the test run.

use sqlx::{Connection as _, PgConnection};
use testkit::database::fresh;

/// Stands for a service's migrations.
async fn migrate(owner_url: &str, app_role: &str) -> Result<(), sqlx::Error> {
    let mut owner = PgConnection::connect(owner_url).await?;
    sqlx::query("CREATE TABLE notes (note text)").execute(&mut owner).await?;
    let grant = format!("GRANT SELECT, INSERT ON notes TO {app_role}");
    sqlx::query(sqlx::AssertSqlSafe(grant)).execute(&mut owner).await?;
    // Left open on purpose: a migration may leave its pool to close in its own time.
    tokio::spawn(async move { drop(owner) });
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_made_at_once_are_migrated_and_do_not_see_each_other() {
    let (one, two) = tokio::join!(fresh("testkit", migrate), fresh("testkit", migrate));
    let mut first = PgConnection::connect(&one.app_urls[0]).await.unwrap();
    let mut second = PgConnection::connect(&two.app_urls[0]).await.unwrap();

    sqlx::query("INSERT INTO notes VALUES ('mine')").execute(&mut first).await.unwrap();

    let count = "SELECT count(*) FROM notes";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut first).await.unwrap(), 1);
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut second).await.unwrap(), 0);
    one.finish().await.unwrap();
    two.finish().await.unwrap();
}

#[tokio::test]
async fn the_app_role_may_not_change_the_schema() {
    let database = fresh("testkit", migrate).await;
    let mut app = PgConnection::connect(&database.app_urls[0]).await.unwrap();

    let refused = sqlx::query("CREATE TABLE mine (note text)").execute(&mut app).await.unwrap_err();

    assert!(refused.to_string().contains("permission denied"), "{refused}");
}

#[tokio::test]
async fn what_is_committed_on_the_primary_can_be_read_on_the_replica_and_not_written_there() {
    let database = fresh("testkit", migrate).await;
    let mut replica = PgConnection::connect(&database.app_urls[1]).await.unwrap();

    let recovering: bool =
        sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut replica).await.unwrap();
    let write = sqlx::query("INSERT INTO notes VALUES ('x')").execute(&mut replica).await;

    assert!(recovering);
    assert!(write.unwrap_err().to_string().contains("read-only"));
}

#[tokio::test]
async fn a_dropped_value_takes_its_database_along() {
    let database = fresh("testkit", migrate).await;
    let (cluster, name) = (database.cluster.clone(), database.name.clone());

    drop(database);

    let url = cluster.primary_url("postgres", "postgres");
    let mut admin = PgConnection::connect(&url).await.unwrap();
    let found = "SELECT count(*) FROM pg_database WHERE datname = $1";
    let count: i64 = sqlx::query_scalar(found).bind(name).fetch_one(&mut admin).await.unwrap();
    assert_eq!(count, 0);
}
