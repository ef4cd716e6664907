//! What earlier requests of a run left for later ones.

use crate::holds::Holds;
use crate::loans::Loans;

/// Holds that can be ended, and loans that can be used.
#[derive(Debug, Default)]
pub struct Pools {
    /// Those that were placed.
    pub holds: Holds,
    /// Those that were approved, and nobody uses just now.
    pub loans: Loans,
}
