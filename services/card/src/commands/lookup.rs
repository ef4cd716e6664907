//! Find cards by their numbers, for many requests at once.
//!
//! Round trips of a batch, whatever its size: begin, cards, business date, their use, commit. Locks: none; what is found is
//! checked again under the card's lock when the request is decided.

use std::sync::Arc;

use chrono::NaiveDate;
use platform::db::{self, WriteTx};
use platform::lanes::{Book, Committed, LaneError};

use super::Context;
use crate::domain::{HeldCard, Products};
use crate::store::lookup;

/// The cards as lookups see them.
pub struct LookupBook {
    products: Arc<Products>,
}

impl LookupBook {
    /// Cards made from these products.
    pub fn new(products: Arc<Products>) -> Self {
        Self { products }
    }
}

/// A digest of a number.
pub type Digest = Vec<u8>;

impl Book for LookupBook {
    type Command = Digest;
    type Outcome = (NaiveDate, Option<HeldCard>);
    const NAME: &'static str = "card-lookup";

    fn lane_key(digest: &Digest) -> u64 {
        digest.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
    }

    async fn post(
        &self,
        tx: &mut WriteTx,
        digests: &[Digest],
    ) -> Result<Vec<Self::Outcome>, db::Error> {
        let (today, found) = lookup::by_digest(tx.conn(), digests.to_vec(), &self.products).await?;
        let of = |digest: &Digest| (today.as_date(), found.get(digest).cloned());
        Ok(digests.iter().map(of).collect())
    }
}

/// The business date, and the card with this digest.
///
/// # Errors
/// The books do not answer in time.
pub async fn look_up(
    ctx: &Context,
    digest: Digest,
) -> Result<(NaiveDate, Option<HeldCard>), LaneError> {
    let Committed { outcome, .. } = ctx.lookups.submit(digest).await?;
    Ok(outcome)
}
