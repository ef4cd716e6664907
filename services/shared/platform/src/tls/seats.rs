//! Places for those who have proven nothing yet: whoever comes last gets one, and if there is none left, whoever came
//! first loses theirs.
//!
//! A handshake or a probe takes milliseconds. Somebody who holds a place for seconds is slow, or wants to keep others
//! out; refusing the newcomer instead would let a few hundred silent sockets do so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The places. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    seats: VecDeque<(u64, CancellationToken)>,
}

impl Seats {
    pub(super) fn new(max: usize) -> Self {
        Self { max, taken: Arc::default() }
    }

    /// A place, if need be somebody else's.
    pub(super) fn take(&self) -> Seat {
        let lost = CancellationToken::new();
        let mut taken = self.lock();
        taken.last = taken.last.wrapping_add(1);
        let number = taken.last;
        taken.seats.push_back((number, lost.clone()));
        if taken.seats.len() > self.max
            && let Some((_, oldest)) = taken.seats.pop_front()
        {
            oldest.cancel();
        }
        Seat { number, lost, seats: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A list of tokens is never half changed.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    /// Cancelled when somebody else has the place.
    pub(super) lost: CancellationToken,
    seats: Seats,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().seats.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_first_loses_the_place_to_one_too_many() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        assert!(!first.lost.is_cancelled());

        let third = seats.take();

        assert!(first.lost.is_cancelled());
        assert!(!second.lost.is_cancelled() && !third.lost.is_cancelled());
    }

    #[test]
    fn a_place_that_is_given_back_is_nobodys_loss() {
        let seats = Seats::new(2);
        let first = seats.take();
        drop(seats.take());

        let _third = seats.take();

        assert!(!first.lost.is_cancelled());
    }
}
