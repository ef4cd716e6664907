//! Reads the fields of a request and collects everything that is wrong with them, so that a caller hears of all of it at
//! once.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use kernel::{RequestId, RequestWindow};

use crate::status::FieldViolation;

/// Everything that is wrong with a request.
pub type Violations = Vec<FieldViolation>;

/// The fields of one request, while they are read.
#[derive(Debug)]
pub struct Fields {
    violations: Violations,
    now: DateTime<Utc>,
}

impl Fields {
    /// Nothing wrong yet. `now` is what request ids and instants are compared with.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { violations: Vec::new(), now }
    }

    /// When the request is read.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Notes a violation. The description must not repeat what was given: it may be personal data.
    pub fn wrong(&mut self, field: &str, description: impl Into<String>) {
        self.violations.push(FieldViolation::new(field, description));
    }

    /// Notes a violation, and answers the value that there is not.
    pub fn reject<T>(&mut self, field: &str, description: impl Into<String>) -> Option<T> {
        self.wrong(field, description);
        None
    }

    /// Notes what is wrong with an item at `place`, such as `items[3]`.
    pub fn wrong_within(&mut self, place: &str, violations: Violations) {
        self.violations.extend(violations.into_iter().map(|violation| violation.within(place)));
    }

    /// The value of a field that reads, or a violation.
    pub fn read<T, E: Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_or_else(|error| self.reject(field, error.to_string()), Some)
    }

    /// The request's id, which must be within the window that the bank remembers.
    pub fn request_id(&mut self, text: &str) -> Option<RequestId> {
        self.id_in_window("request_id", text)
    }

    /// An id of this or another request, within the window.
    pub fn id_in_window(&mut self, field: &str, text: &str) -> Option<RequestId> {
        let id = self.read(field, RequestId::parse(text))?;
        self.read(field, RequestWindow::default().check(id, self.now).map(|()| id))
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was.
    pub fn done<T>(self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(self.violations),
        }
    }
}
