//! The services that accounting asks.

mod deposits;

pub use deposits::Deposits;
