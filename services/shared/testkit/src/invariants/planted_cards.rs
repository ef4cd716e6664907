//! A sound card, laid into a copy of the books before the self-test spoils something of them: books need not have any cards
//! for their checks to be tried. One payment is authorized, one is cleared, one was taken back; one was cleared that
//! nobody authorized, in part from the account and in part owed, some of which was collected; one was refunded. Part of
//! it is settled with the scheme, with a difference. Everything is in deposit and in the general ledger.

use super::Snapshot;
use super::planted_loans::{business_date, run};

const DEPOSIT: &str = include_str!("sql/planted_cards_deposit.sql");
const CARD: &str = include_str!("sql/planted_cards_card.sql");
const ACCOUNTING: &str = concat!(
    include_str!("sql/planted_cards_accounting.sql"),
    include_str!("sql/planted_journals.sql")
);

/// Lays it in, on the business date.
pub(super) async fn lay(snapshot: &mut Snapshot) -> anyhow::Result<()> {
    let date = business_date(snapshot).await?;
    let Snapshot { deposit, card, accounting, .. } = snapshot;
    for (connection, script) in [(deposit, DEPOSIT), (card, CARD), (accounting, ACCOUNTING)] {
        run(connection, script, date).await?;
    }
    Ok(())
}
