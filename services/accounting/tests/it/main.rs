//! The accounting service as it runs: the real binary, real sockets, a fresh Postgres database for each test.
//!
//! Run by `cargo run -p testkit --bin with-postgres -- cargo nextest run -p accounting`.

#![expect(clippy::unwrap_used, reason = "a test has no better way to fail")]

mod books;
mod business_days;
mod cards;
mod deliveries;
mod journal_lines;
mod loans;
mod neighbour;
mod queries;
mod races;
mod start;
mod support;
mod traces;
