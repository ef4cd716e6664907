//! The deposit service as it runs: the real binary, real sockets, a fresh Postgres database for each test.

mod books;
mod holds;
mod idempotency;
mod queries;
mod refusals;
mod races;
mod support;
