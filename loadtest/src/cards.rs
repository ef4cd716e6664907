//! Cards that the load uses, and their approvals that wait for what follows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use scheme::words::PresentedPin;
use uuid::Uuid;

use crate::iso8583::Card;

/// A card of the load test.
#[derive(Debug, Clone)]
pub struct LoadCard {
    /// Its token.
    pub id: Uuid,
    /// The account that pays: an index into the seeded accounts.
    pub account: u32,
    /// What is on it.
    pub card: Card,
    /// Its PIN, encrypted for the gateway; of a few cards only.
    pub pin: Option<PresentedPin>,
}

/// All of them, by index.
#[derive(Debug, Clone, Default)]
pub struct Cards(Arc<Vec<LoadCard>>);

/// An approval that is certainly there: the bank told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// The request that was approved.
    pub request_id: Uuid,
    /// Of which card.
    pub card: u32,
    /// On which account.
    pub account: u32,
    /// What it reserves.
    pub amount_minor: i64,
}

/// Those that nothing has followed yet, oldest first.
#[derive(Debug, Default)]
pub struct Approvals(Mutex<VecDeque<Approval>>);

impl Cards {
    /// These.
    pub fn new(cards: Vec<LoadCard>) -> Self {
        Self(Arc::new(cards))
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The card at this place.
    pub fn get(&self, index: u32) -> Option<&LoadCard> {
        self.0.get(usize::try_from(index).ok()?)
    }
}

impl Approvals {
    /// Adds one.
    pub fn put(&self, approval: Approval) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(approval);
    }

    /// Takes the oldest, so that nothing else follows it.
    pub fn take(&self) -> Option<Approval> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
