//! Clearing files and settlement reports, from the scheme's side: made, sent, and followed until they are posted.
//!
//! | file | what it does |
//! |---|---|
//! | `file.rs` | records to a file, and what the scheme settles of it |
//! | `due.rs` | what a bank has approved and nobody has cleared, read from its books |
//! | `submit.rs` | sends a file in parts and waits for it; sends a settlement report |

mod due;
mod file;
mod submit;

pub use due::{Due, due};
pub use file::{ClearingFile, References, record_of, settlement};
pub use submit::{Operator, Sent};
