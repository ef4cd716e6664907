//! The products as a file: read, checked as a whole, and every problem named with its file, line and product.
//!
//! What is checked, beyond the form: codes are unique, and so are ranges of numbers (none begins with another); numbers are
//! 16 to 19 digits with room for a million cards; limits are the right way round; merchant categories are four digits.

mod products_file;

use std::fmt;
use std::ops::Range;

use super::Products;

/// The text of a file, and what to call it in messages.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'a> {
    /// The file's name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// One thing that is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which file.
    pub file: String,
    /// On which line, from 1.
    pub line: usize,
    /// Of which product, where it is one.
    pub subject: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with the file, in order of line.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&problems.join("\n"))
    }
}

/// Reads and checks the products.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn load(source: SourceText<'_>) -> Result<Products, Problems> {
    let mut notes = Notes { source, problems: Vec::new() };
    let products = products_file::products(&mut notes);
    if notes.problems.is_empty() {
        return Ok(Products::new(products));
    }
    notes.problems.sort_by_key(|problem| problem.line);
    Err(Problems(notes.problems))
}

/// Collects problems while the file is read.
struct Notes<'a> {
    source: SourceText<'a>,
    problems: Vec<Problem>,
}

impl Notes<'_> {
    fn add(&mut self, at: &Range<usize>, subject: Option<&str>, message: impl Into<String>) {
        let text = self.source.text;
        let before = text.get(..at.start).unwrap_or(text);
        self.problems.push(Problem {
            file: self.source.name.to_owned(),
            line: before.matches('\n').count().saturating_add(1),
            subject: subject.map(str::to_owned),
            message: message.into(),
        });
    }
}

#[cfg(test)]
mod tests;
