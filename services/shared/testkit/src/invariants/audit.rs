//! V9: the audit log of each service is a whole chain, and goes through every head that was ever exported.
//!
//! The chain is computed anew in SQL, not by the code that wrote it. A whole chain proves nothing about its end, nor
//! against somebody who computed all of it anew; the heads that were written outside the database do.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;
use sqlx::PgConnection;

use super::{Check, Findings, Snapshot};

const CHAIN: &str = include_str!("sql/audit_chain.sql");
const COUNT: &str = "SELECT count(*) FROM audit_log";
const LAST_IS_HEAD: &str = "
SELECT EXISTS (
    SELECT
    FROM audit_head AS h
    WHERE (h.sequence, h.hash) = (
        SELECT coalesce(max(sequence), 0), coalesce((array_agg(hash ORDER BY sequence DESC))[1], decode(repeat('00', 32), 'hex'))
        FROM audit_log
    )
)";
const MISSED: &str = "
SELECT e.sequence
FROM unnest($1::bigint[], $2::text[]) AS e (sequence, hash)
LEFT JOIN audit_log AS l ON l.sequence = e.sequence
WHERE l.hash IS NULL OR encode(l.hash, 'hex') <> e.hash
ORDER BY e.sequence";

/// A head that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Head {
    service: String,
    pub(super) sequence: i64,
    pub(super) hash: String,
}

impl Head {
    pub(super) fn new(service: &str, sequence: i64, hash: String) -> Self {
        Self { service: service.to_owned(), sequence, hash }
    }
}

/// What the files of exported heads hold.
#[derive(Debug, Default)]
pub(super) struct Exported {
    heads: Vec<Head>,
    /// The lines that are no head.
    damaged: Vec<String>,
}

/// Reads the exported heads. Before the snapshot is taken, so that each is in it.
pub(super) fn read_heads(files: &[PathBuf]) -> anyhow::Result<Exported> {
    let mut exported = Exported::default();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            // Nothing has been exported yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        // What has no end yet is being written.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        for (index, line) in lines.enumerate() {
            if let Ok(head) = serde_json::from_str(line) {
                exported.heads.push(head);
            } else {
                let place = format!("{}, line {}", file.display(), index + 1);
                exported.damaged.push(format!("{place} is not an exported head"));
            }
        }
    }
    Ok(exported)
}

pub(super) async fn check(snapshot: &mut Snapshot, exported: &Exported) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    for damaged in &exported.damaged {
        findings.add(damaged.clone());
    }
    let Snapshot { deposit, loan, card, accounting, customer, .. } = snapshot;
    for (service, connection) in [
        ("customer", customer),
        ("deposit", deposit),
        ("loan", loan),
        ("card", card),
        ("accounting", accounting),
    ] {
        check_one(service, connection, &exported.heads, &mut findings).await?;
    }
    Ok(into_check(findings))
}

pub(super) fn into_check(findings: Findings) -> Check {
    findings.into_check("V9", "each audit log is a whole chain through every exported head")
}

pub(super) async fn check_one(
    service: &str,
    connection: &mut PgConnection,
    heads: &[Head],
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *connection).await?);
    let broken: Vec<(i64, String)> = sqlx::query_as(CHAIN).fetch_all(&mut *connection).await?;
    for (sequence, wrong) in broken {
        findings.add(format!("{service}: audit record {sequence} {wrong}"));
    }
    if !sqlx::query_scalar::<_, bool>(LAST_IS_HEAD).fetch_one(&mut *connection).await? {
        findings.add(format!("{service}: the last audit record is not the head of the chain"));
    }
    let (sequences, hashes): (Vec<i64>, Vec<String>) = heads
        .iter()
        .filter(|head| head.service == service)
        .map(|head| (head.sequence, head.hash.clone()))
        .unzip();
    let missed: Vec<i64> =
        sqlx::query_scalar(MISSED).bind(sequences).bind(hashes).fetch_all(connection).await?;
    for sequence in missed {
        findings.add(format!("{service}: the chain does not go through exported head {sequence}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_is_named_and_one_that_is_being_written_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("customer.heads.jsonl");
        let good =
            |n| format!(r#"{{"exported_at":"","service":"customer","sequence":{n},"hash":""}}"#);
        let text = format!("{}\n{{\"exp\n{}\n{{\"exported", good(1), good(2));
        std::fs::write(&file, text).unwrap();

        let exported = read_heads(&[file.clone(), directory.path().join("none.jsonl")]).unwrap();

        let sequences: Vec<i64> = exported.heads.iter().map(|head| head.sequence).collect();
        assert_eq!(sequences, [1, 2]);
        let named = format!("{}, line 2 is not an exported head", file.display());
        assert_eq!(exported.damaged, [named]);
    }
}
