//! Where the installed Postgres programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::problem;

/// Below this, `wal_compression = lz4` and `CREATE DATABASE ... STRATEGY` do not exist.
const OLDEST_MAJOR: u32 = 15;

const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_basebackup"];

/// One installation of the server programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    /// The first complete installation found in PATH, by `pg_config --bindir`, or in the directories of the
    /// Debian and Red Hat packages, newest first.
    pub fn find() -> anyhow::Result<Self> {
        let mut too_old = None;
        for directory in candidates() {
            match Self::at(&directory) {
                Some(found) if found.major >= OLDEST_MAJOR => return Ok(found),
                Some(found) => too_old = Some(found.major),
                None => {}
            }
        }
        let why = too_old.map_or_else(
            || "Postgres is not installed (no postgres, initdb and pg_basebackup found)".to_owned(),
            |major| format!("Postgres {major} is too old, {OLDEST_MAJOR} or newer is needed"),
        );
        Err(problem(format!("{why}: on Debian or Ubuntu, apt-get install postgresql")))
    }

    /// The installation in this directory, if it is complete and runs.
    pub fn at(directory: &Path) -> Option<Self> {
        if !NEEDED.iter().all(|name| directory.join(name).is_file()) {
            return None;
        }
        let major = major_version(&directory.join("postgres"))?;
        Some(Self { directory: directory.to_owned(), major })
    }

    /// The path of one program, such as `initdb`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Major version, such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for directory in std::env::split_paths(&path) {
        // A link such as /usr/local/bin/postgres leads to the directory that holds all the programs.
        if let Ok(real) = directory.join("postgres").canonicalize() {
            found.extend(real.parent().map(Path::to_owned));
        }
    }
    found.extend(
        answer(Command::new("pg_config").arg("--bindir")).map(|line| PathBuf::from(line.trim())),
    );
    found.extend(newest_first("/usr/lib/postgresql", ""));
    found.extend(newest_first("/usr", "pgsql-"));
    found
}

fn newest_first(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix(prefix)?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15; `17rc1` is 17.
fn major_version(postgres: &Path) -> Option<u32> {
    let line = answer(Command::new(postgres).arg("--version"))?;
    let version =
        line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}
