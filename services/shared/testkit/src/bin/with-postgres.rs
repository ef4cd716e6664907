//! `with-postgres [--replicas N] [--fsync] COMMAND...`: runs a command with a Postgres cluster of its own.
//!
//! Starts a primary and a synchronous replica in a temporary directory, creates the roles of all services,
//! names the cluster in `THINCORE_TEST_POSTGRES`, runs the command, and ends with its exit code. The cluster
//! is stopped and deleted however the command ends; a directory whose runner was killed with SIGKILL is
//! deleted by the next run.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use testkit::database::{TestCluster, VARIABLE};
use testkit::environment::temporary_directory;
use testkit::postgres::{
    Cluster, ClusterOptions, Secrets, Settings, create_databases, random_password, stop_leftovers,
};
use testkit::process::{Identity, Signal};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// The services, and `platform` for the tests of what all of them have.
const SERVICES: [&str; 7] =
    ["customer", "deposit", "loan", "card", "accounting", "platform", "testkit"];
const PREFIX: &str = "thincore-test-postgres-";
const USAGE: &str = "\
Runs a command with a Postgres cluster of its own: a primary and a synchronous replica.

Usage: with-postgres [--replicas N] [--fsync] COMMAND [ARGUMENT...]

  --replicas N   streaming replicas (default 1)
  --fsync        keep what was committed through a power cut (default: off, as all of it is deleted)

Example: cargo run -p testkit --bin with-postgres -- cargo nextest run -p deposit";

struct Arguments {
    replicas: usize,
    fsync: bool,
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments { replicas: 1, fsync: false, command: Vec::new() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--replicas" => arguments.replicas = words.next()?.parse().ok()?,
            "--fsync" => arguments.fsync = true,
            "--" => {}
            option if option.starts_with('-') => return None,
            _ => {
                arguments.command = std::iter::once(word).chain(words).collect();
                break;
            }
        }
    }
    (!arguments.command.is_empty()).then_some(arguments)
}

async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Before anything is started, so that a Ctrl-C at any time ends in the cleaning up.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    delete_abandoned(&std::env::temp_dir()).await;
    let (directory, _lock) = claim_directory()?;
    let mut cluster = tokio::select! {
        cluster = start(arguments, directory.path()) => cluster?,
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    let code = run_command(arguments, &cluster.0, &mut interrupt, &mut terminate).await;
    cluster.1.stop().await?;
    directory.close().context("cannot remove the temporary directory")?;
    code
}

async fn start(arguments: &Arguments, directory: &Path) -> anyhow::Result<(TestCluster, Cluster)> {
    let password = random_password();
    let cluster = Cluster::bring_up(ClusterOptions {
        directory: directory.join("postgres"),
        log_dir: directory.to_owned(),
        replicas: arguments.replicas,
        settings: Settings { durable: arguments.fsync, ..Settings::tests() },
        ports: Vec::new(),
        admin_password: password.clone(),
        replication_password: random_password(),
    })
    .await?;
    let secrets = Secrets::uniform(&SERVICES, &password);
    create_databases(cluster.primary()?, Duration::from_secs(10), &secrets).await?;
    let ports = cluster.nodes().iter().map(testkit::postgres::Node::port).collect();
    Ok((TestCluster { ports, password }, cluster))
}

async fn run_command(
    arguments: &Arguments,
    cluster: &TestCluster,
    interrupt: &mut tokio::signal::unix::Signal,
    terminate: &mut tokio::signal::unix::Signal,
) -> anyhow::Result<ExitCode> {
    let (program, rest) = arguments.command.split_first().context("no command")?;
    let mut child = tokio::process::Command::new(program)
        .args(rest)
        .env(VARIABLE, serde_json::to_string(cluster)?)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let identity = child.id().and_then(|pid| Identity::of(i32::try_from(pid).ok()?));
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status?)),
            _ = interrupt.recv() => forward(identity, Signal::SIGINT, &mut child).await,
            _ = terminate.recv() => forward(identity, Signal::SIGTERM, &mut child).await,
        }
    }
}

/// Passes a signal on, unless the command got it from the terminal itself: to many programs a second one
/// means "drop everything".
async fn forward(identity: Option<Identity>, signal: Signal, child: &mut Child) {
    let from_terminal =
        std::io::IsTerminal::is_terminal(&std::io::stdin()) && signal == Signal::SIGINT;
    if let Some(identity) = identity.filter(|_| !from_terminal) {
        identity.signal(signal);
    }
    if tokio::time::timeout(Duration::from_secs(30), child.wait()).await.is_err() {
        child.start_kill().ok();
    }
}

/// As a shell would report it: 128 plus the signal number for a killed command.
fn exit_code(status: ExitStatus) -> ExitCode {
    let killed = status.signal().map(|signal| signal.saturating_add(128));
    let code = status.code().or(killed).and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

/// A temporary directory that Postgres's user can reach, and a lock that shows that its owner lives.
fn claim_directory() -> anyhow::Result<(tempfile::TempDir, File)> {
    let directory = temporary_directory(PREFIX)?;
    // The name appears when the lock is held, so that no other runner takes this for an abandoned one.
    let unnamed = directory.path().join("lock.new");
    let lock = File::create(&unnamed)?;
    lock.lock()?;
    std::fs::rename(unnamed, directory.path().join("lock"))?;
    Ok((directory, lock))
}

/// Stops and deletes what killed runners left behind: directories of ours with nobody's lock.
async fn delete_abandoned(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for directory in ours.map(|entry| entry.path()) {
        if let Err(error) = delete_if_abandoned(&directory).await {
            eprintln!("warning: cannot delete {}: {error:#}", directory.display());
        }
    }
}

async fn delete_if_abandoned(directory: &Path) -> anyhow::Result<()> {
    // Absent: just being made, or somebody else's. Locked: its runner lives.
    let Ok(lock) = File::open(directory.join("lock")) else {
        return Ok(());
    };
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let nodes = std::fs::read_dir(directory.join("postgres")).into_iter().flatten().flatten();
    for data_dir in nodes.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        stop_leftovers(&data_dir).await?;
    }
    Ok(std::fs::remove_dir_all(directory)?)
}
