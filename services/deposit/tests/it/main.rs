//! The deposit service as it runs: the real binary, real sockets, a fresh Postgres database for each test.
//!
//! Run by `cargo run -p testkit --bin with-postgres -- cargo nextest run -p deposit`.

#![expect(clippy::unwrap_used, reason = "the verbs of a test have no better way to fail")]

mod audited;
mod books;
mod card_payment;
mod holds;
mod idempotency;
mod loan_money;
mod queries;
mod races;
mod refusals;
mod scope;
mod support;
