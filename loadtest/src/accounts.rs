//! The accounts that the load runs on, and what the generator knows of each: how far its entries must have come at
//! which position, so that a stale read is noticed.

use std::sync::{Mutex, PoisonError};

use platform::db::ReadToken;
use uuid::Uuid;

use crate::client::Seen;
use crate::order::{Operation, Order};

/// The seeded accounts, by index.
#[derive(Debug)]
pub struct Accounts {
    numbers: Vec<i64>,
    owners: Vec<Uuid>,
    known: Vec<Mutex<Known>>,
    /// Indexes of accounts that were written to lately, the newest anywhere.
    recent: Mutex<Recent>,
}

/// What a read of an account must at least show.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Entries before the run, plus those that were acknowledged to us since.
    sequence: i64,
    /// The latest position of those acknowledgements.
    token: Option<ReadToken>,
}

#[derive(Debug, Default)]
struct Recent {
    ring: Vec<u32>,
    next: usize,
}

const RECENT_MAX: usize = 2_048;

/// What to ask of a read, and what to expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The read must be at least as fresh as this.
    pub token: Option<ReadToken>,
    /// Then it must show at least this entry.
    pub sequence: i64,
}

impl Accounts {
    /// These accounts: their numbers, how many entries each had before the run, and whose they are.
    pub fn new(accounts: impl IntoIterator<Item = (i64, i64, Uuid)>) -> Self {
        let mut these =
            Self { numbers: vec![], owners: vec![], known: vec![], recent: Mutex::default() };
        for (number, sequence, owner) in accounts {
            these.numbers.push(number);
            these.owners.push(owner);
            these.known.push(Mutex::new(Known { sequence, token: None }));
        }
        these
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    /// The account's number; 0, which no account has, for an index out of range.
    pub fn number(&self, index: u32) -> i64 {
        self.numbers.get(as_index(index)).copied().unwrap_or(0)
    }

    /// The customer for whom we call when we use the account; the nil id, which nobody has, for an index out of range.
    pub fn owner(&self, index: u32) -> Uuid {
        self.owners.get(as_index(index)).copied().unwrap_or_default()
    }

    /// Takes note of a posting that was acknowledged with this position.
    pub fn posted(&self, order: &Order, token: Option<&ReadToken>) {
        let Some(token) = token else { return };
        let (main, counterparty) = match order.operation {
            Operation::Transfer => (1, Some(order.counterparty)),
            Operation::CashDeposit | Operation::CashWithdrawal | Operation::CaptureHold => {
                (1, None)
            }
            // Holds make no entry, but move the position: a balance read must show what is held.
            _ => (0, None),
        };
        self.advance(order.account, main, token);
        if let Some(counterparty) = counterparty {
            self.advance(counterparty, 1, token);
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.ring.len() < RECENT_MAX {
            recent.ring.push(order.account);
        } else {
            let next = recent.next;
            recent.ring[next] = order.account;
            recent.next = (next + 1) % RECENT_MAX;
        }
    }

    /// How many accounts were written to lately.
    pub fn recent_count(&self) -> usize {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).ring.len()
    }

    /// One of the accounts that were written to lately.
    pub fn recent(&self, place: usize) -> Option<u32> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).ring.get(place).copied()
    }

    /// What a read of this account that is sent now must show.
    pub fn expect(&self, index: u32) -> Expectation {
        let Some(known) = self.known.get(as_index(index)) else {
            return Expectation { token: None, sequence: 0 };
        };
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        Expectation { token: known.token.clone(), sequence: known.sequence }
    }

    fn advance(&self, index: u32, entries: i64, token: &ReadToken) {
        let Some(known) = self.known.get(as_index(index)) else { return };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.sequence += entries;
        // All acknowledged entries are visible at the latest of their positions.
        if known.token.as_ref().is_none_or(|last| is_before(last, token)) {
            known.token = Some(token.clone());
        }
    }
}

impl Expectation {
    /// Whether an answer is older than what was asked for.
    pub fn is_stale(&self, seen: &Seen) -> bool {
        let Some(asked) = &self.token else { return false };
        let behind = seen.token.as_ref().is_none_or(|read| is_before(read, asked));
        behind || seen.last_sequence < self.sequence
    }
}

/// Positions on a later timeline come after all those on an earlier one.
fn is_before(a: &ReadToken, b: &ReadToken) -> bool {
    (a.timeline, a.lsn) < (b.timeline, b.lsn)
}

fn as_index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Uuid = Uuid::nil();

    fn at(lsn: u64) -> ReadToken {
        ReadToken { service: "deposit".to_owned(), timeline: 1, lsn }
    }

    fn transfer(account: u32, counterparty: u32) -> Order {
        let (request_id, operation) = (Uuid::nil(), Operation::Transfer);
        Order { request_id, operation, account, counterparty, amount_minor: 1, subject: None }
    }

    fn seen(last_sequence: i64, lsn: u64) -> Seen {
        Seen { last_sequence, token: Some(at(lsn)), from_replica: true }
    }

    #[test]
    fn an_account_that_we_did_not_write_to_is_never_stale() {
        let accounts = Accounts::new([(7, 1, OWNER), (8, 1, OWNER)]);

        assert!(!accounts.expect(0).is_stale(&seen(0, 0)));
    }

    #[test]
    fn a_read_must_show_every_entry_that_was_acknowledged() {
        let accounts = Accounts::new([(7, 3, OWNER), (8, 5, OWNER)]);
        accounts.posted(&transfer(0, 1), Some(&at(100)));
        accounts.posted(&transfer(1, 0), Some(&at(90)));

        let expected = accounts.expect(0);
        assert_eq!(expected, Expectation { token: Some(at(100)), sequence: 5 });
        assert!(expected.is_stale(&seen(4, 100)));
        assert!(!expected.is_stale(&seen(5, 100)));
        assert!(!expected.is_stale(&seen(6, 120)));
        assert_eq!(accounts.expect(1).sequence, 7);
    }

    #[test]
    fn a_read_from_before_the_position_is_stale_whatever_it_shows() {
        let accounts = Accounts::new([(7, 3, OWNER), (8, 5, OWNER)]);
        accounts.posted(&transfer(0, 1), Some(&at(100)));

        assert!(accounts.expect(0).is_stale(&seen(9, 99)));
        let without = Seen { last_sequence: 9, token: None, from_replica: false };
        assert!(accounts.expect(0).is_stale(&without));
    }

    #[test]
    fn a_later_timeline_comes_after_any_position_of_an_earlier_one() {
        let accounts = Accounts::new([(7, 1, OWNER), (8, 1, OWNER)]);
        accounts.posted(&transfer(0, 1), Some(&ReadToken { timeline: 2, ..at(10) }));
        accounts.posted(&transfer(0, 1), Some(&at(1_000)));

        assert_eq!(accounts.expect(0).token, Some(ReadToken { timeline: 2, ..at(10) }));
    }

    #[test]
    fn a_hold_moves_the_position_but_makes_no_entry() {
        let accounts = Accounts::new([(7, 1, OWNER), (8, 1, OWNER)]);
        let hold = Order { operation: Operation::PlaceHold, ..transfer(0, 0) };
        accounts.posted(&hold, Some(&at(100)));

        assert_eq!(accounts.expect(0), Expectation { token: Some(at(100)), sequence: 1 });
    }
}
