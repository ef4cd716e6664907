//! Register a customer.
//!
//! Round trips: those of the batch it goes into. Locks: none, as the customer is new; the unique key on the document
//! digest decides between two who come at once. Replay: the customer as it was registered.

use kernel::{CustomerId, RequestId};

use super::{CommandError, Context, Done};
use crate::domain::{
    Command, Customer, CustomerKind, CustomerStatus, DocumentKind, PersonalData, Reason, Register,
    Request, Standing,
};
use crate::store;

/// A customer to register, well-formed.
#[derive(Debug)]
pub struct NewCustomer {
    /// Chosen by the caller.
    pub request_id: RequestId,
    /// Person or company.
    pub kind: CustomerKind,
    /// What kind of document.
    pub document_kind: DocumentKind,
    /// Who it is.
    pub person: PersonalData,
    /// Whether the bank verified it before: then it is ACTIVE at once, else PENDING.
    pub verified: bool,
}

/// Registers one customer.
pub async fn register(ctx: &Context, caller: &str, new: NewCustomer) -> Result<Done, CommandError> {
    let command = prepare(ctx, caller, &new).map_err(CommandError::Store)?;
    ctx.submit(command).await
}

/// Gives the customer an id and seals what identifies it. Done here and not in the lane, so that encryption runs on
/// the callers' tasks and the lane only moves bytes.
pub(super) fn prepare(
    ctx: &Context,
    caller: &str,
    new: &NewCustomer,
) -> Result<Command, store::Error> {
    let status = if new.verified { CustomerStatus::Active } else { CustomerStatus::Pending };
    let person = &new.person;
    let fingerprint = ctx.keys.fingerprint(&[
        b"REGISTER",
        new.kind.as_str().as_bytes(),
        new.document_kind.as_str().as_bytes(),
        status.as_str().as_bytes(),
        person.name.clear().as_bytes(),
        person.document_number.clear().as_bytes(),
        person.phone.as_ref().map_or("", |phone| phone.clear()).as_bytes(),
    ]);
    let now = ctx.clock.now();
    let id = CustomerId::new(now, rand::random());
    let customer = Customer {
        id,
        kind: new.kind,
        document_kind: new.document_kind,
        document_hash: ctx.keys.document_hash(new.document_kind, &person.document_number),
        sealed: ctx.keys.seal(id, person)?,
        registered_at: now,
        standing: Standing { status, reason: Reason::default(), changed_at: now, version: 1 },
    };
    let request =
        Request { id: new.request_id, fingerprint, caller: caller.to_owned(), asked_at: now };
    Ok(Command::Register(Register { request, customer }))
}
