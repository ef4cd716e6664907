//! The text of a repository, by path.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Made by tools, or not part of the repository.
const SKIPPED: [&str; 5] = [".git", ".idea", ".vscode", "node_modules", "target"];

/// Paths relative to the root, with `/`, and the text of each file.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Every file below this directory, except what tools make. A file that is not text counts as empty: it is there.
    pub fn load(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        collect(root, "", &mut files)?;
        Ok(Self { files })
    }

    /// A tree of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self { files: owned.collect() }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(crate) fn files_ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is such a file, or a directory with files in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&below))
    }

    /// The services, by the name of their folder: all below `services/` but what they share.
    pub(crate) fn services(&self) -> Vec<&str> {
        let folders = self.files.keys().filter_map(|path| {
            let (service, _) = path.strip_prefix("services/")?.split_once('/')?;
            (service != "shared").then_some(service)
        });
        let mut services: Vec<&str> = folders.collect();
        services.dedup();
        services
    }

    /// The Rust sources of the services: service, path below its `src/`, whole path, text.
    pub(crate) fn service_sources(&self) -> impl Iterator<Item = ServiceSource<'_>> {
        self.files_ending(".rs").filter_map(|(path, text)| {
            let (service, rest) = path.strip_prefix("services/")?.split_once('/')?;
            let inner = rest.strip_prefix("src/")?;
            (service != "shared").then_some(ServiceSource { inner, path, text })
        })
    }
}

/// A Rust source of a service.
pub(crate) struct ServiceSource<'a> {
    /// Path below `src/`, such as `api/mod.rs`.
    pub inner: &'a str,
    /// Path from the root.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            files.insert(path, String::from_utf8(fs::read(entry.path())?).unwrap_or_default());
        }
    }
    Ok(())
}
