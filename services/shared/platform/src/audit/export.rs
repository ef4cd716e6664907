//! Writes the head of the chain to a place outside the database, where whoever owns the database cannot change it.
//!
//! The place is a file to which lines are only added; what matters is that it is kept on another machine, under another
//! administrator: ship it as logs are shipped, or let `audit.heads_file` be on write-once storage. The same head goes to
//! the log.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::{Clock as _, SystemClock};
use serde::Serialize;
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::chain::Hash;
use crate::Sources;
use crate::config::AuditConfig;
use crate::db::{self, WritePool};

/// How soon it tries again, such as at the start while the primary is not known yet.
const TRY_EVERY: Duration = Duration::from_secs(1);

const HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE only_row";

/// One line of the file.
#[derive(Debug, Serialize)]
struct Head<'a> {
    exported_at: String,
    service: &'a str,
    sequence: i64,
    hash: String,
}

/// Exports the head each `export_seconds` where it has moved, and once more when told to stop.
pub async fn run(
    service: &'static str,
    pool: WritePool,
    config: AuditConfig,
    stop: CancellationToken,
) {
    let period = Duration::from_secs(config.export_seconds.max(1));
    let (mut exported, mut failing) = (0, false);
    loop {
        let stopping = stop.is_cancelled();
        match export(service, &pool, config.heads_file.as_deref(), exported).await {
            Ok(sequence) => (exported, failing) = (sequence, false),
            Err(error) => {
                if !failing {
                    tracing::warn!(error = %format!("{error:#}"), "the head of the audit log was not exported; trying on");
                }
                failing = true;
            }
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(if failing { TRY_EVERY } else { period }) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn export(
    service: &'static str,
    pool: &WritePool,
    file: Option<&Path>,
    exported: i64,
) -> anyhow::Result<i64> {
    let (sequence, hash) =
        head(pool).await.map_err(|error| anyhow::anyhow!("{}", Sources(&error)))?;
    let now = SystemClock.now();
    if sequence > exported {
        let head =
            Head { exported_at: now.to_rfc3339(), service, sequence, hash: hash.to_string() };
        if let Some(file) = file {
            let (file, line) = (PathBuf::from(file), serde_json::to_string(&head)? + "\n");
            tokio::task::spawn_blocking(move || add_line(&file, &line)).await??;
        }
        tracing::info!(sequence, %hash, "head of the audit log");
    }
    let seconds = u32::try_from(now.timestamp()).unwrap_or(u32::MAX);
    metrics::gauge!("audit_head_exported_at_seconds").set(seconds);
    metrics::gauge!("audit_sequence").set(u32::try_from(sequence).unwrap_or(u32::MAX));
    Ok(sequence)
}

async fn head(pool: &WritePool) -> Result<(i64, Hash), db::Error> {
    let mut tx = pool.begin().await?;
    let row = sqlx::query(HEAD).fetch_optional(tx.conn()).await?;
    tx.rollback().await;
    let missing = || db::Error::Inconsistent("the audit log has no head".into());
    let row = row.ok_or_else(missing)?;
    let hash = Hash::from_slice(row.try_get("hash")?).ok_or_else(missing)?;
    Ok((row.try_get("sequence")?, hash))
}

/// One write of one line, on the disk before it counts.
fn add_line(file: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}
