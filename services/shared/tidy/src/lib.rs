//! The architecture as a test: what reviewers would otherwise have to say again and again.
//!
//! A rule is a pure function from the repository's text to findings, so that each can be shown to bite: in
//! `tests/rules_bite` every rule has at least one small tree that breaks it. `tests/tree.rs` runs all of them on the
//! repository itself. A finding says where, what is wrong and how to mend it.
//!
//! Absent on purpose: exceptions by file or by comment. A rule that needs one is the wrong rule; change the rule.

mod rules;
mod source;
mod sql;
mod tree;

use std::fmt;

pub use rules::RULES;
pub use tree::Tree;

/// One rule of the architecture.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What findings are marked with; unique.
    pub name: &'static str,
    /// Reads the tree, returns every place that breaks the rule.
    pub check: fn(&Tree) -> Vec<Finding>,
}

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File, relative to the root of the repository.
    pub path: String,
    /// From 1; 1 also where the finding is about the whole file, or about one that is not there.
    pub line: usize,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}
