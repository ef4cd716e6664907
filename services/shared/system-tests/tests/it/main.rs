//! Stories across services: each test brings up a bank of its own, and what it did is audited at the end.
//!
//! The binaries of the services must have been built (`cargo build --workspace --bins`).

// The attribute tells clippy that functions besides the tests themselves are test code too.
#[cfg(test)]
mod bank_under_test;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod clearing;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod cut_over;
#[cfg(test)]
mod issuing;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod lending;
#[cfg(test)]
mod line;
#[cfg(test)]
mod load;
#[cfg(test)]
mod loans;
#[cfg(test)]
mod log_lines;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod python;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod saboteur;
#[cfg(test)]
mod scrubber;
#[cfg(test)]
mod support;
#[cfg(test)]
mod surge;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod verify;
