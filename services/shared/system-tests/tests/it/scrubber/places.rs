//! Where secrets could have come to lie: every file of a bank, every row, every span, every metric.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio_stream::StreamExt;

use crate::canaries::Canaries;
use crate::collector::Collector;
use crate::support::*;

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub struct Searched {
    pub bytes: usize,
    pub files: usize,
    pub found: Vec<String>,
}

impl Searched {
    fn add(&mut self, canaries: &Canaries, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.found.extend(canaries.in_bytes(place, bytes));
    }
}

/// Brings everything that the nodes have in memory to their disks.
pub async fn flush(bank: &Bank) {
    for node in &bank.file().nodes {
        let mut superuser = PgConnection::connect(&node.admin_url).await.unwrap();
        superuser.execute("CHECKPOINT").await.unwrap();
    }
}

/// Every file in the bank's directory: data and log of changes of each node, logs of everybody, heads, settings.
pub fn files(bank: &Bank, canaries: &Canaries) -> Searched {
    let mut searched = Searched::default();
    let mut directories = vec![bank.dir()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                // Postgres removes files as it goes.
                let Some(bytes) = read(&entry.path()) else { continue };
                searched.files += 1;
                searched.add(canaries, &entry.path().display().to_string(), &bytes);
            }
        }
    }
    searched
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Every row of every table, as text: what is compressed in the files is not here.
pub async fn rows(bank: &Bank, canaries: &Canaries) -> Searched {
    let mut searched = Searched::default();
    for service in bank.file().services.keys() {
        let mut database = bank.tamper_with(service).await;
        let tables = "SELECT c.oid::regclass::text FROM pg_class AS c \
            JOIN pg_namespace AS n ON n.oid = c.relnamespace \
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
        assert!(tables.len() > 5, "{service}: {tables:?}");
        for table in tables {
            let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} AS t"));
            let mut rows = sqlx::query_scalar::<_, String>(rows).fetch(&mut database);
            while let Some(row) = rows.try_next().await.unwrap() {
                searched.add(canaries, &format!("{service}.{table}"), row.as_bytes());
            }
        }
    }
    searched
}

/// Every span that was exported.
pub fn spans(collector: &Collector, canaries: &Canaries) -> Searched {
    let mut searched = Searched::default();
    searched.add(canaries, "the spans", &collector.bytes());
    searched
}

/// What every service shows of itself.
pub async fn metrics(bank: &Bank) -> String {
    let file = bank.file();
    let trust = file.trust(OPERATOR).unwrap();
    let mut shown = String::new();
    for entry in file.services.values() {
        let url = format!("{}/metrics", entry.operations);
        let answer = testkit::http::get(&url, trust.as_ref(), Duration::from_secs(20)).await;
        shown.push_str(&answer.unwrap().1);
    }
    shown
}

/// The logs of the services.
pub fn logs(bank: &Bank) -> Vec<PathBuf> {
    bank.file().services.values().map(|entry| entry.log.clone()).collect()
}

/// Text, such as errors and metrics.
pub fn text(canaries: &Canaries, place: &str, text: &[u8]) -> Searched {
    let mut searched = Searched::default();
    searched.add(canaries, place, text);
    searched
}
