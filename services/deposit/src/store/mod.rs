//! The only place that knows SQL. `write` serves the posting path on the primary, `read` serves queries wherever
//! they are fresh enough, `rows` turns rows into domain values and treats a row that cannot be one as corrupt.

pub mod business_day;
pub mod read;
mod rows;
pub mod write;
