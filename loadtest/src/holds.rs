//! Holds that were placed and wait for their capture or release, oldest first.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// A hold that is certainly there: the bank acknowledged it to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The request id that placed it.
    pub id: Uuid,
    /// On which account.
    pub account: u32,
    /// What it reserves.
    pub amount_minor: i64,
}

/// Those that nobody has ended yet.
#[derive(Debug, Default)]
pub struct Holds(Mutex<VecDeque<Hold>>);

impl Holds {
    /// Adds one.
    pub fn put(&self, hold: Hold) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(hold);
    }

    /// Takes the oldest, so that nobody else ends it.
    pub fn take(&self) -> Option<Hold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
