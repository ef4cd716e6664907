//! pgbench on the bank's own cluster: the same server, the same durability, the same minutes.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::environment::problem;
use testkit::postgres::Binaries;
use tokio::process::Command;

const DATABASE: &str = "loadtest_pgbench";
/// Five million accounts, as the comparison is usually quoted.
const SCALE: &str = "50";
const CLIENTS: &str = "16";
const THREADS: &str = "2";

/// A database that is dropped by [`Pgbench::drop_database`].
#[derive(Debug)]
pub(super) struct Pgbench {
    program: PathBuf,
    admin_url: String,
    login: Login,
}

#[derive(Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
    host: String,
    port: String,
}

impl Pgbench {
    /// Finds the program; nothing is created yet.
    pub(super) fn find(admin_url: &str) -> anyhow::Result<Self> {
        let in_path = std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path).map(|dir| dir.join("pgbench")).find(|file| file.is_file())
        });
        let program = match in_path {
            Some(program) => program,
            None => Binaries::find()?.program("pgbench"),
        };
        if !program.is_file() {
            return Err(problem(
                "pgbench is not installed: on Debian or Ubuntu, apt-get install postgresql-contrib",
            ));
        }
        let login = Login::of(admin_url).context("bank.json has an admin URL of another form")?;
        Ok(Self { program, admin_url: admin_url.to_owned(), login })
    }

    /// Creates and fills the database.
    pub(super) async fn initialize(&self) -> anyhow::Result<()> {
        self.drop_database().await?;
        self.admin("CREATE DATABASE loadtest_pgbench").await?;
        self.run(&["--initialize", "--quiet", "--scale", SCALE]).await.map(drop)
    }

    /// TPC-B for some seconds; answers the transactions per second.
    pub(super) async fn measure(&self, seconds: u32) -> anyhow::Result<f64> {
        let seconds = seconds.to_string();
        let output = self
            .run(&[
                "--protocol",
                "prepared",
                "--client",
                CLIENTS,
                "--jobs",
                THREADS,
                "--time",
                &seconds,
                "--no-vacuum",
            ])
            .await?;
        tps(&output).with_context(|| format!("pgbench said something unexpected: {output}"))
    }

    /// Starts each turn with nothing left to write from the one before.
    pub(super) async fn checkpoint(&self) -> anyhow::Result<()> {
        self.admin("CHECKPOINT").await
    }

    /// Removes the database, also under a pgbench that still runs.
    pub(super) async fn drop_database(&self) -> anyhow::Result<()> {
        self.admin("DROP DATABASE IF EXISTS loadtest_pgbench WITH (FORCE)").await
    }

    async fn admin(&self, statement: &'static str) -> anyhow::Result<()> {
        let connected = PgConnection::connect(&self.admin_url).await;
        let mut admin = connected.context("cannot reach the bank's database")?;
        admin.execute(statement).await.with_context(|| statement.to_owned())?;
        admin.close().await.ok();
        Ok(())
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let Login { user, password, host, port } = &self.login;
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--host", host, "--port", port, "--username", user, DATABASE])
            .env("PGPASSWORD", password)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !output.status.success() {
            bail!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Login {
    /// From `postgres://user:password@host:port/database`; our own passwords need no escapes.
    fn of(url: &str) -> Option<Self> {
        let (credentials, place) = url.split_once("://")?.1.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let (host, port) = place.split(['/', '?']).next()?.split_once(':')?;
        let own = str::to_owned;
        Some(Self { user: own(user), password: own(password), host: own(host), port: own(port) })
    }
}

/// From the line `tps = 3812.345 (without initial connection time)`.
fn tps(output: &str) -> Option<f64> {
    let line = output.lines().find_map(|line| line.trim().strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_pgbench_prints() {
        let output =
            "latency average = 4.198 ms\ntps = 3811.52 (without initial connection time)\n";

        assert_eq!(tps(output), Some(3_811.52));
        assert_eq!(tps("nothing"), None);
    }

    #[test]
    fn the_login_is_read_from_the_admin_url() {
        let login = Login::of("postgres://postgres:s3cret@127.0.0.1:5001/postgres?sslmode=disable");

        let own = str::to_owned;
        let expected = Login {
            user: own("postgres"),
            password: own("s3cret"),
            host: own("127.0.0.1"),
            port: own("5001"),
        };
        assert_eq!(login, Some(expected));
        assert_eq!(Login::of("postgres:///somewhere"), None);
    }
}
