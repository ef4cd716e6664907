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

/// Reads the exported heads. Before the snapshot is taken, so that each is in it.
pub(super) fn read_heads(files: &[PathBuf]) -> anyhow::Result<Vec<Head>> {
    let mut heads = Vec::new();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            // Nothing has been exported yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        for (index, line) in text.lines().enumerate() {
            let head = serde_json::from_str(line)
                .with_context(|| format!("{}, line {}", file.display(), index + 1))?;
            heads.push(head);
        }
    }
    Ok(heads)
}

pub(super) async fn check(snapshot: &mut Snapshot, heads: &[Head]) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    let Snapshot { deposit, accounting, customer, .. } = snapshot;
    for (service, connection) in
        [("customer", customer), ("deposit", deposit), ("accounting", accounting)]
    {
        check_one(service, connection, heads, &mut findings).await?;
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
