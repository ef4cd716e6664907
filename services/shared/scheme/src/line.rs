//! Lines of fixed width: columns of digits with zeros in front, and of text with spaces behind.
//!
//! Invariant: a line that can be read is written again to the same bytes. Errors name the column and never repeat what is
//! in it.

use std::fmt::Write as _;

/// A column of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it is called.
    pub name: &'static str,
    /// How many characters it has.
    pub width: usize,
    /// Whether it has digits only, with zeros in front.
    pub digits: bool,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {problem}")]
pub struct LineError {
    /// The column; `line` where it is the whole.
    pub column: &'static str,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What can be wrong with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Longer or shorter than the format says.
    #[error("of the wrong length")]
    Length,
    /// A character that it must not contain.
    #[error("has a character that does not belong there")]
    Character,
    /// The right characters, and no value.
    #[error("not a value that it can have")]
    Value,
}

pub(crate) const fn digits(name: &'static str, width: usize) -> Column {
    Column { name, width, digits: true }
}

pub(crate) const fn text(name: &'static str, width: usize) -> Column {
    Column { name, width, digits: false }
}

pub(crate) const fn value(column: &'static str) -> LineError {
    LineError { column, problem: LineProblem::Value }
}

/// The lines of a text, without their ends; `None` where the last one has no end, and of nothing at all.
pub(crate) fn lines(content: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    Some(content.strip_suffix(b"\n")?.split(|byte| *byte == b'\n'))
}

/// The columns of a line, digits with their zeros, text without the spaces behind it.
pub(crate) fn split<'a, const N: usize>(
    line: &'a [u8],
    columns: &[Column; N],
) -> Result<[&'a str; N], LineError> {
    let mut rest = readable(line)?;
    let mut values = [""; N];
    for (value, column) in values.iter_mut().zip(columns) {
        let wrong = |problem| LineError { column: column.name, problem };
        let (taken, left) =
            rest.split_at_checked(column.width).ok_or(wrong(LineProblem::Length))?;
        if column.digits && !taken.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong(LineProblem::Character));
        }
        *value = if column.digits { taken } else { taken.trim_end_matches(' ') };
        rest = left;
    }
    if rest.is_empty() { Ok(values) } else { Err(whole(LineProblem::Length)) }
}

/// A line of these values.
pub(crate) fn join<const N: usize>(
    columns: &[Column; N],
    values: [&str; N],
) -> Result<String, LineError> {
    let mut line = String::with_capacity(128);
    for (column, value) in columns.iter().zip(values) {
        let wrong = |problem| LineError { column: column.name, problem };
        let Column { width, digits, .. } = *column;
        let fits = if digits { is_digits(value) } else { value.bytes().all(prints) };
        if !fits {
            return Err(wrong(LineProblem::Character));
        }
        if value.len() > width {
            return Err(wrong(LineProblem::Length));
        }
        // Writing to a String does not fail.
        let _ =
            if digits { write!(line, "{value:0>width$}") } else { write!(line, "{value:<width$}") };
    }
    Ok(line)
}

/// A signed amount: its sign and its digits. Zero is positive.
pub(crate) fn signed(sign: &str, digits: &str, column: &'static str) -> Result<i64, LineError> {
    let minor: i64 = digits.parse().map_err(|_| value(column))?;
    match sign {
        "+" => Ok(minor),
        "-" if minor != 0 => minor.checked_neg().ok_or(value(column)),
        _ => Err(value(column)),
    }
}

/// The sign of an amount as it is written.
pub(crate) const fn sign(minor: i64) -> &'static str {
    if minor < 0 { "-" } else { "+" }
}

fn readable(line: &[u8]) -> Result<&str, LineError> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.bytes().all(prints));
    text.ok_or(whole(LineProblem::Character))
}

const fn whole(problem: LineProblem) -> LineError {
    LineError { column: "line", problem }
}

const fn prints(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
