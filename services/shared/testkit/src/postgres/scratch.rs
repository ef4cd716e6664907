//! A copy of a running cluster to break things in.

use anyhow::ensure;

use super::create::base_backup;
use super::{Cluster, ClusterOptions};

impl Cluster {
    /// Copies the running primary on `source_port` and starts the copy as a cluster of its own, without
    /// replicas. The source is only read; its roles and passwords hold in the copy too, so `options` must
    /// name the passwords of the source.
    ///
    /// Whoever asks stops the copy and removes the directory.
    pub async fn scratch_copy(source_port: u16, options: ClusterOptions) -> anyhow::Result<Self> {
        ensure!(options.replicas == 0, "a scratch copy has no replicas");
        let mut copy = Self::prepare(options)?;
        let node = copy.primary()?;
        base_backup(source_port, node, &copy.options.replication_password, None).await?;
        copy.probe_compression().await?;
        copy.configure(0, false)?;
        copy.start_primary().await?;
        Ok(copy)
    }
}
