//! What every use case works with, and how its work ends.

use std::sync::Arc;

use kernel::Clock;
use platform::db::{self, ReadPool, ReadToken, WritePool};
use platform::lanes::{LaneError, Lanes};
use tokio::sync::Notify;

use super::LoanBook;
use crate::clients::{self, Customers, Deposits};
use crate::config::Work;
use crate::domain::{Outcome, Products};

/// What every use case works with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Where writes are decided.
    pub lanes: Lanes<LoanBook>,
    /// What the lanes work on, for the writes that go by themselves.
    pub book: Arc<LoanBook>,
    /// Where those are written.
    pub writes: WritePool,
    /// Where queries run.
    pub reads: ReadPool,
    /// The customer service.
    pub customers: Customers,
    /// The deposit service.
    pub deposits: Deposits,
    /// What loans are made from.
    pub products: Arc<Products>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How movements and ends of days are worked off.
    pub work: Work,
    /// Wakes whoever works off the ends of days.
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
    #[error("not decided")]
    Lane(#[source] LaneError),
    /// The books do not answer.
    #[error("the books do not answer")]
    Database(#[from] db::Error),
    /// A service that had to be asked first gave no answer.
    #[error("{0}")]
    Callee(clients::Error),
    /// The request is accepted, and whether its money has moved is not known yet: asked again, it is found out.
    #[error("the money is on its way: {0}")]
    OnItsWay(OnItsWay),
    /// The answer to a commit was lost: asked again, it is found out.
    #[error("the outcome is not known")]
    Unknown(#[source] db::Error),
    /// Ours.
    #[error("the work was not finished")]
    Fault,
}

/// What a movement waits for.
#[derive(Debug, thiserror::Error)]
pub enum OnItsWay {
    /// Deposit.
    #[error("{0}")]
    Callee(clients::Error),
    /// The lane that was to write down what deposit said.
    #[error("{0}")]
    Lane(LaneError),
}
