//! The register of customers as one batch sees it: what was loaded, and what the batch adds.
//!
//! Commands are decided one after another, each as if it were alone: the second registration of a document in a
//! batch is refused like one that comes a day later, and a request id that stands twice in a batch is answered
//! twice with one outcome. A refusal changes nothing but the list of decisions.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use kernel::{CustomerId, RequestId};

use super::{
    Command, Customer, CustomerStatus, DocumentHash, Fingerprint, Reason, Register, Rejection,
    Request, RequestKind, Standing, Transition,
};

/// What was decided on one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The customer as the command left it, or why not.
    pub result: Result<Customer, Rejection>,
    /// Whether it was decided before, and this is the first outcome given again.
    pub replayed: bool,
}

/// A decision found in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Of the content that was decided on.
    pub fingerprint: Fingerprint,
    /// The customer as it was left then, or why not.
    pub result: Result<Customer, Rejection>,
}

/// A decision to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Id, content, caller, time.
    pub request: Request,
    /// What it asked for.
    pub kind: RequestKind,
    /// The customer registered, moved or named; absent where a registration was refused.
    pub customer_id: Option<CustomerId>,
    /// The customer's version after it, or why not.
    pub result: Result<i64, Rejection>,
}

/// A step to be saved in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRecord {
    /// The customer.
    pub customer_id: CustomerId,
    /// The version that the step made.
    pub version: i64,
    /// Where the customer stood; absent for the registration.
    pub from: Option<CustomerStatus>,
    /// Where it stands.
    pub to: CustomerStatus,
    /// Why.
    pub reason: Reason,
    /// Who asked.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// Everything a batch adds to the books.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New customers, in no particular order.
    pub registered: Vec<Customer>,
    /// Known customers whose standing changed, as it is at the end of the batch.
    pub moved: Vec<(CustomerId, Standing)>,
    /// Every step taken.
    pub transitions: Vec<TransitionRecord>,
    /// Every new decision.
    pub decisions: Vec<Decision>,
}

/// What a batch knows.
#[derive(Debug, Default)]
pub struct Registry {
    customers: HashMap<CustomerId, Customer>,
    documents: HashSet<DocumentHash>,
    decided: HashMap<RequestId, Stored>,
    registered: HashSet<CustomerId>,
    moved: HashSet<CustomerId>,
    transitions: Vec<TransitionRecord>,
    decisions: Vec<Decision>,
}

impl Registry {
    /// Begins with what was loaded: the customers that the commands name, the documents among theirs that are
    /// taken, and the decisions already made on their request ids.
    pub fn new(
        customers: Vec<Customer>,
        documents: HashSet<DocumentHash>,
        decided: HashMap<RequestId, Stored>,
    ) -> Self {
        let customers = customers.into_iter().map(|customer| (customer.id, customer)).collect();
        Self { customers, documents, decided, ..Self::default() }
    }

    /// Decides one command.
    pub fn decide(&mut self, command: &Command) -> Outcome {
        let request = command.request();
        if let Some(stored) = self.decided.get(&request.id) {
            let same = stored.fingerprint == request.fingerprint;
            let result = if same { stored.result.clone() } else { Err(Rejection::RequestIdReused) };
            return Outcome { result, replayed: true };
        }
        let (customer_id, result) = match command {
            Command::Register(register) => {
                let result = self.register(register);
                (result.as_ref().ok().map(|customer| customer.id), result)
            }
            Command::Transition(transition) => {
                (Some(transition.customer_id), self.transition(transition))
            }
        };
        if result == Err(Rejection::RequestIdReused) {
            // Never stored: the id belongs to another request, here or at a service that was asked.
            return Outcome { result, replayed: false };
        }
        self.decisions.push(Decision {
            request: request.clone(),
            kind: command.kind(),
            customer_id,
            result: result.as_ref().map(|customer| customer.standing.version).map_err(|r| *r),
        });
        let stored = Stored { fingerprint: request.fingerprint, result: result.clone() };
        self.decided.insert(request.id, stored);
        Outcome { result, replayed: false }
    }

    /// What is to be saved.
    pub fn into_changes(mut self) -> Changes {
        let registered =
            self.registered.iter().filter_map(|id| self.customers.remove(id)).collect();
        // Whoever was registered and moved in one batch is gone from the map, and saved once, as it now stands.
        let moved = self.moved.iter().filter_map(|id| {
            let customer = self.customers.remove(id)?;
            Some((customer.id, customer.standing))
        });
        let moved = moved.collect();
        Changes { registered, moved, transitions: self.transitions, decisions: self.decisions }
    }

    fn register(&mut self, register: &Register) -> Result<Customer, Rejection> {
        let customer = &register.customer;
        if !self.documents.insert(customer.document_hash) {
            return Err(Rejection::DocumentAlreadyRegistered);
        }
        self.record(&register.request, customer, None);
        self.registered.insert(customer.id);
        self.customers.insert(customer.id, customer.clone());
        Ok(customer.clone())
    }

    fn transition(&mut self, transition: &Transition) -> Result<Customer, Rejection> {
        let customer =
            self.customers.get(&transition.customer_id).ok_or(Rejection::CustomerUnknown)?;
        let from = customer.standing.status;
        let next = from.after(transition.step)?;
        if let Some(objection) = transition.objection {
            return Err(objection);
        }
        let mut customer = customer.clone();
        customer.standing = Standing {
            status: next,
            reason: transition.reason.clone(),
            // The clocks of two processes may differ; the history still goes forward.
            changed_at: transition.request.asked_at.max(customer.standing.changed_at),
            version: customer.standing.version.saturating_add(1),
        };
        self.record(&transition.request, &customer, Some(from));
        self.moved.insert(customer.id);
        self.customers.insert(customer.id, customer.clone());
        Ok(customer)
    }

    fn record(&mut self, request: &Request, customer: &Customer, from: Option<CustomerStatus>) {
        self.transitions.push(TransitionRecord {
            customer_id: customer.id,
            version: customer.standing.version,
            from,
            to: customer.standing.status,
            reason: customer.standing.reason.clone(),
            changed_by: request.caller.clone(),
            changed_at: customer.standing.changed_at,
        });
    }
}
