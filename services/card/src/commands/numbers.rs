//! New cards: a number of the product's range, sealed, and a token.

use std::sync::Arc;

use kernel::{AccountNumber, CardId, CustomerId, RequestId};
use platform::db;

use super::{CommandError, Context};
use crate::domain::{Card, CardStatus, Pin, Product, Rejection};
use crate::store::write;

/// For whom a card is, and from what it is made.
pub(super) struct Wanted {
    pub(super) customer_id: CustomerId,
    pub(super) account: AccountNumber,
    pub(super) product: Arc<Product>,
}

/// Cards that can be issued, each with a number of its own. A number that is drawn and not issued is lost.
pub(super) async fn new_cards(
    ctx: &Context,
    wanted: Vec<Wanted>,
) -> Result<Vec<Result<Box<Card>, Rejection>>, CommandError> {
    let count = i32::try_from(wanted.len()).map_err(|_| CommandError::Fault)?;
    let mut tx = ctx.writes.begin().await?;
    let serials = write::draw_serials(tx.conn(), count).await?;
    tx.commit().await.map_err(|db::CommitError::Unknown(error)| CommandError::Unknown(error))?;
    let mut cards = Vec::with_capacity(wanted.len());
    for (wanted, serial) in wanted.into_iter().zip(serials) {
        let serial = u64::try_from(serial).map_err(|_| CommandError::Fault)?;
        let Some(pan) = ctx.keys.number(&wanted.product.bin, serial) else {
            cards.push(Err(Rejection::BinExhausted));
            continue;
        };
        let id = CardId::from_uuid(RequestId::generate(ctx.clock.as_ref()).as_uuid());
        let sealed = ctx.keys.seal_pan(id, &pan).map_err(|error| {
            tracing::error!(%error, "a number cannot be sealed");
            CommandError::Fault
        })?;
        let now = ctx.clock.now();
        cards.push(Ok(Box::new(Card {
            id,
            customer_id: wanted.customer_id,
            account: wanted.account,
            currency: wanted.product.currency,
            status: CardStatus::Inactive,
            expires_on: now.date_naive(),
            sequence_number: 1,
            switches: wanted.product.switches,
            pin: Pin { sealed: None, version: 0, wrong: 0 },
            receivable_minor: 0,
            replaced_by: None,
            version: 1,
            issued_at: now,
            last_four: pan.last_four().to_owned(),
            pan_digest: ctx.keys.pan_digest(&pan),
            pan_sealed: sealed,
            product: wanted.product,
        })));
    }
    Ok(cards)
}
