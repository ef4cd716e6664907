//! The self-test of the invariants on books that are empty but for what it lays in itself: loans and a card. What it plants in
//! accounts and journals needs some that somebody has used; `bank verify --self-test` does that.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use testkit::database::TestCluster;
use testkit::invariants::{self, Books};

const SERVICES: [&str; 5] = ["deposit", "loan", "card", "accounting", "customer"];
const PLATFORM_TABLES: &str = include_str!("../../../platform/src/db/platform_tables.sql");

/// A database with the tables of a service, by its migrations.
async fn empty_books(cluster: &TestCluster, service: &str) -> String {
    let name = format!("planted_{service}_{}", std::process::id());
    let admin = cluster.primary_url("postgres", "postgres");
    let mut admin = PgConnection::connect(&admin).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();

    let url = cluster.primary_url("postgres", &name);
    let mut database = PgConnection::connect(&url).await.unwrap();
    let tables = PLATFORM_TABLES.replace("{app_role}", &format!("{service}_app"));
    database.execute(AssertSqlSafe(tables)).await.unwrap();
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let migrations = std::fs::read_dir(services.join(service).join("migrations")).unwrap();
    let mut files: Vec<_> = migrations.map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let migration = std::fs::read_to_string(file).unwrap();
        database.execute(AssertSqlSafe(migration)).await.unwrap();
    }
    url
}

#[tokio::test]
async fn every_discrepancy_that_is_planted_in_loans_and_cards_is_found() {
    let cluster = TestCluster::from_environment().unwrap();
    let mut urls = Vec::new();
    for service in SERVICES {
        urls.push(empty_books(&cluster, service).await);
    }
    let [deposit_url, loan_url, card_url, accounting_url, customer_url] = urls.try_into().unwrap();
    let books = Books {
        deposit_url,
        loan_url,
        card_url,
        accounting_url,
        customer_url,
        audit_heads: Vec::new(),
    };

    let results = invariants::self_test(&books).await.unwrap();

    let planted =
        |one: &&invariants::SelfTestResult| !one.detail.starts_with("could not be planted");
    let missed: Vec<_> = results.iter().filter(planted).filter(|one| !one.found).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let found = |id: &str| results.iter().filter(planted).filter(|one| one.invariant == id).count();
    let found = ["all", "V3", "V4", "V6", "V7"].map(found);
    assert_eq!(found, [3, 18, 11, 5, 18]);
}
