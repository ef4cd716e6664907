//! The services that accounting asks: each owns a sub-ledger, and says what it booked there on a date.

mod cards;
mod deposits;
mod loans;

pub use cards::Cards;
pub use deposits::Deposits;
pub use loans::Loans;

use kernel::{BusinessDate, Currency};
use tonic::Status;

use crate::domain::SubLedgerTotal;

/// What the services say of their own books on a date.
#[derive(Debug, Default)]
pub struct DayTotals {
    /// Per product, part and currency.
    pub totals: Vec<SubLedgerTotal>,
    /// How many batches have not reached accounting yet.
    pub undelivered_batches: i64,
}

/// A service that does not say what it booked.
#[derive(Debug, thiserror::Error)]
#[error("the {service} service does not say what it booked: {status}")]
pub struct NoTotals {
    /// Which one.
    pub service: &'static str,
    /// What it answered, or that it did not.
    pub status: Status,
}

/// Every sub-ledger that the control accounts are held against.
#[derive(Clone)]
pub struct SubLedgers {
    /// Deposit accounts.
    pub deposits: Deposits,
    /// Loans.
    pub loans: Loans,
    /// What is owed on cards.
    pub cards: Cards,
}

impl SubLedgers {
    /// What was booked on the accounts of each product, by all services, which are asked at once.
    ///
    /// # Errors
    /// A service does not answer, or answers with what cannot be read.
    pub async fn day_totals(&self, date: BusinessDate) -> Result<DayTotals, NoTotals> {
        let no_totals = |service| move |status| NoTotals { service, status };
        let (deposits, loans, cards) = tokio::join!(
            self.deposits.day_totals(date),
            self.loans.day_totals(date),
            self.cards.day_totals(date)
        );
        let mut all = deposits.map_err(no_totals("deposit"))?;
        for of in [loans.map_err(no_totals("loan"))?, cards.map_err(no_totals("card"))?] {
            all.totals.extend(of.totals);
            all.undelivered_batches =
                all.undelivered_batches.saturating_add(of.undelivered_batches);
        }
        Ok(all)
    }
}

fn currency(code: &str) -> Result<Currency, Status> {
    Currency::parse(code).map_err(|_| Status::internal("the answer names no currency"))
}
