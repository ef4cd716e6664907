//! Typed wrappers of the services that loan calls.

mod accounting;
mod customers;
mod deposits;

pub use accounting::{Accounting, BankDay};
pub use customers::Customers;
pub use deposits::{Deposits, Moved, Order};

/// A service that had to be asked did not decide anything.
#[derive(Debug, thiserror::Error)]
#[error("{service} answered {code:?}")]
pub struct Error {
    /// Which service.
    pub service: &'static str,
    /// What it, or the way to it, answered.
    pub code: tonic::Code,
}
