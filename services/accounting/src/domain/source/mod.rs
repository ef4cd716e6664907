//! The chart and the rules as files: read, checked as a whole, and every problem named with its file and line.
//!
//! What is checked, beyond the form: accounts are unique; each control account exists and controls one part of one
//! product, and no product has one for interest alone; each account of a rule exists and is no control account (those are
//! booked through their product); a rule's product has a control account for each part that the rule books; debits and credits of a rule are equally many for each kind of amount; a
//! rule is wholly on or wholly off the balance sheet; no two rules of the same event, product and date.

mod chart_file;
mod rules_file;

use std::fmt;
use std::ops::Range;

use super::rulebook::Rulebook;

/// The text of a file, and what to call it in messages.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'a> {
    /// The file's name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// One thing that is wrong with the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which file.
    pub file: String,
    /// On which line, from 1.
    pub line: usize,
    /// In which rule, where it is one.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with the files, in order of file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&problems.join("\n"))
    }
}

/// Reads and checks the chart and the rules.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn load(chart: SourceText<'_>, rules: SourceText<'_>) -> Result<Rulebook, Problems> {
    let mut notes = Notes::default();
    let chart = chart_file::chart(chart, &mut notes);
    let rules = rules_file::rules(rules, &chart, &mut notes);
    if notes.0.is_empty() { Ok(Rulebook::new(chart, rules)) } else { Err(Problems(notes.0)) }
}

/// Collects problems while the files are read.
#[derive(Default)]
struct Notes(Vec<Problem>);

impl Notes {
    fn add(&mut self, source: SourceText<'_>, at: &Range<usize>, message: impl Into<String>) {
        self.add_in_rule(source, at, None, message);
    }

    fn add_in_rule(
        &mut self,
        source: SourceText<'_>,
        at: &Range<usize>,
        rule: Option<&str>,
        message: impl Into<String>,
    ) {
        let before = source.text.get(..at.start).unwrap_or(source.text);
        let line = before.matches('\n').count().saturating_add(1);
        let (file, rule) = (source.name.to_owned(), rule.map(str::to_owned));
        self.0.push(Problem { file, line, rule, message: message.into() });
    }

    /// The content of a file; a file that is no TOML of this form is one problem, and nothing more is known of it.
    fn parse<T: serde::de::DeserializeOwned>(&mut self, source: SourceText<'_>) -> Option<T> {
        match toml::from_str(source.text) {
            Ok(content) => Some(content),
            Err(error) => {
                self.add(source, &error.span().unwrap_or(0..0), error.message());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
