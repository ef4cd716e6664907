//! The only place that knows SQL, and how personal data looks at rest.
//!
//! `write` loads and saves for a batch, inside its tx; `read` answers queries; `rows` turns rows into domain values
//! and refuses what the domain holds impossible; `keys` seals and opens, `reseal` does so again with another key.

pub mod change_requests;
pub mod changes;
mod error;
mod keys;
pub mod read;
pub mod reseal;
mod rows;
pub mod write;

pub use error::Error;
pub use keys::Keys;
