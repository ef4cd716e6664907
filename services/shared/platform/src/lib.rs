//! The box that a service runs in. It knows no banking noun but the two that `mandate` needs.
//!
//! Read in this order: `server` (how a call comes in), `db` (where it reads and writes), `lanes` (how writes
//! are grouped), `outbox` (how effects leave), `client` (how it calls others); the rest as needed.

pub mod approvals;
pub mod audit;
mod background;
pub mod client;
pub mod config;
pub mod db;
pub mod deadline;
pub mod fields;
pub mod fingerprint;
#[doc(hidden)]
pub mod fuzzing;
pub mod identity;
pub mod lanes;
pub mod mandate;
mod operations;
pub mod outbox;
pub mod policy;
pub mod protection;
mod server;
pub mod shutdown;
mod sources;
pub mod status;
pub mod telemetry;
pub mod tls;
pub mod traffic;

pub use background::Background;
pub use server::{Bound, Server, Serving};
pub use sources::Sources;
