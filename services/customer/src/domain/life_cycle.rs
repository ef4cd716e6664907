//! The life cycle: PENDING, ACTIVE, FROZEN, CLOSED; or REJECTED. CLOSED and REJECTED are final.

use super::Rejection;

/// Where a customer is in the life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CustomerStatus {
    /// Registered, not yet verified; may hold no products.
    Pending,
    /// Verified; may hold products.
    Active,
    /// May open nothing new.
    Frozen,
    /// The relationship has ended; final.
    Closed,
    /// Verification failed; final.
    Rejected,
}

impl CustomerStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Active, Self::Frozen, Self::Closed, Self::Rejected];

    /// The name under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Frozen => "FROZEN",
            Self::Closed => "CLOSED",
            Self::Rejected => "REJECTED",
        }
    }

    /// Where a step leads from here. The match names every pair, so that a new status or step cannot be forgotten.
    pub fn after(self, step: Step) -> Result<Self, Rejection> {
        match (self, step) {
            (Self::Pending | Self::Frozen, Step::Activate) => Ok(Self::Active),
            (Self::Active, Step::Freeze) => Ok(Self::Frozen),
            (Self::Pending, Step::Reject) => Ok(Self::Rejected),
            (Self::Active | Self::Frozen, Step::Close) => Ok(Self::Closed),
            (Self::Active | Self::Closed | Self::Rejected, Step::Activate)
            | (Self::Pending | Self::Frozen | Self::Closed | Self::Rejected, Step::Freeze)
            | (Self::Active | Self::Frozen | Self::Closed | Self::Rejected, Step::Reject)
            | (Self::Pending | Self::Closed | Self::Rejected, Step::Close) => {
                Err(Rejection::IllegalTransition { from: self, step })
            }
        }
    }
}

/// A step that somebody wants a customer to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Verified, or no longer frozen.
    Activate,
    /// Nothing new for now.
    Freeze,
    /// Verification failed.
    Reject,
    /// The relationship ends.
    Close,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 4] = [Self::Activate, Self::Freeze, Self::Reject, Self::Close];

    /// The name under which requests for it are stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "ACTIVATE",
            Self::Freeze => "FREEZE",
            Self::Reject => "REJECT",
            Self::Close => "CLOSE",
        }
    }
}
