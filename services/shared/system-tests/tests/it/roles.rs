//! What the databases let the services do: the roles are those in the configuration files that the services read, and the
//! catalogue says what they may. One owner's URL in a service would void every grant.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::support::*;

const SERVICES: [&str; 5] = ["customer", "deposit", "loan", "card", "accounting"];

/// Tables whose rows are never changed. The triggers say which; these must be among them.
const APPEND_ONLY: [(&str, &[&str]); 5] = [
    ("customer", &["audit_log", "customer_transitions", "requests", "traffic_limits"]),
    ("deposit", &["audit_log", "entries", "outcomes", "reversals", "traffic_limits"]),
    ("loan", &["accruals", "audit_log", "loan_entries", "outcomes", "quotes", "traffic_limits"]),
    ("card", &["audit_log", "bookings", "outcomes", "settlement_reports", "traffic_limits"]),
    (
        "accounting",
        &[
            "audit_log",
            "cut_over_confirmations",
            "inbox",
            "journal_lines",
            "journals",
            "requests",
            "traffic_limits",
        ],
    ),
];

/// Functions of the server that reach its files or its operating system.
const REACHING_OUT: [&str; 8] = [
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_stat_file",
    "pg_ls_logdir",
    "pg_ls_waldir",
    "lo_import",
    "lo_export",
];

/// The URLs by which a service reaches its database, as `bank up` wrote them for it.
fn urls(bank: &Bank, service: &str) -> Vec<String> {
    let text = std::fs::read_to_string(&bank.file().service(service).unwrap().config).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let nodes = config["database"]["nodes"].as_array().unwrap();
    nodes.iter().map(|url| url.as_str().unwrap().to_owned()).collect()
}

async fn texts(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap()
}

/// Why the server refuses a statement: its SQLSTATE, or "done".
async fn refusal(connection: &mut PgConnection, sql: &str) -> String {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    match done {
        Ok(_) => "done".to_owned(),
        Err(error) => error.as_database_error().unwrap().code().unwrap().into_owned(),
    }
}

/// What holds of every role that is neither an owner nor a superuser.
async fn assert_powerless(url: &str, own_database: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let c = &mut connection;
    let none = Vec::<String>::new();
    let role = texts(c, "SELECT session_user::text").await.remove(0);

    let attributes = "SELECT 'one too many' FROM pg_roles WHERE rolname = session_user AND \
        (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)";
    assert_eq!(texts(c, attributes).await, none, "{role}");
    let groups = "SELECT g.rolname::text FROM pg_auth_members AS m \
        JOIN pg_roles AS g ON g.oid = m.roleid JOIN pg_roles AS r ON r.oid = m.member \
        WHERE r.rolname = session_user ORDER BY 1";
    assert_eq!(texts(c, groups).await, none, "{role} is a member of another role");
    // The whole cluster's: this catalogue is shared by all databases.
    let owned = "SELECT classid::regclass::text FROM pg_shdepend WHERE deptype = 'o' \
        AND refclassid = 'pg_authid'::regclass AND refobjid = session_user::regrole";
    assert_eq!(texts(c, owned).await, none, "{role} owns something");
    let schemas =
        "SELECT nspname::text FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE')";
    assert_eq!(texts(c, schemas).await, none, "{role} may create in a schema");
    let databases = "SELECT datname::text FROM pg_database \
        WHERE has_database_privilege(oid, 'CREATE') OR has_database_privilege(oid, 'TEMP')";
    assert_eq!(texts(c, databases).await, none, "{role} may create in a database");
    for function in REACHING_OUT {
        let callable = format!(
            "SELECT oid::regprocedure::text FROM pg_proc \
             WHERE proname = '{function}' AND has_function_privilege(oid, 'EXECUTE')"
        );
        assert_eq!(texts(c, &callable).await, none, "{role}");
    }
    let passed_on = holds(c, &["SELECT WITH GRANT OPTION", "INSERT WITH GRANT OPTION"]).await;
    assert_eq!(passed_on, none, "{role} may pass its rights on");
    for statement in [
        "CREATE TABLE mine (n integer)".to_owned(),
        "CREATE TEMP TABLE mine (n integer)".to_owned(),
        "CREATE SCHEMA mine".to_owned(),
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'".to_owned(),
        "CREATE EXTENSION postgres_fdw".to_owned(),
        "CREATE ROLE mine".to_owned(),
        "CREATE DATABASE mine".to_owned(),
        "DROP TABLE heartbeat".to_owned(),
        "ALTER TABLE outbox ADD COLUMN mine integer".to_owned(),
        "ALTER TABLE outbox DISABLE TRIGGER ALL".to_owned(),
        "SET session_replication_role = replica".to_owned(),
        format!("SET ROLE {own_database}_owner"),
        format!("GRANT {own_database}_owner TO {role}"),
        "COPY (SELECT 1) TO PROGRAM 'true'".to_owned(),
        "COPY outbox (payload) FROM '/etc/passwd'".to_owned(),
        "SELECT rolpassword FROM pg_authid".to_owned(),
        "ALTER SYSTEM SET log_statement = 'none'".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        assert_eq!(refusal(c, &statement).await, "42501", "{role}: {statement}");
    }
}

/// The databases of the cluster that the role may enter.
async fn doors(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let open = "SELECT datname::text FROM pg_database \
        WHERE datallowconn AND has_database_privilege(oid, 'CONNECT') ORDER BY 1";
    texts(&mut connection, open).await
}

/// Every relation of the service's own schemas on which the role has one of these privileges, on the whole or a column.
async fn holds(connection: &mut PgConnection, privileges: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for privilege in privileges {
        let of_columns = ["SELECT", "INSERT", "UPDATE", "REFERENCES"].contains(privilege);
        let columns = format!("OR has_any_column_privilege(c.oid, '{privilege}')");
        let sql = format!(
            "SELECT c.relname || ' {privilege}' FROM pg_class AS c \
             JOIN pg_namespace AS n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
             AND (has_table_privilege(c.oid, '{privilege}') {}) ORDER BY 1",
            if of_columns { &columns } else { "" }
        );
        found.extend(texts(connection, &sql).await);
    }
    found
}

#[tokio::test]
async fn the_role_of_each_service_has_the_rights_that_it_needs_and_no_others() {
    let bank = Bank::start().await;
    for service in SERVICES {
        let urls = urls(&bank, service);
        assert_eq!(urls, bank.file().service(service).unwrap().database.app_urls);
        for url in &urls {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let row = sqlx::query("SELECT session_user::text AS r, current_database()::text AS d");
            let row = row.fetch_one(&mut connection).await.unwrap();
            let (role, database): (String, String) = (row.get("r"), row.get("d"));
            assert_eq!((role, database.as_str()), (format!("{service}_app"), service));
        }
        assert_powerless(&urls[0], service).await;
        assert_eq!(doors(&urls[0]).await, [service]);
    }
}

#[tokio::test]
async fn no_service_gets_into_the_database_of_another() {
    let bank = Bank::start().await;
    for service in SERVICES {
        let url = urls(&bank, service).remove(0);
        let (server, _) = url.rsplit_once('/').unwrap();
        for other in SERVICES.into_iter().chain(["postgres", "template1"]).filter(|o| *o != service)
        {
            let refused = PgConnection::connect(&format!("{server}/{other}")).await.unwrap_err();
            let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
            assert_eq!(code, "42501", "{service} into {other}");
        }
    }
}

#[tokio::test]
async fn what_is_append_only_can_be_added_to_and_nothing_else() {
    let bank = Bank::start().await;
    bank.accounts(&[100]).await;
    bank.delivered().await;
    for (service, tables) in APPEND_ONLY {
        let mut connection = PgConnection::connect(&urls(&bank, service)[0]).await.unwrap();
        let c = &mut connection;
        let triggered = texts(
            c,
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger AS t \
             JOIN pg_class AS r ON r.oid = t.tgrelid \
             WHERE NOT tgisinternal AND tgenabled = 'O' AND tgname LIKE '%append\\_only' \
             AND NOT r.relispartition ORDER BY 1",
        )
        .await;
        for table in tables {
            assert!(triggered.iter().any(|name| name == table), "{service}: {table}");
        }
        let changes = holds(c, &["UPDATE", "DELETE", "TRUNCATE"]).await;
        for table in &triggered {
            let may: Vec<_> =
                changes.iter().filter(|held| held.split(' ').next() == Some(table)).collect();
            assert!(may.is_empty(), "{service}: {may:?}");
            for statement in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
                assert_eq!(refusal(c, &statement).await, "42501", "{service}: {statement}");
            }
        }
        // Rights that nothing needs; and the parts of a partitioned table are reached through the whole only.
        assert_eq!(holds(c, &["TRUNCATE", "TRIGGER", "REFERENCES"]).await, Vec::<String>::new());
        let parts = texts(
            c,
            "SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r' \
             AND (has_table_privilege(oid, 'SELECT') OR has_table_privilege(oid, 'INSERT') \
                 OR has_table_privilege(oid, 'UPDATE') OR has_table_privilege(oid, 'DELETE'))",
        )
        .await;
        assert_eq!(parts, Vec::<String>::new(), "{service}");
    }
}

/// A function that runs as the owner is a door: there is one, it makes partitions, and its names cannot be hijacked.
#[tokio::test]
async fn the_only_function_that_runs_as_the_owner_makes_partitions() {
    let bank = Bank::start().await;
    for service in SERVICES {
        let expected = if service == "customer" { vec![] } else { vec![PARTITIONS] };
        let mut connection = PgConnection::connect(&urls(&bank, service)[0]).await.unwrap();
        let callable = "SELECT oid::regprocedure::text || ' ' || COALESCE(array_to_string(proconfig, ' '), '') \
            FROM pg_proc WHERE prosecdef AND has_function_privilege(oid, 'EXECUTE') ORDER BY 1";
        assert_eq!(texts(&mut connection, callable).await, expected, "{service}");
    }
}

const PARTITIONS: &str = "ensure_partitions(date,date) search_path=public, pg_temp";

#[tokio::test]
async fn the_auditor_reads_every_table_and_does_nothing_else() {
    let bank = Bank::start().await;
    for service in SERVICES {
        let url = bank.file().service(service).unwrap().database.auditor_urls[0].clone();
        assert_powerless(&url, service).await;
        assert_eq!(doors(&url).await, ["accounting", "card", "customer", "deposit", "loan"]);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let c = &mut connection;
        let changes =
            holds(c, &["INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"]).await;
        assert_eq!(changes, Vec::<String>::new());
        let tables = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut *c).await.unwrap();
        assert_eq!(holds(c, &["SELECT"]).await.len(), usize::try_from(tables).unwrap());
        let sequences = "SELECT relname::text FROM pg_class WHERE relkind = 'S' \
            AND (has_sequence_privilege(oid, 'USAGE') OR has_sequence_privilege(oid, 'UPDATE'))";
        assert_eq!(texts(c, sequences).await, Vec::<String>::new());
        let definers = "SELECT proname::text FROM pg_proc \
            WHERE prosecdef AND has_function_privilege(oid, 'EXECUTE')";
        assert_eq!(texts(c, definers).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn no_configuration_of_a_service_names_an_owner_or_a_superuser() {
    let bank = Bank::start().await;
    let file = bank.file();
    for (service, entry) in &file.services {
        let config = std::fs::read_to_string(&entry.config).unwrap();
        for word in ["_owner", "postgres://postgres", "replicator", "auditor"] {
            assert!(!config.contains(word), "the configuration of {service} contains {word}");
        }
        let secret = |url: &str| {
            let (_, rest) = url.split_once(':').and_then(|(_, rest)| rest.split_once(':')).unwrap();
            rest.split('@').next().unwrap().to_owned()
        };
        for url in [&entry.database.owner_url, &file.primary().unwrap().admin_url] {
            assert!(!config.contains(&secret(url)), "{service} has a password that is not its own");
        }
    }
}
