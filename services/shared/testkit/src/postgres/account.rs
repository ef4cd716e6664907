//! The operating-system user that Postgres runs as.
//!
//! Postgres refuses to run as root. When we are root, all its programs run as user `postgres`, which must
//! then be able to reach the directory; otherwise they run as the calling user.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::environment::problem;

/// Another user, by number. Only root can become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// User `postgres` when we are root, nobody else otherwise.
    pub fn for_postgres() -> anyhow::Result<Option<Self>> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let Some((uid, gid)) = postgres_ids() else {
            return Err(problem(
                "Postgres does not run as root, and there is no user postgres to run it as: \
                 install the postgresql package, or run as an ordinary user",
            ));
        };
        Ok(Some(Self { name: "postgres".to_owned(), uid, gid }))
    }

    /// Makes the command run as this user, in this user's group only: std clears the other groups of root
    /// when the uid is set.
    pub(crate) fn apply(&self, command: &mut tokio::process::Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Hands a file or directory over to this user.
    pub fn own(&self, path: &Path) -> anyhow::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} to user {}", path.display(), self.name))
    }

    /// Refuses a directory that this user cannot reach because some parent is closed to it.
    pub fn require_reach(&self, directory: &Path) -> anyhow::Result<()> {
        for parent in directory.ancestors().filter(|parent| parent.is_dir()) {
            let metadata = parent.metadata()?;
            let mode = metadata.permissions().mode();
            let may_enter = if metadata.uid() == self.uid {
                mode & 0o100 != 0
            } else if metadata.gid() == self.gid {
                mode & 0o010 != 0
            } else {
                mode & 0o001 != 0
            };
            if !may_enter {
                return Err(problem(format!(
                    "user {} cannot enter {} (mode {:o}), and Postgres runs as that user: \
                     choose another directory, or chmod o+x {}",
                    self.name,
                    parent.display(),
                    mode & 0o7777,
                    parent.display(),
                )));
            }
        }
        Ok(())
    }
}

/// User and group id of `postgres`: from the file that package managers write, else from whatever directory
/// service `id` asks.
fn postgres_ids() -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|line| line.starts_with("postgres:"));
    let from_file = line.and_then(|line| {
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    from_file.or_else(|| Some((id("-u")?, id("-g")?)))
}

fn id(flag: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, "postgres"]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Makes a directory that only its owner may read, and gives it to `account`.
pub(crate) fn private_dir(path: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    std::fs::create_dir_all(path)
        .map_err(|error| problem(format!("cannot create {}: {error}", path.display())))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    account.map_or(Ok(()), |account| account.own(path))
}

/// Writes a file that only its owner may read, and gives it to `account`.
pub(crate) fn private_file(
    path: &Path,
    text: &str,
    account: Option<&Account>,
) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    // A file of that name may have other rights, so the new one takes its place.
    let fresh = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(|error| problem(format!("cannot write {}: {error}", fresh.display())))?;
    file.write_all(text.as_bytes())
        .map_err(|error| problem(format!("cannot write {}: {error}", fresh.display())))?;
    if let Some(account) = account {
        account.own(&fresh)?;
    }
    std::fs::rename(&fresh, path)
        .map_err(|error| problem(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_below_a_closed_one_is_refused_with_the_closed_one_named() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { name: "stranger".to_owned(), uid: 65_533, gid: 65_533 };

        let refused = stranger.require_reach(&parent.path().join("bank")).unwrap_err().to_string();

        assert!(refused.contains(&format!("chmod o+x {}", parent.path().display())), "{refused}");
    }
}
