//! Faults of the store: ours, never the caller's.

use platform::{db, protection};

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error("the database did not answer")]
    Database(#[from] db::Error),
    /// A field could not be sealed or opened: a key is missing, or the row was tampered with.
    #[error("personal data could not be sealed or opened")]
    Protection(#[from] protection::Error),
    /// A field opened to something that no registration accepts.
    #[error("personal data is not in the form that it was accepted in")]
    Unreadable,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
