//! Activate, freeze or reject a customer: they differ in the step alone.
//!
//! Round trips: those of the batch it goes into. Locks: the customer's row. Replay: the customer as the step left it,
//! also when it has moved on since.

use kernel::{CustomerId, RequestId};

use super::{CommandError, Context, Done};
use crate::domain::{Command, Reason, Rejection, Request, Step, Transition};

/// A step to take, well-formed.
#[derive(Debug)]
pub struct Move {
    /// Chosen by the caller.
    pub request_id: RequestId,
    /// The customer.
    pub customer_id: CustomerId,
    /// Why; empty where no reason was given.
    pub reason: Reason,
}

/// Takes a step for which no other service has to be asked.
pub async fn transition(
    ctx: &Context,
    caller: &str,
    step: Step,
    wanted: Move,
) -> Result<Done, CommandError> {
    ctx.submit(prepare(ctx, caller, step, wanted, None)).await
}

/// The step as a command. What was found against it is no part of the fingerprint: the caller did not ask it.
pub(super) fn prepare(
    ctx: &Context,
    caller: &str,
    step: Step,
    wanted: Move,
    objection: Option<Rejection>,
) -> Command {
    let fingerprint = ctx.keys.fingerprint(&[
        step.as_str().as_bytes(),
        wanted.customer_id.as_uuid().as_bytes(),
        wanted.reason.as_str().as_bytes(),
    ]);
    let id = wanted.request_id;
    let asked_at = ctx.clock.now();
    Command::Transition(Transition {
        request: Request { id, fingerprint, caller: caller.to_owned(), asked_at },
        customer_id: wanted.customer_id,
        step,
        reason: wanted.reason,
        objection,
    })
}
