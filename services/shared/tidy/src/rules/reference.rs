//! The reference pages know what the code knows.

use crate::source::{Literal, Source, words};
use crate::{Finding, Tree};

const ERRORS: &str = "docs/reference/errors.md";
const CONFIGURATION: &str = "docs/reference/configuration.md";

pub(super) fn errors(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| gives_reasons(path)) {
        let literals = Source::parse(text).without_tests().literals;
        for (line, reason) in literals.iter().filter_map(reason) {
            if !mentions(tree, ERRORS, reason) {
                let message = format!(
                    "{ERRORS} does not explain `{reason}`: what it means, what the caller does"
                );
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// Where reasons are given to callers: each service's refusals and statuses, and what the platform refuses by itself.
fn gives_reasons(path: &str) -> bool {
    let platform = path.strip_prefix("services/shared/platform/src/").is_some_and(|inner| {
        [
            "client",
            "status",
            "traffic/mod",
            "traffic/op",
            "policy",
            "deadline",
            "identity",
            "mandate",
        ]
        .iter()
        .any(|part| inner.starts_with(part))
    });
    let service = path.starts_with("services/")
        && (path.ends_with("/src/domain/rejection.rs") || path.ends_with("/src/api/status.rs"));
    platform || service
}

/// A literal that is a reason: one word in capitals.
fn reason(literal: &Literal) -> Option<(usize, &str)> {
    let text = literal.text.trim_matches(['"', 'r', '#']);
    let upper = text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    (upper && text.len() >= 4).then_some((literal.line, text))
}

pub(super) fn configuration(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_ending(".rs") {
        let source = Source::parse(text).without_tests();
        for (line, setting) in settings(path, &source.code) {
            if !mentions(tree, CONFIGURATION, setting) {
                let message = format!(
                    "{CONFIGURATION} does not mention `{setting}`: type, default, consequence"
                );
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// The settings that a file declares, and their lines: the public fields of every structure that is read from the
/// configuration, which in the platform is named `...Config`.
fn settings<'a>(path: &str, code: &'a str) -> Vec<(usize, &'a str)> {
    let in_service = path.starts_with("services/") && path.ends_with("/src/config.rs");
    let in_platform = path.starts_with("services/shared/platform/src/");
    if !(in_service || in_platform) {
        return Vec::new();
    }
    let (mut found, mut read, mut inside) = (Vec::new(), false, false);
    for (at, line) in code.lines().enumerate() {
        if line.starts_with("#[derive(") {
            read = line.contains("Deserialize");
        } else if let Some(name) = line.strip_prefix("pub struct ") {
            let name = name.split_whitespace().next().unwrap_or(name);
            inside = read && (name.ends_with("Config") || !in_platform);
        } else if line.starts_with('}') {
            (read, inside) = (false, false);
        } else if let Some((field, _)) =
            line.trim_start().strip_prefix("pub ").and_then(|rest| rest.split_once(':'))
            && inside
        {
            found.push((at + 1, field));
        }
    }
    found
}

fn mentions(tree: &Tree, page: &str, name: &str) -> bool {
    tree.text(page).is_some_and(|text| words(text).any(|word| word.text == name))
}
