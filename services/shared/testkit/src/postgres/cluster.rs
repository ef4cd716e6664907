//! A primary and its replicas, brought up from nothing or from what an earlier run left.
//!
//! A data directory counts as complete only when its marker file stands beside it: a first start that was
//! killed half-way begins anew, and no directory that ever held acknowledged data is wiped.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::AssertSqlSafe;

use super::account::{private_dir, private_file};
use super::create::{base_backup, flush, flush_one, ignore_absent, initialize};
use super::node::stop_leftovers;
use super::settings::{HOST_BASED_ACCESS, NodeSettings, Upstream, render};
use super::tool::run_tool;
use super::{Account, Binaries, Node, Settings};
use crate::environment::problem;
use crate::port;

/// Crash recovery of a loaded primary reads up to `max_wal_size` of log.
const START_LIMIT: Duration = Duration::from_mins(2);
const ADMIN_LIMIT: Duration = Duration::from_secs(10);
const STREAMING_LIMIT: Duration = Duration::from_mins(1);

const ROLE_EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator')";
const SLOT_LOST: &str =
    "SELECT wal_status IS NOT DISTINCT FROM 'lost' FROM pg_replication_slots WHERE slot_name = $1";
const SYNCHRONOUS_REPLICAS: &str = "\
SELECT count(*) FROM pg_stat_replication
WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')";

/// What to bring up, and where.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Holds one data directory for each node. Its parent must exist.
    pub directory: PathBuf,
    /// Where the log files go, named `postgres-<node>.log`.
    pub log_dir: PathBuf,
    /// Streaming replicas; with at least one, commits are synchronous.
    pub replicas: usize,
    /// Sizes and durability.
    pub settings: Settings,
    /// One port for each node, the primary's first. Missing ones are chosen free.
    pub ports: Vec<u16>,
    /// Password of the superuser `postgres`.
    pub admin_password: String,
    /// Password of the role `replicator`.
    pub replication_password: String,
}

/// A running cluster. Dropping it stops all servers at once, like a crash; call [`Cluster::stop`] first.
#[derive(Debug)]
pub struct Cluster {
    pub(super) options: ClusterOptions,
    wal_compression: &'static str,
    nodes: Vec<Node>,
}

impl Cluster {
    /// Starts all nodes, creating those that are not there yet, and waits until every replica is synchronous.
    pub async fn bring_up(options: ClusterOptions) -> anyhow::Result<Self> {
        let cluster = Self::bring_up_unsealed(options).await?;
        cluster.seal().await?;
        Ok(cluster)
    }

    /// The same, before new directories are sealed: the next start would begin anew. For callers who have
    /// more to do before they promise anything to anybody, and can do it while [`Cluster::seal`] works.
    pub async fn bring_up_unsealed(options: ClusterOptions) -> anyhow::Result<Self> {
        let mut cluster = Self::prepare(options)?;
        cluster.ensure_primary().await?;
        let every_replica_exists = cluster.nodes.iter().skip(1).all(is_complete);
        cluster.configure(0, every_replica_exists)?;
        cluster.start_primary().await?;
        cluster.ensure_replicator().await?;
        for index in 1..cluster.nodes.len() {
            cluster.ensure_replica(index).await?;
            cluster.configure(index, true)?;
            cluster.node_mut(index)?.start(START_LIMIT).await?;
        }
        if !every_replica_exists {
            cluster.configure(0, true)?;
            cluster.primary()?.reload();
        }
        cluster.wait_synchronous().await?;
        Ok(cluster)
    }

    /// Flushes new data directories to disk and marks them as complete. From then on they hold what matters.
    pub fn seal(&self) -> impl Future<Output = anyhow::Result<()>> + Send + use<> {
        let durable = self.options.settings.durable;
        let new = self.nodes.iter().filter(|node| !is_complete(node));
        let new: Vec<_> =
            new.map(|node| (node.data_dir.clone(), marker(node), node.account.clone())).collect();
        async move {
            let directories = new.iter().map(|(directory, ..)| directory.clone());
            let flushing: Vec<_> = directories
                .filter(|_| durable)
                .map(|directory| tokio::task::spawn_blocking(move || flush(&directory)))
                .collect();
            for flushed in flushing {
                flushed.await?.context("cannot flush a new data directory")?;
            }
            // The primary's first: a replica without its primary counts for nothing.
            let parent = new.first().and_then(|(_, marker, _)| marker.parent()).map(Path::to_owned);
            for (_, marker, account) in new {
                private_file(&marker, "", account.as_ref())?;
            }
            // A marker that a power cut took back would let the next start wipe what it vouched for.
            match parent {
                Some(parent) if durable => flush_one(&parent).map_err(Into::into),
                _ => Ok(()),
            }
        }
    }

    pub(super) fn prepare(options: ClusterOptions) -> anyhow::Result<Self> {
        let binaries = Binaries::find()?;
        let account = Account::for_postgres()?;
        if let (Some(account), Some(parent)) = (&account, options.directory.parent()) {
            account.require_reach(&parent.canonicalize()?)?;
        }
        private_dir(&options.directory, account.as_ref())?;
        let mut ports = options.ports.clone();
        let missing = (options.replicas + 1).saturating_sub(ports.len());
        ports.extend(port::free(missing)?);
        let names = (0..=options.replicas).map(node_name);
        let nodes = names.zip(ports).map(|(name, port)| Node {
            data_dir: options.directory.join(&name),
            port,
            log: options.log_dir.join(format!("postgres-{name}.log")),
            binaries: binaries.clone(),
            account: account.clone(),
            password: options.admin_password.clone(),
            running: None,
            name,
        });
        let nodes = nodes.collect();
        Ok(Self { options, wal_compression: "on", nodes })
    }

    /// The node that takes writes.
    pub fn primary(&self) -> anyhow::Result<&Node> {
        self.nodes.first().context("the cluster has no nodes")
    }

    /// All nodes, the primary first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All nodes, the primary first.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// Hands the nodes to whoever supervises them one by one, the primary first.
    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// Stops the primary first, so that the replicas end with everything that it wrote.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.stop().await?;
        }
        Ok(())
    }

    pub(super) async fn start_primary(&mut self) -> anyhow::Result<()> {
        self.node_mut(0)?.start(START_LIMIT).await
    }

    fn node_mut(&mut self, index: usize) -> anyhow::Result<&mut Node> {
        self.nodes.get_mut(index).context("no such node")
    }

    async fn ensure_primary(&mut self) -> anyhow::Result<()> {
        let node = self.primary()?;
        stop_leftovers(&node.data_dir).await?;
        if is_complete(node) {
            require_role(node, false)?;
        } else {
            // A replica of a cluster that never came to be is of no use to the next one.
            for replica in self.nodes.iter().skip(1) {
                std::fs::remove_file(marker(replica)).or_else(ignore_absent)?;
            }
            remove(&node.data_dir)?;
            initialize(node).await?;
        }
        self.probe_compression().await
    }

    /// Finds out whether these binaries were built with lz4: trying is the only way to know.
    pub(super) async fn probe_compression(&mut self) -> anyhow::Result<()> {
        let node = self.primary()?;
        let data_dir = node.data_dir.display().to_string();
        let probe = ["-C", "wal_compression", "-D", &data_dir, "-c", "wal_compression=lz4"];
        let postgres = node.binaries.program("postgres");
        let lz4 = run_tool(&postgres, &probe, node.account.as_ref(), None).await.is_ok();
        self.wal_compression = if lz4 { "lz4" } else { "on" };
        Ok(())
    }

    async fn ensure_replicator(&self) -> anyhow::Result<()> {
        let mut admin = self.primary()?.admin("postgres", ADMIN_LIMIT).await?;
        if !sqlx::query_scalar::<_, bool>(ROLE_EXISTS).fetch_one(&mut admin).await? {
            // Not held up by a replica that is still to come.
            sqlx::query("SET synchronous_commit = local").execute(&mut admin).await?;
            let create = format!(
                "CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{}'",
                self.options.replication_password
            );
            sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await?;
        }
        Ok(())
    }

    /// Copies the primary unless the replica's directory is complete and its slot still holds its log.
    async fn ensure_replica(&self, index: usize) -> anyhow::Result<()> {
        let primary = self.primary()?;
        let node = self.nodes.get(index).context("no such replica")?;
        stop_leftovers(&node.data_dir).await?;
        let mut admin = primary.admin("postgres", ADMIN_LIMIT).await?;
        let lost: Option<bool> =
            sqlx::query_scalar(SLOT_LOST).bind(&node.name).fetch_optional(&mut admin).await?;
        if is_complete(node) && lost == Some(false) {
            return require_role(node, true);
        }
        std::fs::remove_file(marker(node)).or_else(ignore_absent)?;
        remove(&node.data_dir)?;
        if lost == Some(true) {
            let drop_slot = "SELECT pg_drop_replication_slot($1)";
            sqlx::query(drop_slot).bind(&node.name).execute(&mut admin).await?;
        }
        if lost != Some(false) {
            let create_slot = "SELECT pg_create_physical_replication_slot($1, true)";
            sqlx::query(create_slot).bind(&node.name).execute(&mut admin).await?;
        }
        let password = &self.options.replication_password;
        base_backup(primary.port, node, password, Some(&node.name)).await?;
        private_file(&node.data_dir.join("standby.signal"), "", node.account.as_ref())
    }

    /// Writes the node's configuration files.
    pub(super) fn configure(&self, index: usize, synchronous: bool) -> anyhow::Result<()> {
        let primary = self.primary()?;
        let node = self.nodes.get(index).context("no such node")?;
        let account = node.account.as_ref();
        let passfile = node.data_dir.join("replication.pgpass");
        let is_replica = index > 0;
        if is_replica {
            let line = format!("*:*:*:replicator:{}\n", self.options.replication_password);
            private_file(&passfile, &line, account)?;
        }
        // By name, so that a tool that streams the log, such as pg_basebackup, never counts as a disk.
        let replicas: Vec<&str> = self.nodes.iter().skip(1).map(Node::name).collect();
        let synchronous_standby_names = if synchronous && !replicas.is_empty() {
            format!("ANY 1 ({})", replicas.join(", "))
        } else {
            String::new()
        };
        let settings = NodeSettings {
            name: &node.name,
            port: node.port,
            wal_compression: self.wal_compression,
            synchronous_standby_names: &synchronous_standby_names,
            upstream: is_replica.then_some(Upstream {
                port: primary.port,
                passfile: &passfile,
                slot: &node.name,
            }),
        };
        let text = render(&self.options.settings, &settings)?;
        private_file(&node.data_dir.join("postgresql.conf"), &text, account)?;
        private_file(&node.data_dir.join("pg_hba.conf"), HOST_BASED_ACCESS, account)
    }

    /// Waits until every replica streams and counts for commits.
    pub async fn wait_synchronous(&self) -> anyhow::Result<()> {
        let expected = i64::try_from(self.options.replicas)?;
        let mut admin = self.primary()?.admin("postgres", ADMIN_LIMIT).await?;
        let deadline = Instant::now() + STREAMING_LIMIT;
        loop {
            let count: i64 = sqlx::query_scalar(SYNCHRONOUS_REPLICAS).fetch_one(&mut admin).await?;
            if count >= expected {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(problem(format!(
                    "{count} of {expected} replicas stream from the primary after {} s",
                    STREAMING_LIMIT.as_secs(),
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// `primary`, `replica1`, `replica2`, ...
fn node_name(index: usize) -> String {
    if index == 0 { "primary".to_owned() } else { format!("replica{index}") }
}

/// A replica that was promoted, or a primary that was made a replica, by somebody else.
fn require_role(node: &Node, replica: bool) -> anyhow::Result<()> {
    if node.data_dir.join("standby.signal").exists() == replica {
        return Ok(());
    }
    let (is, was) = if replica { ("a primary", "a replica") } else { ("a replica", "the primary") };
    Err(problem(format!(
        "{} was {was} and is {is} now: somebody changed the roles of this cluster by hand",
        node.data_dir.display()
    )))
}

fn marker(node: &Node) -> PathBuf {
    node.data_dir.with_extension("complete")
}

fn is_complete(node: &Node) -> bool {
    marker(node).exists()
}

fn remove(directory: &Path) -> anyhow::Result<()> {
    std::fs::remove_dir_all(directory)
        .or_else(ignore_absent)
        .with_context(|| format!("cannot remove {}", directory.display()))
}
