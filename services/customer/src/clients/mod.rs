//! Typed wrappers of the services that customer calls.

mod card;
mod deposit;
mod derived;
mod loan;

pub use card::Card;
pub use deposit::Deposit;
pub use loan::Loan;

/// A service that had to be asked did not decide anything.
#[derive(Debug, thiserror::Error)]
#[error("{service} answered {code:?}")]
pub struct Error {
    /// Which service.
    pub service: &'static str,
    /// What it, or the way to it, answered.
    pub code: tonic::Code,
}
