//! One Postgres server: its directory, its port, its process.
//!
//! The server is a direct child of ours (no pg_ctl), so its end is noticed at once. A directory that was
//! left by a killed supervisor is taken over: whatever still works in it is stopped first.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{Account, Binaries};
use crate::environment::problem;
use crate::process::{Identity, Program, Running, Signal, every_pid, how_it_ended, last_words};

const FAST_STOP_LIMIT: Duration = Duration::from_secs(30);

/// One server of a cluster. Dropping it stops the server at once (SIGQUIT).
#[derive(Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) data_dir: PathBuf,
    pub(super) port: u16,
    pub(super) log: PathBuf,
    pub(super) binaries: Binaries,
    pub(super) account: Option<Account>,
    pub(super) password: String,
    pub(super) running: Option<Running>,
}

impl Node {
    /// `primary`, `replica1`, ...
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The main server process, if it was started and not stopped since.
    pub fn identity(&self) -> Option<Identity> {
        self.running.as_ref().map(Running::identity)
    }

    /// How the superuser connects.
    pub fn admin_options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .password(&self.password)
            .database(database)
            .disable_statement_logging()
    }

    /// The superuser's URL for a database of this node.
    pub fn admin_url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// A superuser's connection. Fails unless the server answers within `limit`.
    pub async fn admin(&self, database: &str, limit: Duration) -> anyhow::Result<PgConnection> {
        let options = self.admin_options(database);
        let connected = tokio::time::timeout(limit, PgConnection::connect_with(&options)).await;
        connected.with_context(|| format!("{} does not answer", self.name))?.map_err(Into::into)
    }

    /// Starts the server and waits until it takes connections. Its configuration must be written already.
    pub async fn start(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.launch().await?;
        self.wait_ready(limit).await
    }

    /// Starts the server without waiting for it, after stopping what an earlier one left in its directory.
    pub async fn launch(&mut self) -> anyhow::Result<()> {
        stop_leftovers(&self.data_dir).await?;
        let mut program = Program::new(&self.name, &self.binaries.program("postgres"), &self.log);
        program.args = vec!["-D".to_owned(), self.data_dir.display().to_string()];
        program.account.clone_from(&self.account);
        program.stop_signal = Signal::SIGINT;
        program.force_signal = Signal::SIGQUIT;
        self.running = Some(program.spawn()?);
        Ok(())
    }

    /// Waits until the launched server takes connections; fails at once when it ends instead.
    pub async fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let running = self.running.as_mut().context("the server was not launched")?;
            if let Some(status) = running.try_exited()? {
                let words = last_words(&self.log);
                let how = how_it_ended(status);
                return Err(problem(format!(
                    "Postgres {} {how} while starting: {words}",
                    self.name
                )));
            }
            let last = match self.admin("postgres", Duration::from_secs(2)).await {
                Ok(connection) => return connection.close().await.map_err(Into::into),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                let (name, seconds) = (&self.name, limit.as_secs());
                return Err(
                    last.context(format!("Postgres {name} took no connection in {seconds} s"))
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until the server ends by itself.
    pub async fn exited(&mut self) -> anyhow::Result<String> {
        match &mut self.running {
            Some(running) => Ok(how_it_ended(running.exited().await?)),
            None => Ok("is not running".to_owned()),
        }
    }

    /// Fast shutdown; sessions are ended. An immediate one when that takes longer than 30 s.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.stop(FAST_STOP_LIMIT).await?;
        }
        Ok(())
    }

    /// SIGKILL to the main process, as a crash. Its children notice and end within moments.
    pub async fn kill9(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.kill9().await?;
        }
        Ok(())
    }

    /// Tells the server to read its configuration again.
    pub fn reload(&self) -> bool {
        self.identity().is_some_and(|identity| identity.signal(Signal::SIGHUP))
    }
}

/// Stops whatever still works in a data directory, and removes the pid file that it left.
///
/// After a kill -9 of the main process its children may live on for a moment and hold the shared memory;
/// a server started then would refuse.
pub async fn stop_leftovers(data_dir: &Path) -> anyhow::Result<()> {
    let pid_file = data_dir.join("postmaster.pid");
    let main = std::fs::read_to_string(&pid_file).ok();
    let main: Option<i32> = main.and_then(|text| text.lines().next()?.trim().parse().ok());
    let working = working_in(data_dir);
    if let Some(main) = working.iter().find(|identity| Some(identity.pid) == main) {
        main.end(Signal::SIGINT, FAST_STOP_LIMIT).await;
    }
    // Orphans see that their main process is gone, and end by themselves unless they are stuck.
    for orphan in working {
        let ended = orphan.gone(Duration::from_secs(1)).await
            || orphan.end(Signal::SIGQUIT, Duration::from_secs(5)).await;
        if !ended {
            let directory = data_dir.display();
            let text = format!("process {} works in {directory} and cannot be stopped", orphan.pid);
            return Err(problem(text));
        }
    }
    match std::fs::remove_file(&pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(problem(format!("cannot remove {}: {error}", pid_file.display())))
        }
        _ => Ok(()),
    }
}

/// Postgres processes whose working directory is `directory`: each works in its data directory. Somebody's
/// shell may stand there too, so the executable counts as well.
fn working_in(directory: &Path) -> Vec<Identity> {
    let Ok(directory) = directory.canonicalize() else {
        return Vec::new();
    };
    let is_postgres = |exe: PathBuf| {
        // An executable that was upgraded meanwhile shows as `postgres (deleted)`.
        exe.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres"))
    };
    every_pid()
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
        })
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(is_postgres))
        .filter_map(Identity::of)
        .collect()
}
