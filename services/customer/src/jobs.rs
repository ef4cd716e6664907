//! Replacing the key that seals personal data, while the service runs.
//!
//! Safe to stop at any point and to run again: each step is a database transaction, and the next run finds how far the
//! last one came. Rows are sealed again 500 at a time under their locks, so nobody waits long.

use kernel::CustomerId;
use platform::db::{self, WritePool};
use platform::protection::data_keys::{self, KeysError, SEEN_BY_ALL, Step};
use uuid::Uuid;

use crate::store::{self, Keys, reseal};

const ROWS: i64 = 500;
/// Who does it, in the audit log: whoever may run the program with the service's settings.
const ACTOR: &str = "service/customer";

/// Why a rotation stopped. Running it again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The rows.
    #[error("the rows cannot be sealed again")]
    Store(#[from] store::Error),
    /// The database.
    #[error("the database did not answer")]
    Database(#[from] db::Error),
}

/// Makes a new data key, seals every customer with it, and destroys the keys before it. Tells `progress` what it does.
pub async fn rotate_data_key(
    pool: &WritePool,
    keys: &Keys,
    progress: impl Fn(&str),
) -> Result<(), RotationError> {
    if data_keys::begin_rotation(pool, keys.data(), ACTOR).await? == Step::NextIsKnown {
        progress("a new key is there; waiting until every instance of the service knows it");
        tokio::time::sleep(SEEN_BY_ALL).await;
        data_keys::promote(pool, ACTOR).await?;
    }
    progress("the new key seals; waiting until every instance uses it");
    tokio::time::sleep(SEEN_BY_ALL).await;
    keys.data().refresh(pool).await?;
    reseal_all(pool, keys, &progress).await?;
    for old in data_keys::old_keys(pool).await? {
        if destroy(pool, old).await? {
            progress(&format!("key {old} is destroyed: nothing names it any more"));
        } else {
            progress(&format!("key {old} stays: something still names it; run this again later"));
        }
    }
    Ok(())
}

async fn reseal_all(
    pool: &WritePool,
    keys: &Keys,
    progress: &impl Fn(&str),
) -> Result<(), RotationError> {
    let mut tx = pool.begin().await?;
    let all = reseal::count_customers(&mut tx).await?;
    tx.rollback().await;
    let (mut after, mut done) = (CustomerId::from_uuid(Uuid::nil()), 0);
    loop {
        let mut tx = pool.begin().await?;
        let Some((last, count)) = reseal::reseal_some(&mut tx, keys, after, ROWS).await? else {
            tx.rollback().await;
            progress(&format!(
                "{done} of {all} customers were sealed again; the others were already"
            ));
            return Ok(());
        };
        // A lost answer does not matter: what was not committed is found again by the next run.
        tx.commit().await.map_err(|db::CommitError::Unknown(error)| error)?;
        (after, done) = (last, done + count);
        if done % 10_000 < count {
            progress(&format!("{done} of {all} customers"));
        }
    }
}

async fn destroy(pool: &WritePool, old: Uuid) -> Result<bool, RotationError> {
    let mut tx = pool.begin().await?;
    if !data_keys::lock_old(&mut tx, old).await? || reseal::names_key(&mut tx, old).await? {
        tx.rollback().await;
        return Ok(false);
    }
    data_keys::destroy(&mut tx, old, ACTOR).await?;
    tx.commit().await.map_err(|db::CommitError::Unknown(error)| error)?;
    Ok(true)
}

/// Wraps the data keys with the key-encryption key in use. Answers how many were wrapped by another.
pub async fn rewrap_data_keys(
    pool: &WritePool,
    wrapping: &platform::protection::Keyring,
) -> Result<u64, RotationError> {
    Ok(data_keys::rewrap(pool, wrapping, ACTOR).await?)
}
