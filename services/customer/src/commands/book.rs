//! How a lane handles a batch of commands: load → decide → save.
//!
//! Round trips of a batch, whatever its size: begin, lock, probe, save, commit; two more where somebody was moved, for
//! the audit log. Locks: the customers named, in order of their id; last, the head of the audit log. Replay: the first outcome, refusals included; `requests.request_id` is unique.

use platform::audit;
use platform::db::{self, WriteTx};
use platform::lanes::Book;

use crate::domain::{Command, CustomerStatus, Outcome, RequestKind, TransitionRecord};
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
        let changes = registry.into_changes();
        write::save(tx, &changes).await?;
        write_audit_log(tx, &changes.transitions).await?;
        Ok(outcomes)
    }
}

/// Remembers every step but registrations, whose own rows say as much and which are too many to chain.
async fn write_audit_log(tx: &mut WriteTx, steps: &[TransitionRecord]) -> Result<(), db::Error> {
    let steps: Vec<_> = steps.iter().filter(|step| step.from.is_some()).collect();
    let Some(at) = steps.iter().map(|step| step.changed_at).max() else { return Ok(()) };
    let texts: Vec<_> = steps
        .iter()
        .map(|step| {
            let from = step.from.map_or("NONE", CustomerStatus::as_str);
            let details = format!("{from} to {}, version {}", step.to.as_str(), step.version);
            (step.customer_id.to_string(), details)
        })
        .collect();
    let events: Vec<_> = steps
        .iter()
        .zip(&texts)
        .map(|(step, (subject, details))| audit::Event {
            actor: &step.changed_by,
            action: "CHANGE_CUSTOMER_STATUS",
            subject,
            details,
        })
        .collect();
    audit::append(tx, &events, at).await
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
