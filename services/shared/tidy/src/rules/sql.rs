//! What schema and queries owe their reader and the planner.

use crate::source::Source;
use crate::sql::{Token, statements, tokens};
use crate::{Finding, Tree};

/// What starts a constraint that ought to have a name.
const CONSTRAINTS: [&str; 6] = ["CHECK", "EXCLUDE", "FOREIGN", "PRIMARY", "REFERENCES", "UNIQUE"];

pub(super) fn comments(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let schema = |path: &str| path.contains("/migrations/");
    for (path, text) in tree.files_ending(".sql").filter(|(path, _)| schema(path)) {
        let lines: Vec<&str> = text.lines().collect();
        for statement in statements(text) {
            let Some((what, line)) =
                created(&statement).zip(statement.first().map(|token| token.line))
            else {
                continue;
            };
            let commented = line >= 2 && lines[line - 2].trim_start().starts_with("--");
            if !commented {
                let message = format!(
                    "put a `--` comment on the line above: why this {what} exists and which query needs it"
                );
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// What a statement creates, if it is a table or an index.
fn created(statement: &[Token<'_>]) -> Option<&'static str> {
    statement.first().filter(|token| token.is("CREATE"))?;
    let kind = statement.iter().take(4).find(|token| token.is("TABLE") || token.is("INDEX"))?;
    Some(if kind.is("TABLE") { "table" } else { "index" })
}

pub(super) fn constraint_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_ending(".sql") {
        for statement in statements(text) {
            let alters = statement.first().is_some_and(|token| token.is("ALTER"));
            if created(&statement) == Some("table") {
                unnamed(path, &statement, 1, &mut findings);
            } else if alters && statement.get(1).is_some_and(|token| token.is("TABLE")) {
                unnamed(path, &statement, 0, &mut findings);
            }
        }
    }
    findings
}

/// The constraints without a name among the tokens at this depth of parentheses.
fn unnamed(path: &str, statement: &[Token<'_>], depth_wanted: usize, findings: &mut Vec<Finding>) {
    let mut depth = 0_usize;
    let mut item: Vec<&Token<'_>> = Vec::new();
    for token in statement {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == depth_wanted => item.clear(),
            _ if depth == depth_wanted => {
                let before = item.len().checked_sub(2).map(|at| item[at]);
                let named = before.is_some_and(|token| token.is("CONSTRAINT"));
                // FOREIGN KEY (...) REFERENCES is one constraint.
                let second_half =
                    token.is("REFERENCES") && item.iter().any(|token| token.is("FOREIGN"));
                if CONSTRAINTS.iter().any(|word| token.is(word)) && !named && !second_half {
                    let message = format!(
                        "name this constraint: CONSTRAINT <table>_<columns>_{{pkey,key,fkey,check}} {}",
                        token.text
                    );
                    findings.push(Finding::new(path, token.line, message));
                }
                item.push(token);
            }
            _ => {}
        }
    }
}

pub(super) fn queries(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_ending(".sql") {
        query(path, 1, text, &mut findings);
    }
    for file in tree.service_sources().filter(|file| file.inner.starts_with("store/")) {
        for literal in Source::parse(file.text).without_tests().literals {
            query(file.path, literal.line, &literal.text, &mut findings);
        }
    }
    findings
}

fn query(path: &str, first_line: usize, text: &str, findings: &mut Vec<Finding>) {
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        let next = |by: usize, word: &str| tokens.get(at + by).is_some_and(|token| token.is(word));
        let message = if token.is("SELECT")
            && next(1, "*")
            && !(next(2, "FROM") && next(3, "unnest"))
        {
            "name the columns: `SELECT *` changes its meaning with the table"
        } else if token.is("OFFSET") {
            "page by key (WHERE key > $1 ORDER BY key LIMIT n): OFFSET reads what it skips and loses rows"
        } else {
            continue;
        };
        findings.push(Finding::new(path, first_line + token.line - 1, message));
    }
}
