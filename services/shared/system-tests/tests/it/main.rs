//! Stories across services: each test brings up a bank of its own, and what it did is audited at the end.
//!
//! The binaries of the services must have been built (`cargo build --workspace --bins`).

// The attribute tells clippy that functions besides the tests themselves are test code too.
#[cfg(test)]
mod bank_under_test;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod cut_over;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod load;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod verify;
