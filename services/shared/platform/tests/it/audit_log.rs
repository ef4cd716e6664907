//! The chain as it is written: whole under concurrency, gone with a rolled-back effect, exported.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, SystemClock};
use platform::Background;
use platform::audit::{self, Event};
use platform::config::AuditConfig;
use platform::db::Database;
use sqlx::{Connection, PgConnection};
use testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::books;
use crate::support::eventually;

const LOG: &str = "SELECT l.sequence, l.subject, l.previous_hash = lag(l.hash, 1, decode(repeat('00', 32), 'hex')) \
    OVER (ORDER BY l.sequence) FROM audit_log AS l ORDER BY l.sequence";

async fn append(books: &Database, subject: &str, commit: bool) {
    let event = Event { actor: "teller/1", action: "TEST", subject, details: "七 é" };
    let mut tx = books.write_pool().begin().await.unwrap();
    audit::append(&mut tx, &[event, event], SystemClock.now()).await.unwrap();
    if commit {
        tx.commit().await.unwrap();
    } else {
        tx.rollback().await;
    }
}

async fn log(database: &TestDatabase) -> Vec<(i64, String, bool)> {
    let mut superuser = PgConnection::connect(&database.admin_url).await.unwrap();
    sqlx::query_as(LOG).fetch_all(&mut superuser).await.unwrap()
}

#[tokio::test]
async fn many_at_once_make_one_chain_and_what_is_rolled_back_leaves_no_gap() {
    let database = books::fresh().await;
    let books = Arc::new(books::open(&database).await);
    let mut writers = JoinSet::new();
    for n in 0..20 {
        let books = Arc::clone(&books);
        writers.spawn(async move { append(&books, &n.to_string(), n % 4 != 0).await });
    }
    writers.join_all().await;

    let log = log(&database).await;

    let sequences: Vec<i64> = log.iter().map(|(sequence, _, _)| *sequence).collect();
    assert_eq!(sequences, (1..=30).collect::<Vec<_>>());
    assert!(log.iter().all(|(_, _, follows)| *follows), "{log:?}");
    assert!(log.chunks(2).all(|pair| pair[0].1 == pair[1].1), "{log:?}");
}

/// The heads in the file.
fn exported(file: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    text.lines().map(|text| line(text)["sequence"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_chain_that_was_rewritten_is_not_exported() {
    let database = books::fresh().await;
    let books = books::open(&database).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("heads.jsonl");
    let config = AuditConfig { heads_file: Some(file.clone()), export_seconds: 1 };
    append(&books, "first", true).await;
    let exporting = Background::default();
    exporting.spawn(|stop| audit::export::run("platform", books.write_pool(), config, stop));
    eventually(|| async { exported(&file) == [2] }).await;

    // The log is emptied and written anew, longer than it was.
    let mut superuser = PgConnection::connect(&database.admin_url).await.unwrap();
    let empty = "SET session_replication_role = replica; TRUNCATE audit_log; \
        UPDATE audit_head SET sequence = 0, hash = decode(repeat('00', 32), 'hex')";
    sqlx::raw_sql(empty).execute(&mut superuser).await.unwrap();
    append(&books, "another first", true).await;
    append(&books, "another second", true).await;
    exporting.stop().await;

    assert_eq!(log(&database).await.len(), 4);
    assert_eq!(exported(&file), [2]);
}

#[tokio::test]
async fn the_head_is_exported_when_it_has_moved_and_once_more_at_the_end() {
    let database = books::fresh().await;
    let books = books::open(&database).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("heads.jsonl");
    let config = AuditConfig { heads_file: Some(file.clone()), export_seconds: 1 };
    append(&books, "first", true).await;
    let exporting = Background::default();
    exporting.spawn(|stop| audit::export::run("platform", books.write_pool(), config, stop));
    let sequences = || exported(&file);

    eventually(|| async { sequences() == [2] }).await;
    // More than one period in which nothing happens adds nothing.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    append(&books, "last", true).await;
    exporting.stop().await;

    assert_eq!(sequences(), [2, 4]);
}
