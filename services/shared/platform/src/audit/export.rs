//! Writes the head of the chain to a place outside the database, where whoever owns the database cannot change it.
//!
//! The place is a file to which lines are only added; what matters is that it is kept on another machine, under another
//! administrator: ship it as logs are shipped, or let `audit.heads_file` be on write-once storage. The same head goes to
//! the log. A chain that does not go through the head that was exported last is not exported: it was rewritten, which goes
//! to the log once and shows as a head that gets old.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
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

const HEAD: &str = "
SELECT h.sequence, h.hash, l.hash AS exported_hash
FROM audit_head AS h
LEFT JOIN audit_log AS l ON l.sequence = $1
WHERE h.only_row";

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
    let (mut exported, mut failing) = ((0, Hash::NONE), false);
    loop {
        let stopping = stop.is_cancelled();
        match export(service, &pool, config.heads_file.as_deref(), exported).await {
            Ok(head) => (exported, failing) = (head, false),
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
    exported: (i64, Hash),
) -> anyhow::Result<(i64, Hash)> {
    let head = head(pool, exported).await;
    let (sequence, hash) = head.map_err(|error| anyhow::anyhow!("{}", Sources(&error)))?;
    let now = SystemClock.now();
    if sequence > exported.0 {
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
    Ok((sequence, hash))
}

/// The head, if the chain still goes through what was exported last.
async fn head(pool: &WritePool, exported: (i64, Hash)) -> Result<(i64, Hash), db::Error> {
    let mut tx = pool.begin().await?;
    let row = sqlx::query(HEAD).bind(exported.0).fetch_optional(tx.conn()).await?;
    tx.rollback().await;
    let missing = || db::Error::Inconsistent("the audit log has no head".into());
    let row = row.ok_or_else(missing)?;
    let known: Option<&[u8]> = row.try_get("exported_hash")?;
    if exported.0 > 0 && known != Some(exported.1.as_slice()) {
        let (sequence, hash) = exported;
        let what = format!("the audit log was rewritten: record {sequence} had the hash {hash}");
        return Err(db::Error::Inconsistent(what));
    }
    let hash = Hash::from_slice(row.try_get("hash")?).ok_or_else(missing)?;
    Ok((row.try_get("sequence")?, hash))
}

/// One write of one line, on the disk before it counts. A line that was cut off, as by a full disk, stays one by itself.
fn add_line(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let is_new = file.metadata()?.len() == 0;
    let mut last = [b'\n'];
    if !is_new {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let cut_off = if last == [b'\n'] { "" } else { "\n" };
    file.write_all([cut_off, line].concat().as_bytes())?;
    file.sync_all()?;
    if let Some(directory) = path.parent().filter(|parent| is_new && parent.is_dir()) {
        // Its name must survive a power cut, too.
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_does_not_swallow_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("heads.jsonl");

        add_line(&file, "one\n").unwrap();
        std::fs::write(&file, "one\ntw").unwrap();
        add_line(&file, "three\n").unwrap();
        add_line(&file, "four\n").unwrap();

        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntw\nthree\nfour\n");
    }
}
