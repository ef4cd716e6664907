//! Envelope encryption: data keys lie in the database, each wrapped by a key-encryption key that does not.
//!
//! A data key is replaced while the service runs: the next one becomes known to every instance (NEXT), then seals
//! (WRITING), what the one before sealed is sealed again, and in the end that one is destroyed. Every instance looks at
//! the keys each second, and a step is only taken when all have had time to see the one before. A key-encryption key
//! is replaced by wrapping every data key anew; no field is touched.
//!
//! Invariant: a row that is written names a key that is not destroyed. Whoever writes holds the key's row
//! ([`hold`]), whoever destroys it locks that row first and looks for rows that name it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use kernel::{Clock as _, SystemClock};
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{DataKey, Error, Keyring, Place, random_key};
use crate::audit::{self, Event};
use crate::db::{self, WritePool, WriteTx};

/// How often instances look at the keys.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After this every instance has seen a change of the keys.
pub const SEEN_BY_ALL: Duration = Duration::from_secs(5);
const WRAPPED: &str = "data_keys.wrapped_key";

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database did not answer.
    #[error("the data keys cannot be read")]
    Database(#[from] db::Error),
    /// The key-encryption keys do not open them.
    #[error("data key {0} cannot be opened with the key-encryption keys of [protection]: {1}")]
    Wrapped(Uuid, #[source] Error),
    /// No key could be made.
    #[error(transparent)]
    Protection(#[from] Error),
}

impl From<sqlx::Error> for KeysError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The data keys of one service. Cheap to clone; every clone sees a rotation.
#[derive(Debug, Clone)]
pub struct DataKeys {
    wrapping: Arc<Keyring>,
    ring: Arc<ArcSwap<Keyring>>,
}

const LOAD: &str = "
SELECT key_id, wrapped_key, state
FROM data_keys
WHERE state <> 'DESTROYED'
ORDER BY created_at";
const INSERT: &str = "
INSERT INTO data_keys (key_id, wrapped_key, wrapped_by, state, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT DO NOTHING";
const HOLD: &str = "
SELECT count(*)
FROM (SELECT FROM data_keys WHERE key_id = ANY($1) AND state <> 'DESTROYED' FOR KEY SHARE) AS held";

impl DataKeys {
    /// Opens the keys with the key-encryption keys `wrapping`; makes the first one where there is none.
    ///
    /// # Errors
    /// The database does not answer, or a key does not open.
    pub async fn open(pool: &WritePool, wrapping: Keyring) -> Result<Self, KeysError> {
        let mut loaded = load(pool, &wrapping).await?;
        if loaded.is_none() {
            let mut tx = pool.begin().await?;
            insert(&mut tx, &wrapping, "WRITING", SystemClock.now()).await?;
            tx.commit().await.map_err(lost)?;
            loaded = load(pool, &wrapping).await?;
        }
        let ring = loaded.ok_or_else(|| db::Error::Inconsistent("no data key seals".into()))?;
        Ok(Self { wrapping: Arc::new(wrapping), ring: Arc::new(ArcSwap::from_pointee(ring)) })
    }

    /// Keys that were not read from a database, for tests of what uses them.
    pub fn fixed(ring: Keyring, wrapping: Keyring) -> Self {
        Self { wrapping: Arc::new(wrapping), ring: Arc::new(ArcSwap::from_pointee(ring)) }
    }

    /// The keys as they are now.
    pub fn ring(&self) -> Arc<Keyring> {
        self.ring.load_full()
    }

    /// Reads the keys again.
    ///
    /// # Errors
    /// As [`open`](Self::open); the keys that were known stay.
    pub async fn refresh(&self, pool: &WritePool) -> Result<(), KeysError> {
        if let Some(ring) = load(pool, &self.wrapping).await? {
            self.ring.store(Arc::new(ring));
        }
        Ok(())
    }

    /// Follows rotations until told to stop.
    pub async fn follow(self, pool: WritePool, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.refresh(&pool).await {
                tracing::warn!(%error, "the data keys could not be read again");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Makes sure that none of the keys that sealed these values is destroyed before the transaction ends.
///
/// # Errors
/// One is destroyed already: what it sealed must not be written.
pub async fn hold<'a>(
    tx: &mut WriteTx,
    sealed: impl Iterator<Item = &'a [u8]>,
) -> Result<(), db::Error> {
    let mut ids: Vec<Uuid> = sealed.filter_map(key_id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let held: i64 = sqlx::query_scalar(HOLD).bind(&ids).fetch_one(tx.conn()).await?;
    if usize::try_from(held) == Ok(ids.len()) {
        return Ok(());
    }
    Err(db::Error::Inconsistent("a value is sealed with a key that is no more".into()))
}

/// The data key that sealed a value.
pub fn key_id(sealed: &[u8]) -> Option<Uuid> {
    Uuid::try_parse_ascii(Keyring::key_id(sealed)?).ok()
}

/// The steps of a rotation, each in one database transaction, each safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A next key is there; wait [`SEEN_BY_ALL`], then call [`promote`].
    NextIsKnown,
    /// The next key seals; wait [`SEEN_BY_ALL`], then seal again what old keys sealed.
    Sealing,
}

/// Begins a rotation, or finds how far an earlier one came.
///
/// # Errors
/// The database does not answer.
pub async fn begin_rotation(
    pool: &WritePool,
    keys: &DataKeys,
    actor: &str,
) -> Result<Step, KeysError> {
    let mut tx = pool.begin().await?;
    let states: Vec<String> =
        sqlx::query_scalar("SELECT state FROM data_keys FOR UPDATE").fetch_all(tx.conn()).await?;
    let has = |state: &str| states.iter().any(|known| known == state);
    if has("NEXT") || has("OLD") {
        tx.rollback().await;
        return Ok(if has("NEXT") { Step::NextIsKnown } else { Step::Sealing });
    }
    let now = SystemClock.now();
    let id = insert(&mut tx, &keys.wrapping, "NEXT", now).await?;
    remember(&mut tx, actor, "CREATE_DATA_KEY", id, now).await?;
    tx.commit().await.map_err(lost)?;
    Ok(Step::NextIsKnown)
}

/// Lets the next key seal. Repeated, it changes nothing.
///
/// # Errors
/// The database does not answer.
pub async fn promote(pool: &WritePool, actor: &str) -> Result<(), KeysError> {
    let mut tx = pool.begin().await?;
    let now = SystemClock.now();
    let next: Option<Uuid> =
        sqlx::query_scalar("SELECT key_id FROM data_keys WHERE state = 'NEXT' FOR UPDATE")
            .fetch_optional(tx.conn())
            .await?;
    let Some(next) = next else {
        tx.rollback().await;
        return Ok(());
    };
    for statement in [
        "UPDATE data_keys SET state = 'OLD', changed_at = $1 WHERE state = 'WRITING'",
        "UPDATE data_keys SET state = 'WRITING', changed_at = $1 WHERE state = 'NEXT'",
    ] {
        sqlx::query(statement).bind(now).execute(tx.conn()).await?;
    }
    remember(&mut tx, actor, "USE_DATA_KEY", next, now).await?;
    tx.commit().await.map_err(lost)?;
    Ok(())
}

/// The keys that seal no more.
///
/// # Errors
/// The database does not answer.
pub async fn old_keys(pool: &WritePool) -> Result<Vec<Uuid>, KeysError> {
    let mut tx = pool.begin().await?;
    let old = sqlx::query_scalar("SELECT key_id FROM data_keys WHERE state = 'OLD'")
        .fetch_all(tx.conn())
        .await?;
    tx.rollback().await;
    Ok(old)
}

/// Locks an old key against everybody who would write a row that names it. Nobody does once this returns, so the caller
/// can look whether a row names it, and then [`destroy`] it in the same transaction.
///
/// # Errors
/// The database does not answer.
pub async fn lock_old(tx: &mut WriteTx, id: Uuid) -> Result<bool, db::Error> {
    let lock = "SELECT key_id FROM data_keys WHERE key_id = $1 AND state = 'OLD' FOR UPDATE";
    let locked: Option<Uuid> = sqlx::query_scalar(lock).bind(id).fetch_optional(tx.conn()).await?;
    Ok(locked.is_some())
}

/// Destroys a key that was locked. What it sealed opens never again.
///
/// # Errors
/// The database does not answer.
pub async fn destroy(tx: &mut WriteTx, id: Uuid, actor: &str) -> Result<(), db::Error> {
    let now = SystemClock.now();
    sqlx::query(
        "UPDATE data_keys SET state = 'DESTROYED', wrapped_key = NULL, changed_at = $2 \
         WHERE key_id = $1",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    remember(tx, actor, "DESTROY_DATA_KEY", id, now).await
}

/// Wraps every data key with the key-encryption key that is in use. Answers how many were wrapped by another.
///
/// # Errors
/// The database does not answer, or a key does not open with any key-encryption key.
pub async fn rewrap(pool: &WritePool, wrapping: &Keyring, actor: &str) -> Result<u64, KeysError> {
    let mut tx = pool.begin().await?;
    let now = SystemClock.now();
    let rows = sqlx::query(
        "SELECT key_id, wrapped_key FROM data_keys \
         WHERE wrapped_key IS NOT NULL AND wrapped_by <> $1 ORDER BY key_id FOR UPDATE",
    )
    .bind(wrapping.writing_id())
    .fetch_all(tx.conn())
    .await?;
    let mut count = 0;
    for row in rows {
        let (id, wrapped): (Uuid, Vec<u8>) = (row.try_get("key_id")?, row.try_get("wrapped_key")?);
        let clear =
            wrapping.open(place(id), &wrapped).map_err(|error| KeysError::Wrapped(id, error))?;
        sqlx::query(
            "UPDATE data_keys SET wrapped_key = $2, wrapped_by = $3, changed_at = $4 \
             WHERE key_id = $1",
        )
        .bind(id)
        .bind(wrapping.seal(place(id), clear.expose())?)
        .bind(wrapping.writing_id())
        .bind(now)
        .execute(tx.conn())
        .await?;
        remember(&mut tx, actor, "REWRAP_DATA_KEY", id, now).await?;
        count += 1;
    }
    tx.commit().await.map_err(lost)?;
    Ok(count)
}

async fn load(pool: &WritePool, wrapping: &Keyring) -> Result<Option<Keyring>, KeysError> {
    let mut tx = pool.begin().await?;
    let rows = sqlx::query(LOAD).fetch_all(tx.conn()).await?;
    tx.rollback().await;
    let (mut writing, mut others) = (None, Vec::new());
    for row in rows {
        let (id, wrapped): (Uuid, Vec<u8>) = (row.try_get("key_id")?, row.try_get("wrapped_key")?);
        let state: String = row.try_get("state")?;
        let opened =
            wrapping.open(place(id), &wrapped).map_err(|error| KeysError::Wrapped(id, error))?;
        let key = DataKey::from_bytes(&id.simple().to_string(), opened.expose())?;
        if state == "WRITING" {
            writing = Some(key);
        } else {
            others.push(key);
        }
    }
    Ok(writing.map(|writing| Keyring::try_new(writing, others)).transpose()?)
}

async fn insert(
    tx: &mut WriteTx,
    wrapping: &Keyring,
    state: &str,
    now: DateTime<Utc>,
) -> Result<Uuid, KeysError> {
    let id = super::random_id()?;
    let wrapped = wrapping.seal(place(id), random_key()?.expose())?;
    sqlx::query(INSERT)
        .bind(id)
        .bind(wrapped)
        .bind(wrapping.writing_id())
        .bind(state)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(id)
}

async fn remember(
    tx: &mut WriteTx,
    actor: &str,
    action: &str,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), db::Error> {
    let event = Event { actor, action, subject: &id.to_string(), details: "" };
    audit::append(tx, &[event], at).await
}

fn place(id: Uuid) -> Place {
    Place { row: id, column: WRAPPED }
}

/// Whether a lost commit happened is found out by the next look.
fn lost(error: db::CommitError) -> KeysError {
    let db::CommitError::Unknown(error) = error;
    KeysError::Database(error)
}
