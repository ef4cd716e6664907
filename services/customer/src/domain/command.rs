//! What callers want, parsed and complete: nothing in here needs the network, a key or the clock any more.

use chrono::{DateTime, Utc};
use kernel::{CustomerId, RequestId};

use super::{Customer, Reason, Rejection, Step};

/// First 8 bytes of a keyed digest over a request's content: tells a replay from another request under the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub i64);

/// What every command carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the caller; the same id always gets the same answer.
    pub id: RequestId,
    /// Of the content.
    pub fingerprint: Fingerprint,
    /// Who asks, for the history.
    pub caller: String,
    /// When it came in.
    pub asked_at: DateTime<Utc>,
}

/// What a request id was used for, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Register a customer.
    Register,
    /// Take a step through the life cycle.
    Transition(Step),
}

impl RequestKind {
    /// The name under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Transition(step) => step.as_str(),
        }
    }
}

/// Register a customer. The id is given beforehand, because the sealed fields are bound to it; a replay gives the
/// first customer's id and this one is never used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Id, content, caller, time.
    pub request: Request,
    /// The customer as it will stand at version 1: PENDING, or ACTIVE where it was verified before.
    pub customer: Customer,
}

/// Move a customer through the life cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Id, content, caller, time.
    pub request: Request,
    /// The customer.
    pub customer_id: CustomerId,
    /// The step.
    pub step: Step,
    /// Why.
    pub reason: Reason,
    /// What was found against it before it came to be decided, such as open products. Final even where it has gone
    /// since: whoever found it did not prepare the step.
    pub objection: Option<Rejection>,
}

/// What a lane decides and saves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Register a customer.
    Register(Register),
    /// Move a customer through the life cycle.
    Transition(Transition),
}

impl Command {
    /// Id, content, caller, time.
    pub fn request(&self) -> &Request {
        match self {
            Self::Register(register) => &register.request,
            Self::Transition(transition) => &transition.request,
        }
    }

    /// What the request id is used for.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Register(_) => RequestKind::Register,
            Self::Transition(transition) => RequestKind::Transition(transition.step),
        }
    }
}
