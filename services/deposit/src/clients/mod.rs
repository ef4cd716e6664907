//! Typed wrappers of the services that deposit calls.

mod accounting;
mod customers;

pub use accounting::{Accounting, BankDay};
pub use customers::Customers;
