//! What goes into a node's configuration files. The reasons stand beside the lines of `node.conf`.

use std::path::Path;

use anyhow::bail;

const TEMPLATE: &str = include_str!("node.conf");

/// Local addresses only, always with a password. No line for sockets, as there are none.
pub(super) const HOST_BASED_ACCESS: &str = "\
# type database    user       address       method
host   replication replicator 127.0.0.1/32  scram-sha-256
host   all         all        127.0.0.1/32  scram-sha-256
";

/// The sizes that differ between a bank and a cluster for tests.
#[derive(Debug, Clone)]
pub struct Settings {
    /// False only for databases that are thrown away: nothing survives a power cut then.
    pub durable: bool,
    /// Page cache of each node.
    pub shared_buffers_mb: u32,
    /// What Postgres assumes that the kernel caches besides.
    pub effective_cache_mb: u32,
    /// Log written between two checkpoints at most.
    pub max_wal_size_mb: u32,
    /// Log files kept for reuse.
    pub min_wal_size_mb: u32,
    /// Log kept for a replica that is away; beyond it the replica must be built anew.
    pub slot_keep_mb: u32,
    /// Connections at once.
    pub max_connections: u32,
}

impl Settings {
    /// A bank on a small machine.
    pub fn bank() -> Self {
        Self {
            durable: true,
            shared_buffers_mb: 512,
            effective_cache_mb: 2_048,
            max_wal_size_mb: 8_192,
            min_wal_size_mb: 1_024,
            slot_keep_mb: 16_384,
            max_connections: 200,
        }
    }

    /// A cluster that lives for one run of the tests.
    pub fn tests() -> Self {
        Self {
            durable: false,
            shared_buffers_mb: 128,
            effective_cache_mb: 512,
            max_wal_size_mb: 1_024,
            min_wal_size_mb: 128,
            slot_keep_mb: 2_048,
            max_connections: 300,
        }
    }
}

/// What one node needs to know besides the sizes.
pub(super) struct NodeSettings<'a> {
    pub name: &'a str,
    pub port: u16,
    pub wal_compression: &'a str,
    pub synchronous_standby_names: &'a str,
    pub upstream: Option<Upstream<'a>>,
}

/// Where a replica streams from. The password is in a file, because members of `pg_monitor` could read settings.
pub(super) struct Upstream<'a> {
    pub port: u16,
    pub passfile: &'a Path,
    pub slot: &'a str,
}

pub(super) fn render(settings: &Settings, node: &NodeSettings<'_>) -> anyhow::Result<String> {
    let on = |flag: bool| if flag { "on" } else { "off" }.to_owned();
    let replication = node.upstream.as_ref().map_or_else(String::new, |upstream| {
        format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user=replicator passfile=''{}'' \
             keepalives_idle=5 keepalives_interval=2 keepalives_count=3 connect_timeout=3'\n\
             primary_slot_name = '{}'",
            upstream.port,
            upstream.passfile.display().to_string().replace('\\', r"\\\\").replace('\'', r"\\''"),
            upstream.slot,
        )
    });
    let values = [
        ("{name}", node.name.to_owned()),
        ("{port}", node.port.to_string()),
        ("{max_connections}", settings.max_connections.to_string()),
        ("{fsync}", on(settings.durable)),
        ("{full_page_writes}", on(settings.durable)),
        ("{synchronous_standby_names}", node.synchronous_standby_names.to_owned()),
        ("{wal_compression}", node.wal_compression.to_owned()),
        ("{max_wal_size_mb}", settings.max_wal_size_mb.to_string()),
        ("{min_wal_size_mb}", settings.min_wal_size_mb.to_string()),
        ("{slot_keep_mb}", settings.slot_keep_mb.to_string()),
        ("{replication}", replication),
        ("{shared_buffers_mb}", settings.shared_buffers_mb.to_string()),
        ("{effective_cache_mb}", settings.effective_cache_mb.to_string()),
    ];
    let mut text = TEMPLATE.to_owned();
    for (placeholder, value) in values {
        if !text.contains(placeholder) {
            bail!("node.conf has no {placeholder}");
        }
        text = text.replace(placeholder, &value);
    }
    Ok(text)
}
