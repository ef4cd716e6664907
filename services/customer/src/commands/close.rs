//! Close a customer who has no open products, no account and no loan that is not paid back, and owes nothing on a card.
//!
//! Order: look → ask loan and card → ask deposit → record. Deposit closes the owner in the same step in which it finds no
//! open accounts, and opens nothing for this customer from then on, so no account can slip in before we record.
//!
//! Loan and card come first because what they answer is only a look, while deposit's answer is final. What they saw holds:
//! a loan is paid out to an open account of its borrower and to nothing else, and what is owed on a card comes of payments
//! that an open account could not cover; deposit refuses while there is one.
//!
//! Round trips: two reads on the primary, a call to loan, one to card, one to deposit, then those of the batch. Locks: the customer's row,
//! in the batch only; none is held during the call. Replay: the first outcome, without asking deposit again.
//!
//! We look first because what deposit does is not undone: it must not close an owner for a request that this service
//! refuses anyway (a PENDING customer, a reused request id). What we saw holds: a customer who is ACTIVE or FROZEN
//! can only stay so or be closed. One who was PENDING may be ACTIVE when the lane decides; the refusal stands, as
//! deposit has not been asked.
//!
//! Crash, or a caller who goes away, between deposit's answer and our record: the owner is closed in deposit while
//! the customer is still ACTIVE or FROZEN here, and can open nothing. The same request sent again finishes it: deposit
//! finds its own first outcome under the derived request id, and we record. So does another request to close.
//! Loan, card or deposit unreachable: nothing is recorded, and the caller may send the same request again.
//!
//! CUSTOMER_HAS_PRODUCTS and OWNER_OWES_ON_CARD are final for their request id, like every refusal. Once the accounts are
//! closed, and everything is paid back, the caller asks with a new one.

use platform::db::Freshness;

use super::{CommandError, Context, Done, Move, transition};
use crate::domain::{Rejection, Step};
use crate::store::{self, read};

/// Closes a customer.
pub async fn close(ctx: &Context, caller: &str, wanted: Move) -> Result<Done, CommandError> {
    let found = look(ctx, &wanted).await.map_err(CommandError::Store)?;
    let objection = if found.is_some() {
        found
    } else if ctx.loan.owes(wanted.customer_id).await.map_err(CommandError::Callee)? {
        Some(Rejection::CustomerHasProducts)
    } else if ctx.card.owes(wanted.customer_id).await.map_err(CommandError::Callee)? {
        Some(Rejection::OwnerOwesOnCard)
    } else {
        let asked = ctx.deposit.close_owner(wanted.request_id, wanted.customer_id).await;
        asked.map_err(CommandError::Callee)?.err()
    };
    ctx.submit(transition::prepare(ctx, caller, Step::Close, wanted, objection)).await
}

/// What the books say against it before deposit is asked.
async fn look(ctx: &Context, wanted: &Move) -> Result<Option<Rejection>, store::Error> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    if read::is_decided(&mut reader, wanted.request_id).await? {
        // The lane finds the first outcome before it considers objections. Should it not, it must not close, as
        // deposit was not asked.
        return Ok(Some(Rejection::RequestIdReused));
    }
    let standings = read::list_standings(&mut reader, &[wanted.customer_id]).await?;
    Ok(match standings.first() {
        None => Some(Rejection::CustomerUnknown),
        Some((_, status)) => status.after(Step::Close).err(),
    })
}
