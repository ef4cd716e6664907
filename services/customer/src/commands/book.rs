//! How a lane handles a batch of commands: load → decide → save.
//!
//! Round trips of a batch, whatever its size: begin, lock, probe, save, commit. Locks: the customers named, in order
//! of their id. Replay: the first outcome, refusals included; `requests.request_id` is unique.

use platform::db::{self, WriteTx};
use platform::lanes::Book;

use crate::domain::{Command, Outcome, RequestKind};
use crate::store::write;

/// The book of customers.
pub struct CustomerBook;

impl Book for CustomerBook {
    type Command = Command;
    type Outcome = Outcome;
    const NAME: &'static str = "customer";

    fn lane_key(command: &Command) -> u64 {
        // The last 62 bits of the id are random: any 64 that contain them spread well.
        command.request().id.as_uuid().as_u64_pair().1
    }

    async fn post(
        &self,
        tx: &mut WriteTx,
        commands: &[Command],
    ) -> Result<Vec<Outcome>, db::Error> {
        let mut registry = write::load(tx, commands).await?;
        let outcomes = commands.iter().map(|command| registry.decide(command)).collect();
        write::save(tx, &registry.into_changes()).await?;
        Ok(outcomes)
    }
}

/// Counts an outcome. A replay is no new decision and has a result of its own.
pub(super) fn count(kind: RequestKind, outcome: &Outcome) {
    let result = match (&outcome.result, outcome.replayed) {
        (_, true) => "REPLAYED",
        (Ok(_), false) => "DONE",
        (Err(rejection), false) => rejection.code(),
    };
    match kind {
        RequestKind::Register => {
            metrics::counter!("customer_registrations_total", "result" => result).increment(1);
        }
        RequestKind::Transition(step) => {
            metrics::counter!(
                "customer_transitions_total", "step" => step.as_str(), "result" => result
            )
            .increment(1);
        }
    }
}
