//! The writes: one file = one use case. Each header states round trips, locks, and what a replay returns.
//!
//! Every write but those of `change` is a [`Command`] that a lane decides together with whatever else is waiting; what a
//! file adds is what happens before (sealing, asking deposit) and what the caller gets back.

mod book;
mod change;
mod close;
mod register;
mod register_batch;
mod transition;

pub use book::CustomerBook;
pub use change::{Change, ChangeError, WantedChange, WantedDecision, decide, propose};
pub use close::close;
pub use register::{NewCustomer, register};
pub use register_batch::{BatchRegistered, register_batch};
pub use transition::{Move, transition};

use std::sync::Arc;

use kernel::Clock;
use platform::db::{ReadPool, ReadToken, WritePool};
use platform::lanes::{Committed, LaneError, Lanes};

use crate::clients;
use crate::domain::{Command, Customer, PersonalData, Rejection};
use crate::store::{self, Keys};

/// What every use case works with.
pub struct Context {
    /// Where writes are decided.
    pub lanes: Lanes<CustomerBook>,
    /// Where changes that two people make are written.
    pub writes: WritePool,
    /// Where queries run.
    pub reads: ReadPool,
    /// The deposit service.
    pub deposit: clients::Deposit,
    /// The loan service.
    pub loan: clients::Loan,
    /// The card service.
    pub card: clients::Card,
    /// Seals and opens personal data.
    pub keys: Keys,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// A write that was done, now or at an earlier attempt.
#[derive(Debug)]
pub struct Done {
    /// The customer as the write left it.
    pub customer: Customer,
    /// Who it is.
    pub person: PersonalData,
    /// A read with this token sees it.
    pub token: ReadToken,
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The bank says no.
    #[error("refused")]
    Refused(#[source] Rejection),
    /// The lane gave no outcome.
    #[error("not decided")]
    Lane(#[source] LaneError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] store::Error),
    /// A service that had to be asked first did not answer.
    #[error("a service did not answer")]
    Callee(#[source] clients::Error),
}

impl Context {
    /// Has a lane decide a command, and opens the customer for the answer.
    async fn submit(&self, command: Command) -> Result<Done, CommandError> {
        let kind = command.kind();
        let Committed { outcome, token } =
            self.lanes.submit(command).await.map_err(CommandError::Lane)?;
        book::count(kind, &outcome);
        let customer = outcome.result.map_err(CommandError::Refused)?;
        let person = self.keys.open(customer.id, &customer.sealed).map_err(CommandError::Store)?;
        Ok(Done { customer, person, token })
    }
}
