//! What can go wrong, and the exit code that says so to scripts.

use std::path::Path;

use testkit::environment::Problem;

/// A failure of the `bank` command. `Display` is one line, whatever the cause looks like.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The books do not hold. The report has been printed.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The command was asked for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The machine is in the way: no Postgres, a busy port, a full disk, rights.
    #[error("{0}")]
    Environment(String),
    /// A living supervisor holds the directory.
    #[error("{0}")]
    AlreadyRunning(String),
    /// There is no running bank in the directory.
    #[error("{0}")]
    NotRunning(String),
    /// Anything else: a service that does not start, a database that answers with an error.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Verification(_) | Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Environment(_) => 3,
            Self::AlreadyRunning(_) => 4,
            Self::NotRunning(_) => 5,
        }
    }

    /// The same failure, with where to read more.
    pub(crate) fn with_place(self, logs: &Path) -> Self {
        let code = self.exit_code();
        Self::from_exit_code(code, format!("{self} (logs: {})", logs.display()))
    }

    /// The error with this exit code, as a detached bank reports it to the command that started it.
    pub fn from_exit_code(code: u8, text: String) -> Self {
        match code {
            2 => Self::Usage(text),
            3 => Self::Environment(text),
            4 => Self::AlreadyRunning(text),
            5 => Self::NotRunning(text),
            _ => Self::Other(text),
        }
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        // An error inside may span lines; the reader of a terminal or a log gets one.
        let words: Vec<String> =
            format!("{error:#}").split_whitespace().map(str::to_owned).collect();
        let text = words.join(" ");
        if error.downcast_ref::<Problem>().is_some() {
            Self::Environment(text)
        } else {
            Self::Other(text)
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::from(anyhow::Error::from(error))
    }
}
