//! One home for gRPC statuses: what the bank answers when it does not do as asked is decided in `api/status.rs`.
//!
//! Everybody may hold and pass on a `Status`. A client may build `Status::internal`, for an answer that cannot be
//! read: nobody else can know that.

use crate::source::{Source, Word, is_test_file};
use crate::{Finding, Tree};

const MEND: &str = "build it in api/status.rs, which gives every answer its reason";

/// The platform's makers of statuses.
const BUILDERS: [&str; 10] = [
    "deadline_exceeded",
    "internal",
    "invalid_argument",
    "no_outcome",
    "not_found",
    "overloaded",
    "proposal_refused",
    "query_failed",
    "refusal",
    "unavailable",
];

pub(super) fn status_home(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.service_sources().filter(|file| !is_test_file(file.path)) {
        if file.inner == "api/status.rs" {
            continue;
        }
        let source = Source::parse(file.text).without_tests();
        let in_client = file.inner.starts_with("clients/");
        for word in source.words() {
            if let Some(built) = built(&word).filter(|built| !(in_client && *built == "internal")) {
                let message = format!("a Status is built here (`{built}`): {MEND}");
                findings.push(Finding::new(file.path, word.line, message));
            }
        }
    }
    findings
}

/// The constructor that is called, if this word is the type or the module of one.
fn built<'a>(word: &Word<'a>) -> Option<&'a str> {
    let path = word.after.strip_prefix("::")?;
    let name =
        &path[..path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len())];
    match word.text {
        "Status" => name.starts_with(char::is_lowercase).then_some(name),
        "status" if word.before.ends_with("platform::") => {
            let used = path.split(';').next()?;
            crate::source::words(used).map(|word| word.text).find(|name| BUILDERS.contains(name))
        }
        _ => None,
    }
}
