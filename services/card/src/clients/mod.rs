//! Typed wrappers of the services that card calls.

mod accounting;
mod customers;
mod deposits;

pub use accounting::{Accounting, BankDay};
pub use customers::{Customers, Standing};
pub use deposits::{Debit, Deposits, Hold, LinkedAccount, Moved, Payment, Refusal};

/// A service that had to be asked did not decide anything.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{service} answered {code:?}")]
pub struct Error {
    /// Which service.
    pub service: &'static str,
    /// What it, or the way to it, answered.
    pub code: tonic::Code,
}
