//! What can go wrong between a service and Postgres, sorted by what the caller must do.

use sqlx::error::ErrorKind;

/// A failed statement or connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node is known to be the primary: try again later.
    #[error("no primary is known")]
    NoPrimary,
    /// The node cannot be reached, or went away. Whatever was not committed has not happened.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// Another tx was in the way (deadlock, serialization, the same key at the same time): the same work, begun
    /// anew, may succeed.
    #[error("another transaction was in the way")]
    Conflict(#[source] sqlx::Error),
    /// What was read before the locks were taken had changed by then: the same work, begun anew, sees it.
    #[error("the books changed before the locks were taken")]
    Overtaken,
    /// The books say something that the code holds impossible. Never retried.
    #[error("the database is inconsistent: {0}")]
    Inconsistent(String),
    /// Ours: wrong SQL, a violated constraint, a missing grant. Never retried.
    #[error("the database refused a statement")]
    Fault(#[source] sqlx::Error),
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(String),
}

impl Error {
    /// Whether the same work may succeed when begun anew.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NoPrimary | Self::Unavailable(_) | Self::Conflict(_) | Self::Overtaken)
    }
}

/// Sorts by SQLSTATE: 40 is another tx in the way, 08 and 57P are a node that goes away, 25006 is a write that
/// reached a node which is not the primary any more, 53300 is one that is full.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if database.kind() == ErrorKind::UniqueViolation {
                    return Self::Conflict(error);
                }
                match database.code().as_deref() {
                    Some(code) if code.starts_with("40") => Self::Conflict(error),
                    Some("25006" | "53300" | "55P03") => Self::Unavailable(error),
                    Some(code) if code.starts_with("08") || code.starts_with("57") => {
                        Self::Unavailable(error)
                    }
                    _ => Self::Fault(error),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            _ => Self::Fault(error),
        }
    }
}

/// A commit that did not answer "done".
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The answer was lost: it may or may not be in the books. Never report this as failed; find out.
    #[error("the outcome of the commit is unknown")]
    Unknown(#[source] Error),
}
