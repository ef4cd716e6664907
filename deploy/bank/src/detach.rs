//! A bank in the background: the command starts itself again in a session of its own, and waits for a word.
//!
//! The word comes over the standard output of the new process, which closes it right after. What is left
//! open is `log/bank.log`, so nobody who waits for the command's pipes waits for the bank.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::Context as _;
use nix::unistd::{dup2_stderr, dup2_stdout};
use serde::{Deserialize, Serialize};
use testkit::process::{Identity, Signal};
use tokio::sync::oneshot;

use crate::error::Error;

/// What the background process tells the command that started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Ready { table: String },
    Failed { code: u8, error: String },
}

/// A bank that is coming up in the background.
#[derive(Debug)]
pub struct Background {
    identity: Option<Identity>,
    word: oneshot::Receiver<Option<Word>>,
}

impl Background {
    /// Starts this executable again with `arguments`.
    pub fn start(arguments: &[OsString]) -> Result<Self, Error> {
        let executable = std::env::current_exe()?;
        let mut child = Command::new(executable)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        let output = child.stdout.take().context("the background process has no output")?;
        let (send, word) = oneshot::channel();
        // A thread, because the runtime would wait for a blocking task when this command is interrupted.
        std::thread::spawn(move || send.send(read_word(output)).ok());
        Ok(Self { identity, word })
    }

    /// Waits until the bank is ready, and returns the table to print.
    pub async fn ready(&mut self) -> Result<String, Error> {
        match (&mut self.word).await {
            Ok(Some(Word::Ready { table })) => Ok(table),
            Ok(Some(Word::Failed { code, error })) => Err(Error::from_exit_code(code, error)),
            Ok(None) | Err(_) => Err(Error::Other("the bank ended before it was ready".to_owned())),
        }
    }

    /// Gives up: stops what was started.
    pub async fn abandon(&self) {
        if let Some(identity) = self.identity {
            identity.signal(Signal::SIGTERM);
            identity.gone(std::time::Duration::from_mins(1)).await;
        }
    }
}

fn read_word(output: ChildStdout) -> Option<Word> {
    let mut line = String::new();
    std::io::BufReader::new(output).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// Leaves the terminal's session, so that closing the terminal does not end the bank, and whatever else was
/// inherited: a script's pipe or lock that stayed open here would make somebody wait for as long as the bank
/// runs. Must be called before this process opens anything itself.
pub fn leave_session() -> Result<(), Error> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that listed the directory is closed already.
        nix::unistd::close(descriptor).ok();
    }
    nix::unistd::setsid().context("cannot start a session")?;
    Ok(())
}

/// Tells the waiting command that the bank is ready, and turns to the log from here on.
pub fn announce_ready(dir: &Path, table: String) -> Result<(), Error> {
    let path = dir.join("log/bank.log");
    let log = File::options().create(true).append(true).open(&path);
    let log = log
        .map_err(|error| Error::Environment(format!("cannot write {}: {error}", path.display())))?;
    // The other end may be gone; the bank works all the same.
    tell(&Word::Ready { table }).ok();
    // Nor does it keep the directory in use in which the command was typed.
    std::env::set_current_dir("/")?;
    dup2_stdout(&log).context("cannot redirect the output")?;
    dup2_stderr(&log).context("cannot redirect the errors")?;
    crate::running::log(&format!("ready, supervised by process {}", std::process::id()));
    Ok(())
}

/// Tells the waiting command why there will be no bank.
pub fn announce_failure(error: &Error) {
    tell(&Word::Failed { code: error.exit_code(), error: error.to_string() }).ok();
}

fn tell(word: &Word) -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{}", serde_json::to_string(word)?)?;
    Ok(output.flush()?)
}
