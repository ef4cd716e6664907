//! A fresh database for one test, on the cluster that `with-postgres` started for the whole run.
//!
//! The first test of a service migrates a template; all others copy it. nextest runs each test in a process
//! of its own, so whatever is shared is guarded by a lock in the database. Roles are there already.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::postgres::own_database;

/// The variable in which `with-postgres` hands the cluster to the tests, as JSON of [`TestCluster`].
pub const VARIABLE: &str = "THINCORE_TEST_POSTGRES";

const HOW_TO_RUN: &str = "these tests need Postgres; run them through the runner that starts one: \
cargo run -p testkit --bin with-postgres -- cargo nextest run -p SERVICE";

/// The cluster of one test run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestCluster {
    /// Ports on 127.0.0.1: the primary's, then the synchronous replica's.
    pub ports: Vec<u16>,
    /// One password for `postgres`, `auditor`, and owner and app role of every service.
    pub password: String,
}

impl TestCluster {
    /// The cluster named by the environment of this process.
    pub fn from_environment() -> anyhow::Result<Self> {
        let text = std::env::var_os(VARIABLE).context(HOW_TO_RUN)?;
        let text = text.into_string().ok().context("the variable is not UTF-8")?;
        serde_json::from_str(&text)
            .with_context(|| format!("{VARIABLE} is not what with-postgres writes"))
    }

    /// URLs of a database for a role, one for each node, the primary's first.
    pub fn urls(&self, role: &str, database: &str) -> Vec<String> {
        let url = |port| format!("postgres://{role}:{}@127.0.0.1:{port}/{database}", self.password);
        self.ports.iter().map(url).collect()
    }

    /// The URL on the primary.
    pub fn primary_url(&self, role: &str, database: &str) -> String {
        self.urls(role, database).swap_remove(0)
    }

    async fn admin(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.primary_url("postgres", "postgres")).await?)
    }
}

/// A database of one test. Dropped with the value, also when the test fails.
#[derive(Debug)]
pub struct TestDatabase {
    /// Unique on the cluster.
    pub name: String,
    /// For migrations and for looking behind the service's back.
    pub owner_url: String,
    /// What the service under test gets: one URL for each node, the primary's first.
    pub app_urls: Vec<String>,
    /// Superuser on the primary: to plant what no role of the service may write.
    pub admin_url: String,
    /// The cluster, for faults and for further roles.
    pub cluster: TestCluster,
    dropped: bool,
}

/// A new database owned by `<service>_owner`, migrated by `migrate(owner_url, app_role)`.
///
/// `migrate` runs once per service and test run, for the template that the databases are copied from; so it
/// must be the same in all tests of a service.
///
/// # Panics
///
/// When the tests were not started through `with-postgres`, or the database cannot be made: no test can
/// go on from there.
#[expect(clippy::panic, reason = "the caller is a test, which has no better way to fail")]
pub async fn fresh<E>(
    service: &str,
    migrate: impl AsyncFnOnce(&str, &str) -> Result<(), E>,
) -> TestDatabase
where
    E: Into<anyhow::Error>,
{
    match try_fresh(service, migrate).await {
        Ok(database) => database,
        Err(error) => panic!("{error:#}"),
    }
}

async fn try_fresh<E>(
    service: &str,
    migrate: impl AsyncFnOnce(&str, &str) -> Result<(), E>,
) -> anyhow::Result<TestDatabase>
where
    E: Into<anyhow::Error>,
{
    let cluster = TestCluster::from_environment()?;
    let mut admin = cluster.admin().await?;
    // A test may go to the replica first, so the database must be there too when this returns.
    sqlx::query("SET synchronous_commit = remote_apply").execute(&mut admin).await?;
    let template = ensure_template(&cluster, &mut admin, service, migrate).await?;
    let name = unique_name(service);
    let create = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {service}_owner");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await?;
    own_database(&mut admin, &name, service).await?;
    Ok(TestDatabase {
        owner_url: cluster.primary_url(&format!("{service}_owner"), &name),
        app_urls: cluster.urls(&format!("{service}_app"), &name),
        admin_url: cluster.primary_url("postgres", &name),
        name,
        cluster,
        dropped: false,
    })
}

/// Creates the migrated template unless a test before has. The rename at the end makes it visible whole.
async fn ensure_template<E>(
    cluster: &TestCluster,
    admin: &mut PgConnection,
    service: &str,
    migrate: impl AsyncFnOnce(&str, &str) -> Result<(), E>,
) -> anyhow::Result<String>
where
    E: Into<anyhow::Error>,
{
    let template = format!("template_{service}");
    sqlx::query("SELECT pg_advisory_lock(hashtext($1))")
        .bind(&template)
        .execute(&mut *admin)
        .await?;
    let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    if !sqlx::query_scalar::<_, bool>(exists).bind(&template).fetch_one(&mut *admin).await? {
        let building = format!("building_{service}");
        execute(admin, format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)")).await?;
        execute(admin, format!("CREATE DATABASE {building} OWNER {service}_owner")).await?;
        own_database(admin, &building, service).await?;
        let owner_url = cluster.primary_url(&format!("{service}_owner"), &building);
        migrate(&owner_url, &format!("{service}_app")).await.map_err(|error| {
            error.into().context(format!("cannot migrate the database of {service}"))
        })?;
        // Connections that the migration has not closed yet would forbid the rename.
        execute(admin, format!("ALTER DATABASE {building} ALLOW_CONNECTIONS false")).await?;
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        sqlx::query(end).bind(&building).execute(&mut *admin).await?;
        execute(admin, format!("ALTER DATABASE {building} RENAME TO {template}")).await?;
    }
    sqlx::query("SELECT pg_advisory_unlock(hashtext($1))").bind(&template).execute(admin).await?;
    Ok(template)
}

/// Names are our own words and numbers, so they need no quoting.
async fn execute(admin: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::query(AssertSqlSafe(statement)).execute(admin).await?;
    Ok(())
}

/// Different processes have different pids, tests in one process different numbers.
fn unique_name(service: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("test_{service}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl TestDatabase {
    /// Drops the database, ending whatever still uses it. Dropping the value does the same, but cannot say
    /// whether it worked.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        self.dropped = true;
        drop_database(&self.cluster, &self.name).await
    }
}

async fn drop_database(cluster: &TestCluster, name: &str) -> anyhow::Result<()> {
    let mut admin = cluster.admin().await?;
    execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        let (cluster, name) = (self.cluster.clone(), self.name.clone());
        // A thread with a runtime of its own: the test's runtime may be single-threaded, or shutting down.
        let work = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // A failure only leaves a database on a cluster that is thrown away at the end of the run.
            runtime.map(|runtime| runtime.block_on(drop_database(&cluster, &name)).ok())
        });
        drop(work.join());
    }
}
