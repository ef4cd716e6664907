//! The only place that knows SQL. `write` loads and locks what commands decide on, `save` writes what they changed,
//! `calculation` does both for the end of a day, `read` serves queries wherever they are fresh enough, `rows` turns rows
//! into domain values and treats a row that cannot be one as corrupt.

pub mod business_day;
pub mod calculation;
pub mod end_of_day;
pub mod read;
mod rows;
pub mod save;
pub mod write;
