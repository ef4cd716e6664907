//! Which names may appear in which layer of a service.
//!
//! Tests inside the sources are not bound: a property test may well hold a clock.

use crate::source::{Source, Word, is_test_file};
use crate::{Finding, Tree};

/// Crates, and the only places below a service's `src/` that may reach into them.
struct Home {
    crates: &'static [&'static str],
    places: &'static [&'static str],
    mend: &'static str,
}

const HOMES: [Home; 4] = [
    Home {
        crates: &["sqlx"],
        places: &["store/", "lib.rs"],
        mend: "SQL is known only under store/: add a function there and call it",
    },
    Home {
        crates: &["tonic", "tonic_types"],
        places: &["api/", "clients/", "events.rs", "jobs", "main.rs"],
        mend: "gRPC is known only under api/ and clients/: return a type of the domain and turn it into one there",
    },
    Home {
        crates: &["proto", "prost", "prost_types"],
        places: &["api/", "clients/", "events.rs", "main.rs"],
        mend: "the contract's types end at api/ and clients/: translate there, by parse.rs and reply.rs",
    },
    Home {
        crates: &["platform"],
        places: &[
            "api/",
            "clients/",
            "commands/",
            "store/",
            "config.rs",
            "events.rs",
            // Of card: the scheme's messages, and the keys of PINs.
            "gateway/",
            "jobs",
            "keys/",
            "lib.rs",
            "main.rs",
            "signals.rs",
        ],
        mend: "the domain is pure: take what it needs as an argument",
    },
];

/// What would make a decision depend on more than its arguments, or round money.
const IMPURE: [&str; 10] = [
    "async",
    "await",
    "f32",
    "f64",
    "Clock",
    "Instant",
    "SystemClock",
    "SystemTime",
    "spawn",
    "tokio",
];

pub(super) fn layers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.service_sources().filter(|file| !is_test_file(file.path)) {
        let source = Source::parse(file.text).without_tests();
        for word in source.words().filter(Word::starts_path) {
            let home = HOMES.iter().find(|home| home.crates.contains(&word.text));
            let at_home =
                |home: &Home| home.places.iter().any(|place| file.inner.starts_with(place));
            if let Some(home) = home.filter(|home| !at_home(home)) {
                let message = format!("`{}::` does not belong here: {}", word.text, home.mend);
                findings.push(Finding::new(file.path, word.line, message));
            }
        }
    }
    findings
}

/// The platform knows no banking noun: of the contract it knows the operations service, which is its own.
pub(super) fn platform_contract(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let inside = |path: &str| path.starts_with("services/shared/platform/src/");
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| inside(path)) {
        if is_test_file(path) {
            continue;
        }
        let source = Source::parse(text).without_tests();
        let reaches = |word: &Word<'_>| word.text == "proto" && word.starts_path();
        for word in source.words().filter(reaches) {
            if !word.after.trim_start().starts_with("::operations::") {
                let message = "the platform knows no banking noun: of `proto` it may use `operations` alone; hand the rest in from the service";
                findings.push(Finding::new(path, word.line, message));
            }
        }
    }
    findings
}

pub(super) fn pure_domain(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.service_sources().filter(|file| file.inner.starts_with("domain/")) {
        let mend =
            "the domain decides from its arguments alone; ask in commands/ and pass the answer in";
        impure(file.path, file.text, &IMPURE, mend, &mut findings);
    }
    findings
}

pub(super) fn pure_kernel(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let inside = |path: &str| path.starts_with("services/shared/kernel/src/");
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| inside(path)) {
        let mend = "the kernel is pure and never rounds by accident; it has Money and Rate";
        impure(path, text, &["async", "await", "f32", "f64"], mend, &mut findings);
    }
    findings
}

fn impure(path: &str, text: &str, banned: &[&str], mend: &str, findings: &mut Vec<Finding>) {
    if is_test_file(path) {
        return;
    }
    let source = Source::parse(text).without_tests();
    for word in source.words().filter(|word| banned.contains(&word.text)) {
        findings.push(Finding::new(path, word.line, format!("no `{}` here: {mend}", word.text)));
    }
}
