//! How a bank is: asked of the processes themselves, not read from what the supervisor believes.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sqlx::{Connection as _, PgConnection, Row as _};
use testkit::process::Identity;

use crate::error::Error;
use crate::file::{BankFile, NodeRole, State};
use crate::unit::is_ready;

const LIMIT: Duration = Duration::from_secs(2);

const POSITION: &str = "\
SELECT pg_is_in_recovery() AS in_recovery,
       position::text AS lsn,
       (position - '0/0')::bigint AS bytes
FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                  ELSE pg_current_wal_flush_lsn() END AS position) AS here";

const OUTBOX_ROWS: &str = "SELECT count(*) FROM outbox";

/// A bank at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its directory.
    pub dir: String,
    /// Whether its supervisor lives.
    pub running: bool,
    /// What the supervisor last wrote down.
    pub state: State,
    /// Pid of the supervisor.
    pub supervisor_pid: Option<i32>,
    /// Database nodes, the primary first.
    pub nodes: Vec<NodeStatus>,
    /// Services, by name.
    pub services: Vec<ServiceStatus>,
}

impl Status {
    /// Whether every node answers and every service is ready.
    pub fn is_healthy(&self) -> bool {
        self.running
            && self.nodes.iter().all(|node| node.up)
            && self.services.iter().all(|one| one.ready)
    }
}

/// One Postgres node.
#[derive(Debug, Clone, Serialize)]
pub struct NodeStatus {
    /// `primary`, `replica1`, ...
    pub name: String,
    /// What it says it is, or what it was started as when it does not answer.
    pub role: NodeRole,
    /// Whether it answers queries.
    pub up: bool,
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// Pid of the main server process.
    pub pid: Option<i32>,
    /// How far its log is flushed (primary) or replayed (replica).
    pub lsn: Option<String>,
    /// Bytes of log between the primary's flushed position and this node's.
    pub lag_bytes: Option<i64>,
}

/// One service.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Whether `/readyz` says yes.
    pub ready: bool,
    /// Its process.
    pub pid: Option<i32>,
    /// gRPC endpoint.
    pub grpc: String,
    /// Operations endpoint.
    pub operations: String,
    /// Where the scheme asks in ISO 8583; absent where it does not.
    pub iso8583: Option<String>,
    /// Effects that accounting has not taken over yet; absent when the database does not answer.
    pub outbox_rows: Option<i64>,
}

/// Asks the bank in a directory. One that is not running is not an error here.
pub async fn status(dir: &Path) -> Result<Status, Error> {
    let file = BankFile::load(dir)?;
    let mut nodes = Vec::new();
    let mut primary_bytes = None;
    for node in &file.nodes {
        let position = position(&node.admin_url).await;
        let bytes = position.as_ref().map(|position| position.bytes);
        primary_bytes = primary_bytes.or(bytes);
        nodes.push(NodeStatus {
            name: node.name.clone(),
            role: position.as_ref().map_or(node.role, |position| position.role),
            up: position.is_some(),
            port: node.port,
            pid: node.process.filter(|_| position.is_some()).map(|process| process.pid),
            lag_bytes: primary_bytes.zip(bytes).map(|(primary, own)| (primary - own).max(0)),
            lsn: position.map(|position| position.lsn),
        });
    }
    let mut services = Vec::new();
    for (name, entry) in &file.services {
        let ready = is_up(&file, name).await;
        let auditor_url = entry.database.auditor_urls.first().map_or("", String::as_str);
        services.push(ServiceStatus {
            name: name.clone(),
            ready,
            pid: entry.process.filter(Identity::is_alive).map(|process| process.pid),
            grpc: entry.grpc.clone(),
            operations: entry.operations.clone(),
            iso8583: entry.iso8583.clone(),
            outbox_rows: outbox_rows(auditor_url).await,
        });
    }
    let running = file.is_running();
    Ok(Status {
        dir: file.dir.display().to_string(),
        running,
        state: file.state,
        supervisor_pid: file.supervisor.filter(|_| running).map(|process| process.pid),
        nodes,
        services,
    })
}

/// Whether a node answers or a service is ready.
pub(crate) async fn is_up(file: &BankFile, name: &str) -> bool {
    if let Some(node) = file.nodes.iter().find(|node| node.name == name) {
        return position(&node.admin_url).await.is_some();
    }
    match (file.services.get(name), file.anonymous_trust()) {
        (Some(entry), Ok(trust)) => is_ready(&entry.operations, trust.as_ref()).await,
        _ => false,
    }
}

struct Position {
    role: NodeRole,
    lsn: String,
    bytes: i64,
}

/// Where a node's log is; nothing when it does not answer in time.
async fn position(url: &str) -> Option<Position> {
    let ask = async {
        let mut connection = PgConnection::connect(url).await?;
        let row = sqlx::query(POSITION).fetch_one(&mut connection).await?;
        let in_recovery: bool = row.try_get("in_recovery")?;
        let role = if in_recovery { NodeRole::Replica } else { NodeRole::Primary };
        let position = Position { role, lsn: row.try_get("lsn")?, bytes: row.try_get("bytes")? };
        connection.close().await?;
        Ok::<_, sqlx::Error>(position)
    };
    tokio::time::timeout(LIMIT, ask).await.ok()?.ok()
}

async fn outbox_rows(url: &str) -> Option<i64> {
    let ask = async {
        let mut connection = PgConnection::connect(url).await?;
        let rows = sqlx::query_scalar(OUTBOX_ROWS).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(rows)
    };
    tokio::time::timeout(LIMIT, ask).await.ok()?.ok()
}
