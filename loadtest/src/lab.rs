//! The bank to test: one that is up already, or one of our own in a temporary directory that is gone afterwards.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use bank::RunningBank;
use tempfile::TempDir;

use crate::collector::Collector;
use crate::progress::say;
use crate::target::Target;

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
        let Some(dir) = dir else { return Self::start(tracing).await };
        let target = Target::find(dir).await?;
        Ok(Self { target, own: None, collector: None, dir: None })
    }

    async fn start(tracing: bool) -> anyhow::Result<Self> {
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
        let own = bank::up(&options).await?;
        let target = Target::of(&own.file()).await?;
        Ok(Self { target, own: Some(own), collector, dir: Some(dir) })
    }

    /// Whether the bank ends with this command.
    pub fn is_temporary(&self) -> bool {
        self.own.is_some()
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
