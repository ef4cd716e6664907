//! What earlier requests of a run left for later ones.

use crate::cards::{Approvals, Cards};
use crate::holds::Holds;
use crate::loans::Loans;

/// Holds that can be ended, loans and cards that can be used, approvals that can be followed.
#[derive(Debug, Default)]
pub struct Pools {
    /// Those that were placed.
    pub holds: Holds,
    /// Those that were approved, and nobody uses just now.
    pub loans: Loans,
    /// Those that can be used at any time, each by many at once.
    pub cards: Cards,
    /// What cards were approved, and nothing has followed yet.
    pub approvals: Approvals,
}
