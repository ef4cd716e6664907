//! The databases of a bank and the roles that may use them.
//!
//! One database for each service. `<service>_owner` owns it and runs the migrations; `<service>_app` is what
//! the service runs as: no DDL, and a member of no other role. `auditor` reads everything and changes nothing.
//! Nobody but a superuser gets into a database that is not theirs. Rights on tables are given by the migrations.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Node;

/// Generated passwords of one service's roles.
#[derive(Clone, Serialize, Deserialize)]
pub struct ServiceSecrets {
    /// Service and database name.
    pub service: String,
    /// Password of `<service>_owner`.
    pub owner_password: String,
    /// Password of `<service>_app`.
    pub app_password: String,
}

/// Generated passwords of all roles besides `postgres` and `replicator`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// One entry for each service.
    pub services: Vec<ServiceSecrets>,
    /// Password of `auditor`.
    pub auditor_password: String,
}

impl Secrets {
    /// New random passwords.
    pub fn generate(services: &[&str]) -> Self {
        let service = |name: &&str| ServiceSecrets {
            service: (*name).to_owned(),
            owner_password: super::random_password(),
            app_password: super::random_password(),
        };
        Self {
            services: services.iter().map(service).collect(),
            auditor_password: super::random_password(),
        }
    }

    /// The same password for all, for clusters that are thrown away.
    pub fn uniform(services: &[&str], password: &str) -> Self {
        let mut secrets = Self::generate(services);
        password.clone_into(&mut secrets.auditor_password);
        for service in &mut secrets.services {
            password.clone_into(&mut service.owner_password);
            password.clone_into(&mut service.app_password);
        }
        secrets
    }
}

// Neither may print its passwords, not even by accident.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl std::fmt::Debug for ServiceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecrets(..)")
    }
}

/// Creates roles and databases that are not there yet. Can be repeated. Fails unless the server answers within `limit`.
pub async fn create_databases(
    primary: &Node,
    limit: Duration,
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let admin = &mut primary.admin("postgres", limit).await?;
    ensure_role(admin, "auditor", &secrets.auditor_password).await?;
    // Postgres lets everybody into the databases that it comes with.
    run(admin, "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC".to_owned()).await?;
    for one in &secrets.services {
        let service = &one.service;
        ensure_role(admin, &format!("{service}_owner"), &one.owner_password).await?;
        ensure_role(admin, &format!("{service}_app"), &one.app_password).await?;
        let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        if !sqlx::query_scalar::<_, bool>(exists).bind(service).fetch_one(&mut *admin).await? {
            run(admin, format!("CREATE DATABASE {service} OWNER {service}_owner")).await?;
        }
        own_database(admin, service, service).await?;
        let database = &mut primary.admin(service, limit).await?;
        let_the_auditor_read(database, service).await?;
    }
    Ok(())
}

/// What is there and what the owner will create. `pg_read_all_data` would be simpler, and would let the auditor read the
/// passwords of all roles.
async fn let_the_auditor_read(database: &mut PgConnection, service: &str) -> anyhow::Result<()> {
    run(database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor".to_owned()).await?;
    let from_now_on = format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA public GRANT SELECT ON TABLES TO auditor"
    );
    run(database, from_now_on).await
}

/// Lets only the roles of `service`, and the auditor, into `database`.
pub async fn own_database(
    admin: &mut PgConnection,
    database: &str,
    service: &str,
) -> anyhow::Result<()> {
    run(admin, format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await?;
    run(admin, format!("GRANT CONNECT ON DATABASE {database} TO {service}_app, auditor")).await
}

async fn ensure_role(admin: &mut PgConnection, role: &str, password: &str) -> anyhow::Result<()> {
    let exists = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
    if !sqlx::query_scalar::<_, bool>(exists).bind(role).fetch_one(&mut *admin).await? {
        run(admin, format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'")).await?;
    }
    Ok(())
}

/// Names and passwords in these statements are our own words and hexadecimal digits.
async fn run(admin: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::query(AssertSqlSafe(statement)).execute(admin).await?;
    Ok(())
}
