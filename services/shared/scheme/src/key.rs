//! What finds a message again: the original that a reversal or an advice names (data element 90), the time of
//! transmission (data element 7), and institutions in one spelling.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::{FieldError, FieldProblem, Message, Mti};

const INSTITUTION: usize = 11;
const ORIGINAL_DATA: u8 = 90;

/// The message that is reversed or completed, as data element 90 names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalData {
    /// Its type; that of the first transmission, not of a repetition.
    pub mti: Mti,
    /// Its trace number (data element 11), six digits.
    pub trace_number: String,
    /// Its transmission time (data element 7), ten digits.
    pub transmitted: String,
    /// Its acquirer (data element 32), eleven digits.
    pub acquirer: String,
    /// Its forwarder (data element 33), eleven digits; zeros where there was none.
    pub forwarder: String,
}

impl OriginalData {
    /// The data that names this message.
    pub fn of(original: &Message) -> Result<Self, FieldError> {
        let acquirer = original.required(32)?;
        Ok(Self {
            mti: original.mti().original(),
            trace_number: original.required(11)?.to_owned(),
            transmitted: original.required(7)?.to_owned(),
            acquirer: institution(acquirer).ok_or(without_meaning(32))?,
            forwarder: institution(original.text(33).unwrap_or("0")).ok_or(without_meaning(33))?,
        })
    }

    /// What a message names in data element 90.
    pub fn named_in(message: &Message) -> Result<Self, FieldError> {
        Self::parse(message.required(ORIGINAL_DATA)?).ok_or(without_meaning(ORIGINAL_DATA))
    }

    /// Reads 42 digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 42 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            mti: Mti::parse(text.get(..4)?)?,
            trace_number: text.get(4..10)?.to_owned(),
            transmitted: text.get(10..20)?.to_owned(),
            acquirer: text.get(20..31)?.to_owned(),
            forwarder: text.get(31..)?.to_owned(),
        })
    }

    /// The 42 digits.
    pub fn to_text(&self) -> String {
        let Self { mti, trace_number, transmitted, acquirer, forwarder } = self;
        let mut text = String::with_capacity(42);
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{mti}{trace_number:0>6}{transmitted:0>10}{acquirer:0>11}{forwarder:0>11}"
        );
        text
    }
}

/// An institution (data elements 32 and 33, 1 to 11 digits) in the one spelling by which it is compared: eleven digits,
/// zeros in front. Data element 90 has it so, data element 32 does not have to.
pub fn institution(text: &str) -> Option<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    ((1..=INSTITUTION).contains(&text.len()) && digits).then(|| format!("{text:0>INSTITUTION$}"))
}

/// The time that data element 7 means (UTC, `MMDDhhmmss`, no year): of the year that brings it nearest to now.
pub fn transmission_time(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| -> Option<u32> { text.get(from..from.checked_add(2)?)?.parse().ok() };
    let (month, day) = (part(0)?, part(2)?);
    let time = NaiveTime::from_hms_opt(part(4)?, part(6)?, part(8)?)?;
    let years = [now.year().checked_sub(1)?, now.year(), now.year().checked_add(1)?];
    let dates = years.into_iter().filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
    let times = dates.map(|date| NaiveDateTime::new(date, time).and_utc());
    times.min_by_key(|at| apart(*at, now))
}

/// A time as data element 7 says it.
pub fn transmission_text(at: DateTime<Utc>) -> String {
    at.format("%m%d%H%M%S").to_string()
}

fn apart(one: DateTime<Utc>, other: DateTime<Utc>) -> TimeDelta {
    one.signed_duration_since(other).abs()
}

const fn without_meaning(field: u8) -> FieldError {
    FieldError { field, problem: FieldProblem::Meaning }
}
