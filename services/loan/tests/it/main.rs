//! The loan service as it runs: the real binary, real sockets, a fresh Postgres database for each test.
//!
//! Run by `cargo run -p testkit --bin with-postgres -- cargo nextest run -p loan`.

#![expect(clippy::unwrap_used, reason = "the verbs of a test have no better way to fail")]

mod books;
mod end_of_day;
mod idempotency;
mod money;
mod neighbour;
mod refusals;
mod scope;
mod support;
mod write_off;
