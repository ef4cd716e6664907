//! The customer service as a caller sees it: the real binary over real gRPC, on a real Postgres.
//!
//! Run by `cargo run -p testkit --bin with-postgres -- cargo nextest run -p customer`.

#![expect(clippy::unwrap_used, reason = "the verbs of a test have no better way to fail")]

mod append_only;
mod batch;
mod changes;
mod close;
mod documents;
mod idempotency;
mod life_cycle;
mod neighbour;
mod privacy;
mod process;
mod races;
mod reads;
mod refusals;
mod rotation;
mod support;
