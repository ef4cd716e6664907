//! Proposals and decisions, on a real database.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, RequestId, SystemClock};
use platform::approvals::{self, Decision, Proposal, Refusal, Verdict};
use platform::db::{Database, Error};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testkit::database::TestDatabase;
use uuid::Uuid;

use crate::books;

const KIND: &str = "OPEN_THE_VAULT";
const PAYLOAD: &[u8] = b"from nine to five";

struct Proposed {
    database: TestDatabase,
    books: Database,
    id: Uuid,
    at: DateTime<Utc>,
}

impl Proposed {
    async fn new() -> Self {
        let database = books::fresh().await;
        let books = books::open(&database).await;
        let (id, at) = (RequestId::generate(&SystemClock).as_uuid(), SystemClock.now());
        let proposal = Proposal {
            approval_id: id,
            kind: KIND,
            subject: "vault 1",
            payload: PAYLOAD,
            maker: "teller/1",
            reason: "inventory",
            at,
            expires_at: at + TimeDelta::hours(1),
        };
        let mut tx = books.write_pool().begin().await.unwrap();
        approvals::propose(&mut tx, &proposal).await.unwrap();
        tx.commit().await.unwrap();
        Self { database, books, id, at }
    }

    fn decision<'a>(&self, checker: &'a str, hash: &'a [u8]) -> Decision<'a> {
        Decision {
            approval_id: self.id,
            kind: KIND,
            checker,
            payload_hash: hash,
            verdict: Verdict::Approve,
            at: self.at + TimeDelta::minutes(1),
        }
    }

    async fn decide(&self, decision: Decision<'_>) -> Result<approvals::Decided, Refusal> {
        let mut tx = self.books.write_pool().begin().await.unwrap();
        let decided = approvals::decide(&mut tx, &decision).await.unwrap();
        tx.commit().await.unwrap();
        decided
    }
}

#[tokio::test]
async fn another_person_approves_what_was_proposed_and_only_once() {
    let proposed = Proposed::new().await;
    let hash = approvals::payload_hash(PAYLOAD);

    let decided = proposed.decide(proposed.decision("teller/2", &hash)).await.unwrap();
    let again = proposed.decide(proposed.decision("teller/3", &hash)).await;

    assert_eq!(
        (&*decided.payload, &*decided.maker, &*decided.subject),
        (PAYLOAD, "teller/1", "vault 1")
    );
    assert_eq!(again, Err(Refusal::AlreadyDecided));
}

#[tokio::test]
async fn every_other_decision_is_refused_and_leaves_the_proposal_open() {
    let proposed = Proposed::new().await;
    let (hash, other) = (approvals::payload_hash(PAYLOAD), approvals::payload_hash(b"all night"));
    let good = proposed.decision("teller/2", &hash);
    let late = proposed.at + TimeDelta::hours(1);
    let refused = [
        (Decision { checker: "teller/1", ..good }, Refusal::SamePerson),
        (Decision { payload_hash: &other, ..good }, Refusal::PayloadChanged),
        (Decision { payload_hash: &[], ..good }, Refusal::PayloadChanged),
        (Decision { at: late, ..good }, Refusal::Expired),
        (Decision { kind: "ANOTHER_KIND", ..good }, Refusal::Unknown),
        (
            Decision { approval_id: RequestId::generate(&SystemClock).as_uuid(), ..good },
            Refusal::Unknown,
        ),
    ];

    for (decision, refusal) in refused {
        assert_eq!(proposed.decide(decision).await, Err(refusal));
    }
    let rejected = Decision { verdict: Verdict::Reject, at: late, ..good };
    assert!(proposed.decide(rejected).await.is_ok(), "rejecting is never too late");
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_finds_it_decided() {
    let proposed = Proposed::new().await;
    let hash = approvals::payload_hash(PAYLOAD);

    let (one, other) = tokio::join!(
        proposed.decide(proposed.decision("teller/2", &hash)),
        proposed.decide(proposed.decision("teller/3", &hash)),
    );

    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(), 1);
    assert_eq!(one.err().or(other.err()), Some(Refusal::AlreadyDecided));
}

#[tokio::test]
async fn a_payload_that_was_changed_behind_our_back_is_not_approved() {
    let proposed = Proposed::new().await;
    let mut superuser = PgConnection::connect(&proposed.database.admin_url).await.unwrap();
    superuser.execute("SET session_replication_role = replica").await.unwrap();
    superuser.execute("UPDATE approvals SET payload = 'all night'").await.unwrap();

    let hash = approvals::payload_hash(PAYLOAD);
    let decided = proposed.decide(proposed.decision("teller/2", &hash)).await;

    assert_eq!(decided, Err(Refusal::PayloadChanged));
}

#[tokio::test]
async fn the_database_itself_keeps_proposals_as_they_are() {
    let proposed = Proposed::new().await;
    let hash = approvals::payload_hash(PAYLOAD);
    let mut owner = PgConnection::connect(&proposed.database.admin_url).await.unwrap();
    let mut refused = async |statement: &str| {
        let error = owner.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await;
        let error = error.unwrap_err();
        error.as_database_error().unwrap().code().unwrap().into_owned()
    };

    // 23001: the triggers; 23514: a check.
    assert_eq!(refused("UPDATE approvals SET payload = 'all night'").await, "23001");
    assert_eq!(refused("DELETE FROM approvals").await, "23001");
    assert_eq!(refused("TRUNCATE approvals").await, "23001");
    let by_the_maker =
        "UPDATE approvals SET state = 'APPROVED', checker = maker, decided_at = now()";
    assert_eq!(refused(by_the_maker).await, "23514");
    proposed.decide(proposed.decision("teller/2", &hash)).await.unwrap();
    let once_more = "UPDATE approvals SET state = 'REJECTED'";
    assert_eq!(refused(once_more).await, "23001");
}

#[tokio::test]
async fn an_id_is_proposed_once() {
    let proposed = Proposed::new().await;
    let proposal = Proposal {
        approval_id: proposed.id,
        kind: KIND,
        subject: "vault 2",
        payload: PAYLOAD,
        maker: "teller/1",
        reason: "",
        at: proposed.at,
        expires_at: proposed.at + TimeDelta::hours(1),
    };

    let mut tx = proposed.books.write_pool().begin().await.unwrap();
    let again = approvals::propose(&mut tx, &proposal).await;

    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
}
