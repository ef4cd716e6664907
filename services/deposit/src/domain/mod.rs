//! What a deposit account is and what may happen to it. Pure: no async, no SQL, no proto, no clock, no floats.
//!
//! [`Books`] is the part of the books that one batch touches, loaded and locked; commands change it one after
//! another, each as if it were alone, and `store` writes what changed.

mod account;
mod asker;
mod books;
mod hold;
mod outcome;
mod product;
mod rejection;

#[cfg(test)]
mod asker_tests;
#[cfg(test)]
mod card_payment_tests;
#[cfg(test)]
mod loan_money_tests;
#[cfg(test)]
mod properties;

pub use account::{Account, AccountStatus};
pub use asker::Asker;
pub use books::{Books, Changes, Entry, Event, EventKind, Owner};
pub use hold::{Hold, HoldReason, HoldStatus};
pub use outcome::{Decision, Kind, Outcome};
pub use product::{Product, Products};
pub use rejection::Rejection;
