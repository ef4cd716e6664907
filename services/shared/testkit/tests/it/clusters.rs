//! Clusters: durability with a replica, crashes, and directories that were left behind.

use std::path::Path;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use testkit::environment::{Problem, require_free_bytes, temporary_directory};
use testkit::postgres::{Cluster, ClusterOptions, Node, Settings, random_password};

const LIMIT: Duration = Duration::from_secs(20);
const INSERT: &str = "INSERT INTO kept (number) VALUES ($1)";
const NUMBERS: &str = "SELECT array_agg(number ORDER BY number) FROM kept";

fn options(directory: &Path, replicas: usize) -> ClusterOptions {
    ClusterOptions {
        directory: directory.join("postgres"),
        log_dir: directory.to_owned(),
        replicas,
        settings: Settings { durable: true, ..Settings::tests() },
        ports: Vec::new(),
        admin_password: random_password(),
        replication_password: random_password(),
    }
}

async fn admin(cluster: &Cluster, node: usize) -> PgConnection {
    cluster.nodes()[node].admin("postgres", LIMIT).await.unwrap()
}

async fn insert(connection: &mut PgConnection, number: i32) {
    sqlx::query(INSERT).bind(number).execute(connection).await.unwrap();
}

async fn create_table(cluster: &Cluster) -> PgConnection {
    let mut primary = admin(cluster, 0).await;
    sqlx::query("CREATE TABLE kept (number int PRIMARY KEY)").execute(&mut primary).await.unwrap();
    insert(&mut primary, 1).await;
    primary
}

async fn numbers(cluster: &Cluster, node: usize) -> Vec<i32> {
    sqlx::query_scalar(NUMBERS).fetch_one(&mut admin(cluster, node).await).await.unwrap()
}

#[tokio::test]
async fn a_commit_waits_for_the_replica_and_ends_when_it_is_back() {
    let directory = temporary_directory("testkit-").unwrap();
    let mut cluster = Cluster::bring_up(options(directory.path(), 1)).await.unwrap();
    let mut primary = create_table(&cluster).await;

    cluster.nodes_mut()[1].kill9().await.unwrap();
    let mut waiting = tokio::spawn(async move { insert(&mut primary, 2).await });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    cluster.nodes_mut()[1].start(LIMIT).await.unwrap();
    tokio::time::timeout(LIMIT, waiting).await.unwrap().unwrap();

    assert!(early.is_err(), "a commit was acknowledged while no replica had it");
    assert_eq!(numbers(&cluster, 0).await, [1, 2]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_primary_comes_back_with_every_commit_and_its_replica_follows() {
    let directory = temporary_directory("testkit-").unwrap();
    let mut cluster = Cluster::bring_up(options(directory.path(), 1)).await.unwrap();
    let mut primary = create_table(&cluster).await;
    insert(&mut primary, 2).await;

    cluster.nodes_mut()[0].kill9().await.unwrap();
    cluster.nodes_mut()[0].start(LIMIT).await.unwrap();
    cluster.wait_synchronous().await.unwrap();
    insert(&mut admin(&cluster, 0).await, 3).await;

    assert_eq!(numbers(&cluster, 0).await, [1, 2, 3]);
    cluster.stop().await.unwrap();
}

/// The supervisor is killed: nobody stops its servers, and the next one must take over while they still run.
#[tokio::test]
async fn a_directory_whose_supervisor_vanished_is_taken_over_by_the_next_start() {
    let directory = temporary_directory("testkit-").unwrap();
    let options = options(directory.path(), 1);
    let cluster = Cluster::bring_up(options.clone()).await.unwrap();
    create_table(&cluster).await.close().await.unwrap();
    let abandoned: Vec<_> = cluster.nodes().iter().filter_map(Node::identity).collect();
    std::mem::forget(cluster);

    let mut cluster = Cluster::bring_up(options).await.unwrap();

    assert_eq!(abandoned.len(), 2);
    assert!(abandoned.iter().all(|identity| !identity.is_alive()));
    assert_eq!(numbers(&cluster, 0).await, [1]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_first_start_that_was_killed_half_way_begins_anew() {
    let directory = temporary_directory("testkit-").unwrap();
    let half_made = directory.path().join("postgres/primary");
    std::fs::create_dir_all(half_made.join("base")).unwrap();
    std::fs::write(half_made.join("PG_VERSION"), "15\n").unwrap();

    let mut cluster = Cluster::bring_up(options(directory.path(), 0)).await.unwrap();

    create_table(&cluster).await.close().await.unwrap();
    assert_eq!(numbers(&cluster, 0).await, [1]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_replica_can_be_added_to_a_cluster_that_has_data() {
    let directory = temporary_directory("testkit-").unwrap();
    let mut options = options(directory.path(), 0);
    let mut cluster = Cluster::bring_up(options.clone()).await.unwrap();
    create_table(&cluster).await.close().await.unwrap();
    cluster.stop().await.unwrap();

    options.replicas = 1;
    let mut cluster = Cluster::bring_up(options).await.unwrap();

    assert_eq!(numbers(&cluster, 1).await, [1]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_replica_that_was_promoted_by_hand_is_refused() {
    let directory = temporary_directory("testkit-").unwrap();
    let options = options(directory.path(), 1);
    let mut cluster = Cluster::bring_up(options.clone()).await.unwrap();
    cluster.stop().await.unwrap();
    std::fs::remove_file(directory.path().join("postgres/replica1/standby.signal")).unwrap();

    let refused = Cluster::bring_up(options).await.unwrap_err();

    assert!(refused.downcast_ref::<Problem>().is_some());
    assert!(refused.to_string().contains("changed the roles"), "{refused}");
}

#[tokio::test]
async fn a_scratch_copy_holds_the_same_rows_and_changes_to_it_stay_there() {
    let directory = temporary_directory("testkit-").unwrap();
    let original = options(directory.path(), 1);
    let mut cluster = Cluster::bring_up(original.clone()).await.unwrap();
    create_table(&cluster).await.close().await.unwrap();

    let place = directory.path().join("scratch");
    let scratch = ClusterOptions { directory: place, replicas: 0, ..original };
    let source_port = cluster.nodes()[0].port();
    let mut copy = Cluster::scratch_copy(source_port, scratch).await.unwrap();
    insert(&mut admin(&copy, 0).await, 2).await;

    assert_eq!(numbers(&copy, 0).await, [1, 2]);
    assert_eq!(numbers(&cluster, 0).await, [1]);
    copy.stop().await.unwrap();
    cluster.stop().await.unwrap();
}

#[test]
fn a_disk_without_room_is_a_problem_of_the_machine_told_in_one_line() {
    let refused = require_free_bytes(Path::new("/tmp/not/there/yet"), u64::MAX).unwrap_err();

    assert!(refused.downcast_ref::<Problem>().is_some());
    assert!(refused.to_string().starts_with("the disk is nearly full: "), "{refused}");
}
