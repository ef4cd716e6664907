//! The card service as it runs: the real binary, real sockets, a fresh Postgres database for each test.
//!
//! Run by `cargo run -p testkit --bin with-postgres -- cargo nextest run -p card`.

#![expect(clippy::unwrap_used, reason = "the verbs of a test have no better way to fail")]

mod api;
mod authorizations;
mod card_keys;
mod cards;
mod clearing;
mod gateway;
mod gateway_again;
mod gateway_line;
mod gateway_rude;
mod neighbour;
mod races;
mod reversals;
mod scheme_files;
mod settlement;
mod support;
