//! V5: what a client was answered is what the books say, once, and the books hold nothing under the client's ids
//! that the client did not send.
//!
//! The client writes its record on its own side, so this check does not believe the bank. An answer that never
//! came must have been found out by sending the same request again; until then the check does not pass.

use std::cmp::Ordering;
use std::iter::Peekable;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::{Books, Check, Findings};

const OUTCOMES_OF_RUN: &str = include_str!("sql/outcomes_of_run.sql");

/// What a client was told of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Posted,
    /// Refused, with the reason.
    Refused(String),
    /// Turned away before anything was decided: shed, or not understood. Must not be in the books.
    TurnedAway,
    /// No answer, or one that does not tell. A violation when it is still so at the end.
    Unknown,
}

/// One request as the client recorded it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The id that the client chose.
    pub request_id: Uuid,
    /// What was asked, as the books call it: "TRANSFER".
    pub kind: &'static str,
    /// The account to be debited; `None` where the request names none.
    pub debit_account: Option<i64>,
    /// The account to be credited; `None` where the request names none.
    pub credit_account: Option<i64>,
    /// Minor units; `None` where the request has no amount.
    pub amount_minor: Option<i64>,
    /// What the bank said.
    pub answer: Answer,
}

/// One request as the books have it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BookedOutcome {
    /// The request.
    pub request_id: Uuid,
    /// What was asked: "TRANSFER".
    pub kind: String,
    /// "POSTED", or the reason of the refusal.
    pub result: String,
    /// The account debited.
    pub debit_account: Option<i64>,
    /// The account credited.
    pub credit_account: Option<i64>,
    /// Minor units; 0 where there is none.
    pub amount_minor: i64,
}

/// How to recognise the ids that one client made in one run: UUIDv7 between two ids, whose last four bytes are
/// the run's own tag.
#[derive(Debug, Clone, Copy)]
pub struct RunIds {
    /// Not greater than the first id of the run.
    pub first: Uuid,
    /// Not smaller than the last id of the run.
    pub last: Uuid,
    /// The last four bytes of each.
    pub tag: [u8; 4],
}

/// Reads every outcome whose request id belongs to the run.
///
/// # Errors
/// The database cannot be read.
pub async fn outcomes_of_run(books: &Books, run: RunIds) -> anyhow::Result<Vec<BookedOutcome>> {
    let mut connection = PgConnection::connect(&books.deposit_url).await?;
    let mut rows = sqlx::query_as::<_, BookedOutcome>(OUTCOMES_OF_RUN)
        .bind(run.first)
        .bind(run.last)
        .bind(run.tag.as_slice())
        .fetch(&mut connection);
    let mut outcomes = Vec::new();
    while let Some(outcome) = rows.try_next().await? {
        outcomes.push(outcome);
    }
    drop(rows);
    connection.close().await?;
    Ok(outcomes)
}

/// Compares a client's record with the books. Both in any order; `outcomes` must hold all that the books have
/// under the client's ids, and nothing else.
pub fn check_record(
    record: impl IntoIterator<Item = Recorded>,
    outcomes: impl IntoIterator<Item = BookedOutcome>,
) -> Check {
    let mut sent: Vec<Recorded> = record.into_iter().collect();
    let mut booked: Vec<BookedOutcome> = outcomes.into_iter().collect();
    sent.sort_by_key(|request| request.request_id);
    booked.sort_by_key(|outcome| outcome.request_id);

    let mut findings = Findings::default();
    findings.examined(i64::try_from(sent.len()).unwrap_or(i64::MAX));
    let mut booked = booked.into_iter().peekable();
    let mut previous = None;
    for request in &sent {
        if previous == Some(request.request_id) {
            findings.add(format!("request {}: twice in the client's record", request.request_id));
            continue;
        }
        previous = Some(request.request_id);
        report_foreign(&mut booked, Some(request.request_id), &mut findings);
        let mut found = Vec::new();
        while let Some(outcome) = booked.next_if(|next| next.request_id == request.request_id) {
            found.push(outcome);
        }
        compare(request, &found, &mut findings);
    }
    report_foreign(&mut booked, None, &mut findings);
    findings.into_check(
        "V5",
        "what the client was answered is in the books exactly once, and nothing else is",
    )
}

/// Everything before `until` was never sent by this client.
fn report_foreign(
    booked: &mut Peekable<impl Iterator<Item = BookedOutcome>>,
    until: Option<Uuid>,
    findings: &mut Findings,
) {
    let earlier = |next: &BookedOutcome| {
        until.is_none_or(|until| next.request_id.cmp(&until) == Ordering::Less)
    };
    while let Some(outcome) = booked.next_if(earlier) {
        findings.add(format!(
            "request {}: the books have {} {}, the client never sent it",
            outcome.request_id, outcome.kind, outcome.result
        ));
    }
}

fn compare(request: &Recorded, found: &[BookedOutcome], findings: &mut Findings) {
    let id = request.request_id;
    let kind = request.kind;
    let [outcome] = found else {
        let count = found.len();
        match (&request.answer, count) {
            (Answer::TurnedAway, 0) => {}
            (Answer::Unknown, _) => {
                findings.add(format!(
                    "request {id}: {kind} was never resolved, the books have it {count}×"
                ));
            }
            (answer, _) => {
                let answer = answer.describe();
                findings.add(format!(
                    "request {id}: {kind} was answered {answer}, the books have it {count}×"
                ));
            }
        }
        return;
    };
    let expected = match &request.answer {
        Answer::Posted => "POSTED",
        Answer::Refused(reason) => reason.as_str(),
        Answer::TurnedAway => "nothing",
        Answer::Unknown => "a resolution",
    };
    if expected != outcome.result {
        findings.add(format!(
            "request {id}: {kind} was answered {}, the books say {}",
            request.answer.describe(),
            outcome.result
        ));
    } else if let Some(difference) = difference(request, outcome) {
        findings.add(format!("request {id}: {difference}"));
    }
}

/// What the books have otherwise than the client asked for, of a posted request.
fn difference(request: &Recorded, outcome: &BookedOutcome) -> Option<String> {
    if request.kind != outcome.kind {
        return Some(format!(
            "the client asked for {}, the books have {}",
            request.kind, outcome.kind
        ));
    }
    if request.answer != Answer::Posted {
        return None;
    }
    let pairs = [
        ("the amount", request.amount_minor, Some(outcome.amount_minor)),
        ("the debited account", request.debit_account, outcome.debit_account),
        ("the credited account", request.credit_account, outcome.credit_account),
    ];
    pairs.into_iter().find_map(|(what, asked, booked)| {
        let asked = asked?;
        if Some(asked) == booked {
            return None;
        }
        let booked = booked.map_or_else(|| "none".to_owned(), |figure| figure.to_string());
        Some(format!("{what} was {asked} in the request and is {booked} in the books"))
    })
}

impl Answer {
    fn describe(&self) -> &str {
        match self {
            Self::Posted => "POSTED",
            Self::Refused(reason) => reason,
            Self::TurnedAway => "turned away",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
