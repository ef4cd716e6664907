//! For whom something is asked.

use kernel::CustomerId;

/// For whom something is asked: what is not theirs does not exist for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Staff, other services, our own jobs: every card.
    Bank,
    /// A channel on behalf of one customer: that customer's cards.
    Customer(CustomerId),
}

impl Asker {
    /// Whether what this customer owns is theirs.
    pub fn covers(self, owner: CustomerId) -> bool {
        match self {
            Self::Bank => true,
            Self::Customer(customer) => customer == owner,
        }
    }
}
