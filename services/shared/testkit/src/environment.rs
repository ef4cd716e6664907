//! Problems of the machine rather than of the program: Postgres is not installed, a port is taken, a disk is full.
//!
//! They are told apart from other errors because the person in front of the terminal can act on them, and
//! because the `bank` command has an exit code of its own for them.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Something on this machine is in the way. The text says what, and what to do about it, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

/// An error that carries a [`Problem`], which callers find with `downcast_ref`.
pub fn problem(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Problem(text.into()))
}

/// Bytes that an ordinary user may still write to the file system that holds `path`.
///
/// `path` need not exist yet; the nearest existing parent answers.
pub fn free_bytes(path: &Path) -> anyhow::Result<u64> {
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let stat = nix::sys::statvfs::statvfs(existing)
        .with_context(|| format!("cannot read the free space of {}", existing.display()))?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Refuses when less than `needed` bytes are free where `path` is or will be.
pub fn require_free_bytes(path: &Path, needed: u64) -> anyhow::Result<()> {
    const MIB: u64 = 1 << 20;
    let free = free_bytes(path)?;
    if free < needed {
        return Err(problem(format!(
            "the disk is nearly full: {} MiB free for {}, {} MiB needed",
            free / MIB,
            path.display(),
            needed.div_ceil(MIB),
        )));
    }
    Ok(())
}

/// A temporary directory that other users may enter but not list: as root, Postgres runs as another user.
pub fn temporary_directory(prefix: &str) -> anyhow::Result<tempfile::TempDir> {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir()?;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(directory)
}

/// Writes a file that only its owner can read, in one step: readers see the old text or the new, also after a power
/// cut. Two writers of one file must not meet.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|error| problem(format!("cannot write {}: {error}", path.display())))
}
