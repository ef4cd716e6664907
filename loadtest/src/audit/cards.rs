//! V5 of cards: what the gateway answered is what the card service's books say.
//!
//! All that a run has asked carries the run as its acquirer, so nothing that it did not ask can hide. An authorization
//! stands in the books under an id that the bank made; it belongs to the request that was told this id, or whose retrieval
//! reference it has. What followed it is told by its state: cleared of so much, or taken back.
//!
//! 91 says that nothing is reserved in the end: whether the books have a decline, a reversal or nothing is all the same.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use testkit::invariants::{Answer, BookedOutcome, Recorded, RunIds};
use uuid::Uuid;

use crate::iso8583::Trace;
use crate::order::Operation;
use crate::record::{FinalAnswer, Line};
use crate::target::Target;

const POSTED: &str = "POSTED";
const APPROVED: &str = "00";
const UNAVAILABLE: &str = "91";

const AUTHORIZATIONS_OF_RUN: &str = "SELECT authorization_id, retrieval_reference,
        trim(response_code) AS response_code, status, amount_minor, cleared_minor, account_number
    FROM authorizations
    WHERE lpad(acquirer, 11, '0') = $1";

/// What deposit is still being asked. A completion is answered before its money has moved.
const UNDER_WAY: &str = "SELECT count(*) FROM orders WHERE status = 'PENDING'";
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An authorization as the books have it.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Booked {
    authorization_id: Uuid,
    retrieval_reference: Option<String>,
    response_code: Option<String>,
    status: String,
    amount_minor: i64,
    cleared_minor: i64,
    account_number: Option<i64>,
}

/// What a run has asked of cards, and what the books have of it.
pub(super) async fn compared(
    target: &Target,
    run: RunIds,
    lines: &[Line],
    accounts: &[i64],
) -> anyhow::Result<(Vec<Recorded>, Vec<BookedOutcome>)> {
    if lines.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut card = PgConnection::connect(&target.books.card_url).await?;
    settled(&mut card).await?;
    let booked: Vec<Booked> = sqlx::query_as(AUTHORIZATIONS_OF_RUN)
        .bind(Trace::acquirer_of(run.tag))
        .fetch_all(&mut card)
        .await?;
    card.close().await.ok();
    Ok(compare(lines, &booked, accounts))
}

/// Waits until nothing is under way any more. What still is after that is a finding like any other.
async fn settled(card: &mut PgConnection) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let under_way: i64 = sqlx::query_scalar(UNDER_WAY).fetch_one(&mut *card).await?;
        if under_way == 0 || Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn compare(
    lines: &[Line],
    booked: &[Booked],
    accounts: &[i64],
) -> (Vec<Recorded>, Vec<BookedOutcome>) {
    let asked = Asked::of(lines);
    let mut outcomes: Vec<BookedOutcome> = Vec::new();
    let mut undecided: Vec<Uuid> = Vec::new();
    for one in booked {
        let request_id = asked.request_of(one);
        let told = asked.lines.get(&request_id).map(|line| &line.answer);
        let is_reserved = !matches!(one.status.as_str(), "DECLINED" | "REVERSED" | "FENCED");
        if told.is_some_and(is_unavailable) && !is_reserved {
            undecided.push(request_id);
        } else {
            outcomes.push(outcome(request_id, Operation::CardPurchase, one, one.amount_minor));
        }
        // What is not known to have been asked for stands under the authorization's own id.
        let follows = |operation| {
            let known = asked.following.get(&(request_id, operation)).copied();
            known.unwrap_or(one.authorization_id)
        };
        if one.cleared_minor > 0 {
            let id = follows(Operation::CardCompletion);
            outcomes.push(outcome(id, Operation::CardCompletion, one, one.cleared_minor));
        }
        if one.status == "REVERSED" && !told.is_some_and(is_unavailable) {
            let id = follows(Operation::CardReversal);
            outcomes.push(outcome(id, Operation::CardReversal, one, one.amount_minor));
        }
    }
    let known: HashSet<Uuid> = outcomes.iter().map(|one| one.request_id).collect();
    let recorded = lines.iter().filter_map(|line| {
        let id = line.order.request_id;
        // It reserved nothing, and the books either say so or know nothing of it.
        let nothing = is_unavailable(&line.answer) && !known.contains(&id);
        (!nothing && !undecided.contains(&id)).then(|| recorded(line, accounts))
    });
    (recorded.collect(), outcomes)
}

/// The requests of a run, by what the books may know them by.
struct Asked<'a> {
    lines: HashMap<Uuid, &'a Line>,
    by_authorization: HashMap<Uuid, Uuid>,
    /// Those that were never told an id.
    by_reference: HashMap<String, Uuid>,
    following: HashMap<(Uuid, Operation), Uuid>,
}

impl<'a> Asked<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let mut asked = Self {
            lines: lines.iter().map(|line| (line.order.request_id, line)).collect(),
            by_authorization: HashMap::new(),
            by_reference: HashMap::new(),
            following: HashMap::new(),
        };
        for Line { order, answer, .. } in lines {
            let id = order.request_id;
            if let Some(original) = order.subject {
                asked.following.insert((original, order.operation), id);
                continue;
            }
            match answer {
                FinalAnswer::Authorized { authorization_id: Some(told), .. } => {
                    asked.by_authorization.insert(*told, id);
                }
                _ => {
                    asked.by_reference.insert(Trace::of(id).retrieval_reference, id);
                }
            }
        }
        asked
    }

    /// The request that an authorization answers; its own id where there is none.
    fn request_of(&self, booked: &Booked) -> Uuid {
        let by_reference = || {
            let reference = booked.retrieval_reference.as_deref()?.trim_end();
            self.by_reference.get(reference)
        };
        let known = self.by_authorization.get(&booked.authorization_id).or_else(by_reference);
        known.copied().unwrap_or(booked.authorization_id)
    }
}

fn outcome(request_id: Uuid, what: Operation, booked: &Booked, amount_minor: i64) -> BookedOutcome {
    let code = booked.response_code.as_deref().unwrap_or(booked.status.as_str());
    let follows = what != Operation::CardPurchase;
    let result = if follows || code == APPROVED { POSTED } else { code };
    BookedOutcome {
        request_id,
        kind: what.booked_kind().to_owned(),
        result: result.to_owned(),
        debit_account: booked.account_number,
        credit_account: None,
        amount_minor,
    }
}

fn recorded(line: &Line, accounts: &[i64]) -> Recorded {
    let Line { order, answer, .. } = line;
    let account = usize::try_from(order.account).ok().and_then(|index| accounts.get(index));
    Recorded {
        request_id: order.request_id,
        kind: order.operation.booked_kind(),
        debit_account: account.copied(),
        credit_account: None,
        amount_minor: Some(order.amount_minor),
        answer: match answer {
            FinalAnswer::Authorized { code, .. } if code == APPROVED => Answer::Posted,
            FinalAnswer::Authorized { code, .. } if order.subject.is_none() => {
                Answer::Refused(code.clone())
            }
            // What follows and is declined leaves no trace.
            FinalAnswer::Authorized { .. } | FinalAnswer::TurnedAway => Answer::TurnedAway,
            FinalAnswer::Refused(reason) => Answer::Refused(reason.clone()),
            FinalAnswer::Posted => Answer::Posted,
            FinalAnswer::Unknown => Answer::Unknown,
        },
    }
}

fn is_unavailable(answer: &FinalAnswer) -> bool {
    matches!(answer, FinalAnswer::Authorized { code, .. } if code == UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use testkit::invariants::check_record;

    use super::*;
    use crate::order::Order;

    const ACCOUNTS: [i64; 1] = [100];

    fn line(number: u128, operation: Operation, subject: Option<u128>, code: &str) -> Line {
        let authorization_id = subject.is_none().then(|| Uuid::from_u128(number + 1_000));
        Line {
            order: Order {
                request_id: Uuid::from_u128(number),
                operation,
                account: 0,
                counterparty: 0,
                amount_minor: 9,
                subject: subject.map(Uuid::from_u128),
            },
            intended: Duration::ZERO,
            answer: FinalAnswer::Authorized { authorization_id, code: code.to_owned() },
        }
    }

    fn booked(number: u128, code: &str, status: &str, cleared_minor: i64) -> Booked {
        Booked {
            authorization_id: Uuid::from_u128(number + 1_000),
            retrieval_reference: Some(Trace::of(Uuid::from_u128(number)).retrieval_reference),
            response_code: Some(code.to_owned()),
            status: status.to_owned(),
            amount_minor: 9,
            cleared_minor,
            account_number: Some(100),
        }
    }

    fn violations(lines: &[Line], books: &[Booked]) -> Vec<String> {
        let (recorded, outcomes) = compare(lines, books, &ACCOUNTS);
        check_record(recorded, outcomes).violations
    }

    #[test]
    fn approvals_declines_and_what_follows_are_found_in_the_books() {
        let lines = [
            line(1, Operation::CardPurchase, None, "00"),
            line(2, Operation::CardPurchase, None, "51"),
            line(3, Operation::CardPurchase, None, "00"),
            line(4, Operation::CardCompletion, Some(1), "00"),
            line(5, Operation::CardReversal, Some(3), "00"),
        ];
        let books = [
            booked(1, "00", "CLEARED", 9),
            booked(2, "51", "DECLINED", 0),
            booked(3, "00", "REVERSED", 0),
        ];

        assert_eq!(violations(&lines, &books), Vec::<String>::new());
    }

    #[test]
    fn another_code_a_missing_and_a_foreign_authorization_are_found() {
        let asked = [line(1, Operation::CardPurchase, None, "00")];

        assert_eq!(violations(&asked, &[booked(1, "51", "DECLINED", 0)]).len(), 1);
        assert_eq!(violations(&asked, &[]).len(), 1);
        let both = [booked(1, "00", "APPROVED", 0), booked(7, "00", "APPROVED", 0)];
        assert_eq!(violations(&asked, &both).len(), 1);
        // Cleared, and nobody asked for it.
        assert_eq!(violations(&asked, &[booked(1, "00", "CLEARED", 9)]).len(), 1);
        assert_eq!(violations(&asked, &[booked(1, "00", "REVERSED", 0)]).len(), 1);
    }

    #[test]
    fn what_was_answered_91_may_be_anything_but_reserved() {
        let asked = [line(1, Operation::CardPurchase, None, "91")];

        for books in
            [vec![], vec![booked(1, "00", "REVERSED", 0)], vec![booked(1, "91", "DECLINED", 0)]]
        {
            assert_eq!(violations(&asked, &books), Vec::<String>::new());
        }
        assert_eq!(violations(&asked, &[booked(1, "00", "APPROVED", 0)]).len(), 1);
    }

    #[test]
    fn a_request_without_an_answer_is_unknown_whatever_the_books_say() {
        let mut asked = line(1, Operation::CardPurchase, None, "00");
        asked.answer = FinalAnswer::Unknown;

        assert_eq!(violations(&[asked], &[booked(1, "00", "APPROVED", 0)]).len(), 1);
    }
}
