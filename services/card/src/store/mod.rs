//! The only place that knows SQL. `lookup` finds cards by their numbers, `write` loads and locks what commands decide on,
//! `save` writes what they changed, `clearing` and `settlement` do both for files, `read` serves queries wherever they are
//! fresh enough, `rows` turns rows into domain values and treats a row that cannot be one as corrupt. `keys` seals and finds.

pub mod business_day;
pub mod clearing;
mod keys;
pub mod lookup;
pub mod read;
mod rows;
pub mod save;
pub mod settlement;
pub mod standing;
pub mod write;

pub use keys::{Error as KeysError, Keys};
