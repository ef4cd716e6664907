//! What every use case works with, and how its work ends.

use std::sync::Arc;

use kernel::Clock;
use platform::db::{self, ReadPool, ReadToken, WritePool};
use platform::lanes::{LaneError, Lanes};
use platform::protection::SearchKey;
use tokio::sync::Notify;

use super::{CardBook, Lookups};
use crate::clients::{self, Customers, Deposits};
use crate::config::Work;
use crate::domain::{Outcome, Products};
use crate::keys::CardKeys;
use crate::store::Keys;

/// What every use case works with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Where writes are decided.
    pub lanes: Lanes<CardBook>,
    /// Where cards are found by their numbers.
    pub lookups: Lookups,
    /// Where those writes go that go by themselves.
    pub writes: WritePool,
    /// Where queries run.
    pub reads: ReadPool,
    /// The customer service.
    pub customers: Customers,
    /// The deposit service.
    pub deposits: Deposits,
    /// What cards are made from.
    pub products: Arc<Products>,
    /// Seals numbers and PINs, and finds cards.
    pub keys: Keys,
    /// What PINs and CVV2s are computed with.
    pub card_keys: Arc<dyn CardKeys>,
    /// Of which ids and fingerprints are made.
    pub search: Arc<SearchKey>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How what was decided is carried out.
    pub work: Work,
    /// Wakes whoever gives orders to deposit.
    pub woken: Arc<Notify>,
}

/// A request that was done, now or at an earlier attempt.
#[derive(Debug)]
pub struct Done {
    /// What was decided.
    pub outcome: Outcome,
    /// A read with this token sees it.
    pub token: ReadToken,
}

/// Why a request has no outcome. A refusal is one.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The lane gave no outcome.
    #[error("not decided: {0}")]
    Lane(#[from] LaneError),
    /// The books do not answer.
    #[error("the books do not answer")]
    Database(#[from] db::Error),
    /// A service that had to be asked first gave no answer.
    #[error("{0}")]
    Callee(clients::Error),
    /// The answer to a commit was lost: asked again, it is found out.
    #[error("the outcome is not known")]
    Unknown(#[source] db::Error),
    /// Ours.
    #[error("the work was not finished")]
    Fault,
}
