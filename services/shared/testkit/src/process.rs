//! Child processes under control: started with a log file, identified beyond their pid, stopped or killed.
//!
//! A pid alone may belong to somebody else by the time it is used, so a process is named by its pid and its
//! start time. Every child gets a process group of its own: Ctrl-C in the terminal reaches the supervisor,
//! which decides in which order its children end. Nothing is ever signalled by name.

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

pub use nix::sys::signal::Signal;

use crate::environment::problem;
use crate::postgres::Account;

const POLL: Duration = Duration::from_millis(10);

/// One process, for as long as the machine is up: its pid and when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// Start time in clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub started_ticks: u64,
}

impl Identity {
    /// The living process with this pid, if there is one. A zombie does not live.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command name, in parentheses, may itself hold spaces and parentheses.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let state = fields.next()?;
        let started_ticks = fields.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, started_ticks })
    }

    /// The process that calls this.
    pub fn own() -> Option<Self> {
        Self::of(i32::try_from(std::process::id()).ok()?)
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal if the process still lives, and says whether it did.
    pub fn signal(&self, signal: Signal) -> bool {
        self.is_alive() && kill(Pid::from_raw(self.pid), signal).is_ok()
    }

    /// Waits until the process is gone; false when it still lives after `limit`.
    pub async fn gone(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }

    /// Sends `signal`, waits up to `limit`, then sends SIGKILL and waits for the end.
    pub async fn end(&self, signal: Signal, limit: Duration) -> bool {
        self.signal(signal);
        if self.gone(limit).await {
            return true;
        }
        self.signal(Signal::SIGKILL);
        self.gone(Duration::from_secs(10)).await
    }
}

/// The pids of all processes that there are.
pub(crate) fn every_pid() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Living processes that were started with exactly this argument, such as the path of their own
/// configuration file. Zombies and the caller itself are left out.
pub fn with_argument(argument: &str) -> Vec<Identity> {
    let has_argument = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).skip(1).any(|word| word == argument.as_bytes())
    };
    let own = Identity::own();
    every_pid()
        .filter(has_argument)
        .filter_map(Identity::of)
        .filter(|one| Some(*one) != own)
        .collect()
}

/// What to run, as whom, and how it is asked to stop.
#[derive(Debug, Clone)]
pub struct Program {
    /// For messages.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// Standard output and error are appended here.
    pub log: PathBuf,
    /// Another operating-system user, when the caller is root.
    pub account: Option<Account>,
    /// The polite signal.
    pub stop_signal: Signal,
    /// What is sent when the polite signal was not enough, and when the handle is dropped.
    pub force_signal: Signal,
}

impl Program {
    /// A program that runs as the calling user in `/`, and stops on SIGTERM.
    pub fn new(name: &str, path: &Path, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            args: Vec::new(),
            working_dir: PathBuf::from("/"),
            log: log.to_owned(),
            account: None,
            stop_signal: Signal::SIGTERM,
            force_signal: Signal::SIGKILL,
        }
    }

    /// Starts it in a process group of its own, with no inherited pipe.
    pub fn spawn(&self) -> anyhow::Result<Running> {
        let log = append(&self.log)?;
        let mut command = tokio::process::Command::new(&self.path);
        command
            .args(&self.args)
            .current_dir(&self.working_dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        let child = command.spawn().map_err(|error| {
            problem(format!("cannot start {} ({}): {error}", self.name, self.path.display()))
        })?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        // The child is ours and not reaped yet, so its entry in /proc is there even if it has ended.
        let pid = pid.context("the child has no pid")?;
        let identity = Identity::of(pid).unwrap_or(Identity { pid, started_ticks: 0 });
        Ok(Running { program: self.clone(), child, identity, ended: None })
    }
}

/// A child process. Dropping it ends the process, so that a failing test leaves nothing behind.
#[derive(Debug)]
pub struct Running {
    program: Program,
    child: tokio::process::Child,
    identity: Identity,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Which process this is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// What was started.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Waits until the process ends by itself. May be dropped and called again.
    pub async fn exited(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        let status = self.child.wait().await?;
        self.ended = Some(status);
        Ok(status)
    }

    /// The exit status if the process has ended, without waiting.
    pub fn try_exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Kills with SIGKILL and waits for the end.
    pub async fn kill9(&mut self) -> anyhow::Result<()> {
        self.identity.signal(Signal::SIGKILL);
        self.exited().await.map(drop)
    }

    /// Asks politely, waits up to `limit`, then forces. Says whether the polite signal was enough.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<bool> {
        self.identity.signal(self.program.stop_signal);
        if let Ok(status) = tokio::time::timeout(limit, self.exited()).await {
            return status.map(|_| true);
        }
        self.identity.signal(self.program.force_signal);
        if let Ok(status) = tokio::time::timeout(Duration::from_secs(5), self.exited()).await {
            return status.map(|_| false);
        }
        self.kill9().await?;
        Ok(false)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_some() || !self.identity.is_alive() {
            return;
        }
        // Blocks, on purpose: whoever drops this may delete the directory of the process next.
        self.identity.signal(self.program.force_signal);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.identity.is_alive() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.identity.signal(Signal::SIGKILL);
    }
}

/// The process group of a child that leads one. Dropping it kills whatever is left of the group, and waits
/// until it is gone: a tool that is interrupted must not write into a directory that is about to go.
pub(crate) struct Group(Option<i32>);

impl Group {
    pub(crate) fn led_by(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|pid| i32::try_from(pid).ok()))
    }

    fn members(leader: i32) -> Vec<Identity> {
        let of_group = |pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
            fields.split_whitespace().nth(2).and_then(|group| group.parse().ok()) == Some(leader)
        };
        every_pid().filter(of_group).filter_map(Identity::of).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Some(leader) = self.0 {
            let members = Self::members(leader);
            if members.is_empty() || Instant::now() >= deadline {
                return;
            }
            for member in members {
                member.signal(Signal::SIGKILL);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// `exit code 2`, `killed by signal 9`: how a process ended, in words.
pub fn how_it_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// What a log says last about a failure, on one line: for one-line error messages.
///
/// The last line with a word such as `FATAL` or `error`, and the indented lines that belong to it; without
/// any, the last line.
pub fn last_words(log: &Path) -> String {
    const TELLING: [&str; 5] = ["FATAL", "PANIC", "ERROR", "Error", "error"];
    let Ok(bytes) = std::fs::read(log) else {
        return String::new();
    };
    let tail = bytes.get(bytes.len().saturating_sub(16 * 1024)..).unwrap_or_default();
    let text = String::from_utf8_lossy(tail);
    // A backtrace says nothing to whoever reads one line.
    let text = text.rsplit_once("Stack backtrace:").map_or(&*text, |(before, _)| before);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let telling = |line: &&str| TELLING.iter().any(|word| line.contains(word));
    let start = lines.iter().rposition(telling).unwrap_or(lines.len().saturating_sub(1));
    let belongs = |line: &&&str| line.starts_with([' ', '\t']) || **line == "Caused by:";
    let first = lines.get(start).copied().into_iter();
    let rest = lines.iter().skip(start + 1).take_while(belongs).copied();
    if let Some(words) = lines.get(start).and_then(|line| of_json(line)) {
        return words;
    }
    let words: Vec<&str> = first.chain(rest).flat_map(str::split_whitespace).collect();
    words.join(" ").chars().take(400).collect()
}

/// Message and cause of a line that one of our services logged.
fn of_json(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?.as_str()?;
    match line.get("error").and_then(serde_json::Value::as_str) {
        Some(error) => Some(format!("{message}: {error}")),
        None => Some(message.to_owned()),
    }
}

fn append(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| problem(format!("cannot write {}: {error}", path.display())))
}
