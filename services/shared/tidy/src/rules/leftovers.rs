//! What must not be committed: unfinished work, and traces of the machine it was written on.

use crate::source::words;
use crate::{Finding, Tree};

/// Apart, so that this file does not find itself.
const UNFINISHED: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do"), concat!("unimple", "mented")];

/// Directories of one machine only.
const PRIVATE: [&str; 4] = ["work", "root", "home", "Users"];

/// Where packages come from is a setting of the machine.
const REGISTRIES: [&str; 5] = [
    concat!("registry.npm", "js.org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi.org", "/simple"),
    concat!("deb.debian", ".org"),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for word in words(text).filter(|word| UNFINISHED.contains(&word.text)) {
            // The last two are ordinary words unless they are macros.
            let in_prose =
                word.text.starts_with(char::is_lowercase) && !word.after.starts_with("!(");
            if !in_prose {
                let message =
                    format!("`{}`: finish it, or leave it out and say so in the docs", word.text);
                findings.push(Finding::new(path, word.line, message));
            }
        }
    }
    findings
}

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (at, line) in text.lines().enumerate() {
            if let Some(found) = private_path(line) {
                let message =
                    format!("`/{found}` is a directory of one machine: write a relative path");
                findings.push(Finding::new(path, at + 1, message));
            }
            let source = line.strip_prefix("source = ").filter(|_| path == "Cargo.lock");
            let registry = REGISTRIES.iter().find(|host| line.contains(**host)).copied();
            if let Some(host) = registry.or(source.filter(|source| !source.contains(CRATES_IO))) {
                let message =
                    format!("{host}: name no registry, each machine has its own settings for that");
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
    findings
}

/// An absolute path into a private directory: the slash starts a path, and something follows the name.
fn private_path(line: &str) -> Option<&'static str> {
    let starts = line.match_indices('/').filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "/._-}$*)~>".contains(c)))
    });
    let mut found = starts.filter_map(|(at, _)| {
        let rest = &line[at + 1..];
        PRIVATE.into_iter().find(|name| {
            rest.strip_prefix(name).is_some_and(|after| {
                after
                    .strip_prefix('/')
                    .is_some_and(|after| after.starts_with(char::is_alphanumeric))
            })
        })
    });
    found.next()
}
