//! Filling a data directory: from nothing, or from a running primary.
//!
//! The tools are told not to flush what they write. [`flush`] does that for a whole directory afterwards, with
//! several threads and while the servers already start: file after file it would take most of the time.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Node;
use super::account::private_file;
use super::tool::run_tool;

/// Makes an empty cluster in the node's directory.
pub(super) async fn initialize(node: &Node) -> anyhow::Result<()> {
    let password_file = node.data_dir.with_extension("password");
    private_file(&password_file, &node.password, node.account.as_ref())?;
    let data_dir = format!("--pgdata={}", node.data_dir.display());
    let pwfile = format!("--pwfile={}", password_file.display());
    let mut args = vec![data_dir.as_str(), &pwfile, "--username=postgres", "--auth=scram-sha-256"];
    args.extend(["--encoding=UTF8", "--locale=C", "--no-instructions"]);
    args.push("--no-sync");
    let initdb = node.binaries.program("initdb");
    let done = run_tool(&initdb, &args, node.account.as_ref(), None).await;
    std::fs::remove_file(&password_file).or_else(ignore_absent)?;
    done.map(drop)
}

/// Copies the primary running on `source_port` into the directory of `target`, with the log that the copy needs.
pub(super) async fn base_backup(
    source_port: u16,
    target: &Node,
    password: &str,
    slot: Option<&str>,
) -> anyhow::Result<()> {
    let data_dir = target.data_dir.display().to_string();
    let port = source_port.to_string();
    // A fast checkpoint: the default one is spread over minutes.
    let mut args = vec!["-D", &data_dir, "-h", "127.0.0.1", "-p", &port, "-U", "replicator"];
    args.extend(["--wal-method=stream", "--checkpoint=fast", "--no-password", "--no-sync"]);
    if let Some(slot) = slot {
        args.extend(["--slot", slot]);
    }
    let tool = target.binaries.program("pg_basebackup");
    run_tool(&tool, &args, target.account.as_ref(), Some(password)).await?;
    // The password file of another replica, if the source was one.
    std::fs::remove_file(target.data_dir.join("replication.pgpass")).or_else(ignore_absent)?;
    Ok(())
}

/// Removing what is not there has succeeded.
pub(super) fn ignore_absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Flushes every file and directory below `directory` to disk. The server may be at work there: what it has
/// removed meanwhile is left out, and what it writes from now on it flushes itself.
pub(super) fn flush(directory: &Path) -> io::Result<()> {
    const THREADS: usize = 8;
    let mut paths = Vec::new();
    list(directory, &mut paths)?;
    let share = paths.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let flush_all = |paths: &[PathBuf]| paths.iter().try_for_each(|path| flush_one(path));
        let working: Vec<_> =
            paths.chunks(share).map(|paths| scope.spawn(move || flush_all(paths))).collect();
        working.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("flushing panicked")))
        })
    })
}

pub(super) fn flush_one(path: &Path) -> io::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).or_else(ignore_absent)
}

fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return ignore_absent(error),
    };
    for entry in entries {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), paths)?,
            Ok(_) => paths.push(entry.path()),
            Err(error) => ignore_absent(error)?,
        }
    }
    paths.push(directory.to_owned());
    Ok(())
}
