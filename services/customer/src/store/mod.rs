//! The only place that knows SQL, and how personal data looks at rest.
//!
//! `write` loads and saves for a batch, inside its tx; `read` answers queries; `rows` turns rows into domain values
//! and refuses what the domain holds impossible; `keys` seals and opens.

mod error;
mod keys;
pub mod read;
mod rows;
pub mod write;

pub use error::Error;
pub use keys::Keys;
