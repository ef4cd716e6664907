//! What every file owes its reader: it is short, says what it is for, and is named for it.

use crate::source::Source;
use crate::{Finding, Tree};

const LINES_MAX: usize = 500;

/// Names that say nothing about what is inside, so everything ends up there.
const EMPTY_NAMES: [&str; 9] =
    ["common", "helper", "helpers", "manager", "managers", "misc", "util", "utilities", "utils"];

pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let code = |path: &str| [".rs", ".sql", ".proto"].iter().any(|end| path.ends_with(end));
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| code(path)) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let message = format!(
                "{lines} lines, at most {LINES_MAX}: move what can be named into a file of its own"
            );
            findings.push(Finding::new(path, LINES_MAX + 1, message));
        }
    }
    findings
}

pub(super) fn header(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A tests.rs is explained by the module beside it.
    let explained = |path: &str| path.ends_with("/tests.rs") && path.contains("/src/");
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| !explained(path)) {
        if !text.starts_with("//! ") {
            let message =
                "open with `//!`: what the file is for, its invariants, what is absent on purpose";
            findings.push(Finding::new(path, 1, message));
        }
    }
    findings
}

pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The contract has a package of what all services share; buf and its users know it by this name.
    for (path, _) in tree.files().filter(|(path, _)| !path.starts_with("proto/")) {
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if let Some(name) = stem.split(['_', '-']).find(|name| EMPTY_NAMES.contains(name)) {
                let message = format!("`{name}` says nothing: name {part} for what is inside");
                findings.push(Finding::new(path, 1, message));
            }
        }
    }
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| !path.starts_with("proto/")) {
        modules(path, text, &mut findings);
    }
    findings
}

fn modules(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let source = Source::parse(text);
    let mut declared = false;
    for word in source.words() {
        if declared && EMPTY_NAMES.contains(&word.text) {
            let message = format!("`mod {}` says nothing: name it for what is inside", word.text);
            findings.push(Finding::new(path, word.line, message));
        }
        declared = word.text == "mod";
    }
}
