//! What was decided on each request about a change: rows of `requests`, like those that the lanes write.

use kernel::{CustomerId, RequestId};
use platform::approvals::Refusal;
use platform::db::{self, WriteTx};
use sqlx::Row;

use super::rows::DONE;
use crate::domain::{Fingerprint, Rejection, Request};

/// What such requests are for, as it is stored.
pub const PROPOSE: &str = "PROPOSE_CHANGE";
/// The other.
pub const DECIDE: &str = "DECIDE_CHANGE";

/// Why a change was not proposed or decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// Because of the customer or the request.
    Customer(Rejection),
    /// Because of the proposal.
    Proposal(Refusal),
}

impl From<Rejection> for ChangeRefusal {
    fn from(rejection: Rejection) -> Self {
        Self::Customer(rejection)
    }
}

/// A decision found in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Of the content that was decided on.
    pub fingerprint: Fingerprint,
    /// Done, or why not.
    pub result: Result<(), ChangeRefusal>,
}

const FIND: &str = "SELECT fingerprint, kind, result FROM requests WHERE request_id = $1";
const RECORD: &str = "
INSERT INTO requests (request_id, fingerprint, decided_at, customer_id, kind, result)
VALUES ($1, $2, $3, $4, $5, $6)";

/// Every refusal and the word under which it is stored: that of its reason to callers.
const REFUSALS: [(ChangeRefusal, &str); 8] = [
    (ChangeRefusal::Customer(Rejection::CustomerNotOpen), "CUSTOMER_NOT_OPEN"),
    (ChangeRefusal::Customer(Rejection::CustomerUnknown), "CUSTOMER_UNKNOWN"),
    (ChangeRefusal::Customer(Rejection::DocumentAlreadyRegistered), "DOCUMENT_ALREADY_REGISTERED"),
    (ChangeRefusal::Proposal(Refusal::AlreadyDecided), "PROPOSAL_ALREADY_DECIDED"),
    (ChangeRefusal::Proposal(Refusal::SamePerson), "PROPOSAL_BY_SAME_PERSON"),
    (ChangeRefusal::Proposal(Refusal::PayloadChanged), "PROPOSAL_CHANGED"),
    (ChangeRefusal::Proposal(Refusal::Expired), "PROPOSAL_EXPIRED"),
    (ChangeRefusal::Proposal(Refusal::Unknown), "PROPOSAL_UNKNOWN"),
];

/// What was decided on this request id.
pub async fn find(tx: &mut WriteTx, id: RequestId) -> Result<Option<Decided>, db::Error> {
    let row = sqlx::query(FIND).bind(id.as_uuid()).fetch_optional(tx.conn()).await?;
    let Some(row) = row else { return Ok(None) };
    let (kind, word): (&str, &str) = (row.try_get("kind")?, row.try_get("result")?);
    let known = REFUSALS.iter().find(|(_, stored)| *stored == word);
    let result = match known {
        // Of another kind: whatever was asked, it was not this.
        _ if kind != PROPOSE && kind != DECIDE => Err(Rejection::RequestIdReused.into()),
        _ if word == DONE => Ok(()),
        Some((refusal, _)) => Err(*refusal),
        None => return Err(db::Error::Inconsistent(format!("no change is refused by {word}"))),
    };
    Ok(Some(Decided { fingerprint: Fingerprint(row.try_get("fingerprint")?), result }))
}

/// Writes down what was decided. The customer is known wherever something was done, and by every proposal.
///
/// # Errors
/// Somebody else has written down an outcome of this request id meanwhile ([`db::Error::Conflict`]), or the database did
/// not answer.
pub async fn record(
    tx: &mut WriteTx,
    kind: &str,
    request: &Request,
    customer: Option<CustomerId>,
    result: Result<(), ChangeRefusal>,
) -> Result<(), db::Error> {
    let word = match result {
        Ok(()) => Some(DONE),
        Err(why) => REFUSALS.iter().find(|(known, _)| *known == why).map(|(_, word)| *word),
    };
    let word = word.ok_or_else(|| db::Error::Inconsistent(format!("no word for {result:?}")))?;
    sqlx::query(RECORD)
        .bind(request.id.as_uuid())
        .bind(request.fingerprint.0)
        .bind(request.asked_at)
        .bind(customer.map(CustomerId::as_uuid))
        .bind(kind)
        .bind(word)
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_stored_under_the_reason_that_callers_see() {
        for (refusal, word) in REFUSALS {
            if let ChangeRefusal::Customer(rejection) = refusal {
                assert_eq!(rejection.code(), word);
            }
        }
    }
}
