//! The bank to test: one that is up already, or one of our own in a temporary directory that is gone afterwards.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use bank::RunningBank;
use tempfile::TempDir;
use testkit::postgres::Settings;
use testkit::process::Identity;

use crate::collector::Collector;
use crate::progress::say;
use crate::target::Target;

/// What makes a service bare beyond having no TLS.
const BARE: [&str; 2] = ["traffic.control=\"none\"", "telemetry.metrics=false"];

/// A bank for the duration of one command.
///
/// Dropping it ends the processes of a bank of our own and removes its directory; [`Lab::close`] does so in order.
#[derive(Debug)]
pub struct Lab {
    /// The bank.
    pub target: Target,
    // Fields are dropped in this order: processes first, then their directory.
    own: Option<RunningBank>,
    collector: Option<Collector>,
    dir: Option<TempDir>,
}

impl Lab {
    /// The bank in `dir`, or one of our own where none is given, which exports its traces to us if `tracing`.
    pub async fn open(dir: Option<&Path>, tracing: bool) -> anyhow::Result<Self> {
        let Some(dir) = dir else { return Self::start(tracing, |_| ()).await };
        let target = Target::find(dir).await?;
        Ok(Self { target, own: None, collector: None, dir: None })
    }

    /// A bank of our own without everything that protects and observes: no TLS, no roles, no limits, no traces, no
    /// metrics. What is measured on it says what all that costs.
    pub async fn bare() -> anyhow::Result<Self> {
        let settings = bank::SERVICES.iter().flat_map(|service| {
            BARE.iter().map(move |setting| format!("{service}.{setting}").parse())
        });
        let settings: Result<Vec<_>, String> = settings.collect();
        let settings = settings.map_err(anyhow::Error::msg)?;
        Self::start(false, |options| {
            options.unprotected = true;
            options.overrides = settings;
        })
        .await
    }

    /// A bank of our own whose disks nobody waits for, with the service binaries in `bin_dir`, or beside this executable.
    pub async fn without_disks(bin_dir: Option<&Path>) -> anyhow::Result<Self> {
        Self::start(true, |options| {
            options.bin_dir = bin_dir.map(Path::to_owned);
            options.postgres = Settings { durable: false, ..Settings::bank() };
        })
        .await
    }

    /// A bank of our own with other options, which exports its traces to us if `tracing`.
    pub async fn start(
        tracing: bool,
        change: impl FnOnce(&mut bank::Options),
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("thincore-loadtest-")
            .tempdir()
            .context("cannot create a temporary directory for the bank")?;
        // When we are root, Postgres runs as another user, who must be able to pass through. The bank's own
        // files inside stay private.
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711))?;
        let collector = if tracing { Some(Collector::start()?) } else { None };
        let mut options = bank::Options::new(dir.path().join("bank"));
        options.otlp = collector.as_ref().map(|collector| collector.url.clone());
        change(&mut options);
        let own = bank::up(&options).await?;
        let target = Target::of(&own.file()).await?;
        Ok(Self { target, own: Some(own), collector, dir: Some(dir) })
    }

    /// Whether the bank ends with this command.
    pub fn is_temporary(&self) -> bool {
        self.own.is_some()
    }

    /// The process of a service of a bank of our own.
    pub fn own_process(&self, service: &str) -> Option<Identity> {
        self.own.as_ref()?.file().service(service).ok()?.process
    }

    /// Starts a service of a bank of our own again, with the configuration that it has now.
    pub async fn restart(&mut self, service: &str) -> anyhow::Result<()> {
        let own = self.own.as_ref().context("only a bank of our own can be restarted")?;
        own.restart(service).await?;
        self.target = Target::of(&own.file()).await?;
        Ok(())
    }

    /// Stops a bank of our own in order, and removes its directory.
    pub async fn close(self) -> anyhow::Result<()> {
        let Self { own, collector, dir, .. } = self;
        if let Some(own) = own {
            own.stop().await?;
        }
        if let Some(collector) = collector {
            say(&format!("{} spans were exported", collector.spans()));
        }
        if let Some(dir) = dir {
            dir.close().context("cannot remove the temporary directory of the bank")?;
        }
        Ok(())
    }
}
