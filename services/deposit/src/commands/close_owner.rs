//! Open nothing more for a customer whom the customer service is about to close.
//!
//! Round trips: one more for the batch, to lock owners. Locks: the owner's row, which every opening takes too: no
//! account can slip in between. Replay: the first outcome, refusals included.

use kernel::CustomerId;

use super::{Needs, Posted};
use crate::domain::{Books, Rejection};

/// A customer who is about to be closed.
#[derive(Debug, Clone)]
pub struct CloseOwner {
    /// Who.
    pub customer_id: CustomerId,
}

impl CloseOwner {
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.owners.push(self.customer_id);
    }

    pub(super) fn decide(&self, books: &mut Books) -> Result<Posted, Rejection> {
        let mut owner = books.owner(self.customer_id);
        if owner.open_accounts > 0 {
            return Err(Rejection::OwnerHasAccounts);
        }
        owner.closed = true;
        books.put_owner(owner);
        Ok(Posted { subject_id: Some(self.customer_id.as_uuid()), ..Posted::default() })
    }
}
