//! What the tests, the load test and the `bank` command share: real Postgres clusters, fresh databases,
//! processes under control, and the invariant checks.
//!
//! Read in this order: `postgres` (a cluster from nothing), `database` (a fresh database for one test),
//! `process` (any child process), `certificates` (who is who), `invariants` (what must be true of the books).
//!
//! Nothing here is linked into a service. There are no fakes of our own parts: whatever a test talks to is
//! the real thing.

pub mod certificates;
pub mod database;
pub mod environment;
pub mod http;
pub mod invariants;
pub mod on_behalf;
pub mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod trust;
