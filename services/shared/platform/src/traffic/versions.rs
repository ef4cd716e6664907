//! The versions of the limits: kept in the service's database, newest in force, none ever changed.
//!
//! Every instance looks for a newer one each second. What cannot be read is left alone: limits that hold are better than
//! none. Limits that are stored must read for ever: a new field needs a default.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Limits, Traffic};
use crate::Sources;
use crate::db::{Error, Freshness, ReadPool, WriteTx};

/// How often an instance looks for a newer version.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Limits that hold or held, and how they came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub number: i64,
    pub limits: Limits,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub reason: String,
    pub decided_at: DateTime<Utc>,
    pub rolled_back_to: Option<i64>,
}

/// How a version comes about.
#[derive(Debug, Clone)]
pub(super) enum Origin<'a> {
    Approved { approval_id: Uuid, by: &'a str },
    RolledBack { to_version: i64 },
}

/// A version to be.
#[derive(Debug, Clone)]
pub(super) struct NewVersion<'a> {
    pub limits: &'a Limits,
    pub request_id: Uuid,
    pub fingerprint: i64,
    pub origin: Origin<'a>,
    pub proposed_by: &'a str,
    pub reason: &'a str,
    pub decided_at: DateTime<Utc>,
}

const NEWEST: &str = "SELECT version, limits::text AS limits, proposed_by, approved_by, reason, \
         decided_at, rolled_back_to \
     FROM traffic_limits WHERE version < $1 ORDER BY version DESC LIMIT $2";

const OF_REQUEST: &str = "SELECT version, fingerprint FROM traffic_limits WHERE request_id = $1";

/// Two decisions at once would both take the next number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('traffic_limits'))";

const ADD: &str = "INSERT INTO traffic_limits (version, limits, request_id, fingerprint, \
         approval_id, rolled_back_to, proposed_by, approved_by, reason, decided_at) \
     SELECT coalesce(max(version), 0) + 1, $1::jsonb, $2, $3, $4, $5, $6, $7, $8, $9 \
     FROM traffic_limits RETURNING version";

/// At most `count` versions before this one, the newest first.
pub(super) async fn before(
    conn: &mut PgConnection,
    version: i64,
    count: i64,
) -> Result<Vec<Version>, Error> {
    let rows = sqlx::query(NEWEST).bind(version).bind(count).fetch_all(conn).await?;
    rows.iter().map(read).collect()
}

/// The version that holds, if the limits were ever changed.
pub(super) async fn newest(conn: &mut PgConnection) -> Result<Option<Version>, Error> {
    Ok(before(conn, i64::MAX, 1).await?.pop())
}

/// This version.
pub(super) async fn at(conn: &mut PgConnection, version: i64) -> Result<Option<Version>, Error> {
    let found = before(conn, version.saturating_add(1), 1).await?.pop();
    Ok(found.filter(|found| found.number == version))
}

/// Keeps others from adding a version until this transaction ends.
pub(super) async fn lock(tx: &mut WriteTx) -> Result<(), Error> {
    sqlx::query(LOCK).execute(tx.conn()).await?;
    Ok(())
}

/// The version that this request made, and the request's fingerprint.
pub(super) async fn of_request(
    tx: &mut WriteTx,
    request_id: Uuid,
) -> Result<Option<(i64, i64)>, Error> {
    let row = sqlx::query(OF_REQUEST).bind(request_id).fetch_optional(tx.conn()).await?;
    let found = row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?)));
    Ok(found.transpose()?)
}

/// Adds a version; call it under [`lock`].
pub(super) async fn add(tx: &mut WriteTx, new: &NewVersion<'_>) -> Result<i64, Error> {
    let limits = serde_json::to_string(new.limits)
        .map_err(|error| Error::Inconsistent(format!("limits cannot be written: {error}")))?;
    let (approval_id, approved_by, rolled_back_to) = match new.origin {
        Origin::Approved { approval_id, by } => (Some(approval_id), Some(by), None),
        Origin::RolledBack { to_version } => (None, None, Some(to_version)),
    };
    let row = sqlx::query(ADD)
        .bind(limits)
        .bind(new.request_id)
        .bind(new.fingerprint)
        .bind(approval_id)
        .bind(rolled_back_to)
        .bind(new.proposed_by)
        .bind(approved_by)
        .bind(new.reason)
        .bind(new.decided_at)
        .fetch_one(tx.conn())
        .await?;
    Ok(row.try_get("version")?)
}

fn read(row: &PgRow) -> Result<Version, Error> {
    let limits: &str = row.try_get("limits")?;
    let number = row.try_get("version")?;
    Ok(Version {
        number,
        limits: serde_json::from_str(limits)
            .map_err(|error| Error::Inconsistent(format!("limits of version {number}: {error}")))?,
        proposed_by: row.try_get("proposed_by")?,
        approved_by: row.try_get("approved_by")?,
        reason: row.try_get("reason")?,
        decided_at: row.try_get("decided_at")?,
        rolled_back_to: row.try_get("rolled_back_to")?,
    })
}

impl Traffic {
    /// Lets the newest version hold, and each that comes, until `stop`. A failure is logged once when it begins.
    pub async fn follow(self, reads: ReadPool, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.look_for_newer(&reads) => looked,
            };
            if let Err(error) = &looked
                && !failing
            {
                tracing::warn!(error = %Sources(error), "cannot look for newer limits; trying on");
            }
            failing = looked.is_err();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look_for_newer(&self, reads: &ReadPool) -> Result<(), Error> {
        let mut reader = reads.reader(Freshness::Primary).await?;
        let newest = newest(reader.conn()).await?;
        // Another one, not a later one: after a restore from a copy it may be earlier.
        if let Some(newest) = newest.filter(|newest| newest.number != self.in_force().version) {
            self.apply(newest.number, &newest.limits);
            tracing::info!(version = newest.number, by = newest.proposed_by, "other limits hold");
        }
        Ok(())
    }
}
