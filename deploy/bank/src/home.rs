//! The directory of a bank: which one, whether it may be used, and the lock that shows whose it is.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::Error;

const LOCK: &str = "run.lock";

/// Where a bank lives when nobody says otherwise: `/var/lib/thincore/bank` for root, else below
/// `$XDG_STATE_HOME` or `~/.local/state`.
pub fn default_dir() -> Result<PathBuf, Error> {
    if nix::unistd::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/thincore/bank"));
    }
    // Places of the operating system's user, not settings of the bank.
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    let base = state.filter(|path| path.is_absolute()).or(home);
    base.map(|base| base.join("thincore/bank"))
        .ok_or_else(|| Error::Usage("neither XDG_STATE_HOME nor HOME is set: say --dir".to_owned()))
}

/// A directory that this process owns for as long as the value lives.
///
/// A directory that was new is removed again on drop, unless [`Home::keep`] was called.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    /// Removes what a failed first start made; gone once the bank is complete.
    undo: Option<Undo>,
    _lock: File,
}

impl Home {
    /// Takes the directory, creating it when it is absent.
    pub(crate) fn claim(dir: &Path) -> Result<Self, Error> {
        let dir = std::path::absolute(dir)?;
        let undo = prepare(&dir)?;
        let dir = dir.canonicalize()?;
        let lock = lock(&dir)?;
        for part in ["audit", "config", "log", "tls"] {
            let part = dir.join(part);
            create(&part)?;
            std::fs::set_permissions(&part, Permissions::from_mode(0o700))?;
        }
        Ok(Self { dir, undo, _lock: lock })
    }

    /// Whether the directory stays when this start fails.
    pub(crate) fn is_kept(&self) -> bool {
        !self.undo.as_ref().is_some_and(|undo| undo.wanted)
    }

    /// The bank is complete: it stays.
    pub(crate) fn keep(&mut self) {
        if let Some(undo) = &mut self.undo {
            undo.wanted = false;
        }
    }
}

/// Removes what was created, when dropped while still wanted.
#[derive(Debug)]
struct Undo {
    /// The first directory that had to be created, or the empty one that was there.
    path: PathBuf,
    was_there: bool,
    wanted: bool,
}

impl Drop for Undo {
    fn drop(&mut self) {
        if !self.wanted {
            return;
        }
        // Best effort: the failure that led here is what the user must hear of. Not at the first attempt
        // only, as a database process that was told to end may still write its last file.
        for _ in 0..20 {
            if self.remove().is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Undo {
    fn remove(&self) -> std::io::Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        if !self.was_there {
            return std::fs::remove_dir_all(&self.path);
        }
        for entry in std::fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.is_dir() {
                std::fs::remove_dir_all(path)?;
            } else {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Makes sure that the directory is there and is ours. Returns how to undo that if it holds no bank yet.
fn prepare(dir: &Path) -> Result<Option<Undo>, Error> {
    if !dir.exists() {
        let first_missing = dir.ancestors().take_while(|path| !path.exists()).last();
        let path = first_missing.unwrap_or(dir).to_owned();
        let undo = Undo { path, was_there: false, wanted: true };
        create(dir)?;
        set_mode(dir)?;
        return Ok(Some(undo));
    }
    let metadata = dir.metadata()?;
    if !metadata.is_dir() {
        return Err(Error::Environment(format!("{} is not a directory", dir.display())));
    }
    let own = nix::unistd::geteuid().as_raw();
    if metadata.uid() != own {
        return Err(Error::Environment(format!(
            "{} belongs to user id {}, and you are {own}: choose another directory with --dir",
            dir.display(),
            metadata.uid(),
        )));
    }
    let is_empty = std::fs::read_dir(dir)?.next().is_none();
    if !is_empty && !dir.join(LOCK).exists() {
        return Err(Error::Environment(format!(
            "{} is not empty and holds no bank: choose another directory with --dir",
            dir.display()
        )));
    }
    set_mode(dir)?;
    Ok(is_empty.then(|| Undo { path: dir.to_owned(), was_there: true, wanted: true }))
}

/// As root, the Postgres user must be able to pass through.
fn set_mode(dir: &Path) -> Result<(), Error> {
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    std::fs::set_permissions(dir, Permissions::from_mode(mode))?;
    Ok(())
}

fn create(dir: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(dir)
        .map_err(|error| Error::Environment(format!("cannot create {}: {error}", dir.display())))
}

/// The lock is free again when its process ends, however it ends.
fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).append(true).open(&path);
    let file = file
        .map_err(|error| Error::Environment(format!("cannot write {}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            let dir = dir.display();
            Err(Error::AlreadyRunning(format!(
                "a bank is already running in {dir}: bank status --dir {dir} shows it, bank down --dir {dir} stops it"
            )))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(anyhow::Error::from(error)
            .context(format!("cannot lock {}", path.display()))
            .into()),
    }
}

/// Whether a living process holds the directory.
pub(crate) fn is_held(dir: &Path) -> anyhow::Result<bool> {
    let path = dir.join(LOCK);
    if !path.exists() {
        return Ok(false);
    }
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}
