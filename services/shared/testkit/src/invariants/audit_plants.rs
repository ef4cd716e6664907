//! What is done to an audit log in the self-test. Each plant leaves the log as a clever saboteur would, so most of them
//! can only be noticed by what was exported.

use sqlx::{Executor as _, PgConnection};

use super::audit::{self, Head};
use super::self_test::SelfTestResult;
use super::{Books, Findings, Snapshot};

const PREPARE: &str = include_str!("sql/planting_audit.sql");
const RECOMPUTE: &str = include_str!("sql/recompute_audit.sql");
const HEAD: &str = "SELECT sequence, encode(hash, 'hex') FROM audit_head";

/// One way in which an audit log can be wrong.
struct Plant {
    what: &'static str,
    statements: &'static [&'static str],
}

const PLANTS: [Plant; 7] = [
    Plant {
        what: "an audit record says that somebody else did it",
        statements: &["UPDATE audit_log SET actor = 'teller/2' WHERE subject = 'plant 3'"],
    },
    Plant {
        what: "an audit record is gone",
        statements: &["DELETE FROM audit_log WHERE subject = 'plant 3'"],
    },
    Plant {
        what: "two audit records have changed places",
        statements: &[
            "ALTER TABLE audit_log DROP CONSTRAINT audit_log_sequence_check",
            "UPDATE audit_log SET sequence = -sequence WHERE subject IN ('plant 3', 'plant 6')",
            "UPDATE audit_log SET sequence = CASE subject WHEN 'plant 3' THEN -sequence + 3 ELSE -sequence - 3 END
            WHERE subject IN ('plant 3', 'plant 6')",
        ],
    },
    Plant {
        what: "an audit record was put in",
        statements: &["INSERT INTO audit_log
            SELECT sequence + 1, recorded_at, actor, action, 'more', details, hash, hash
            FROM audit_log ORDER BY sequence DESC LIMIT 1"],
    },
    Plant {
        what: "the end of the audit log is cut off, its head moved back",
        statements: &[
            "DELETE FROM audit_log WHERE subject IN ('plant 7', 'plant 8')",
            "UPDATE audit_head SET (sequence, hash)
            = (SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1)",
        ],
    },
    Plant {
        what: "an audit record is changed and the whole chain computed anew",
        statements: &["UPDATE audit_log SET details = 'nothing to see' WHERE subject = 'plant 3'", RECOMPUTE],
    },
    Plant {
        what: "the audit log is emptied, its head reset",
        statements: &[
            "DELETE FROM audit_log",
            "UPDATE audit_head SET sequence = 0, hash = decode(repeat('00', 32), 'hex')",
        ],
    },
];

/// Plants each in each service's log, and takes it back.
pub(super) async fn all(admin: &Books) -> anyhow::Result<Vec<SelfTestResult>> {
    let mut results = Vec::new();
    for plant in &PLANTS {
        let mut snapshot = Snapshot::take_for_planting(admin).await?;
        let Snapshot { deposit, loan, card, accounting, customer, .. } = &mut snapshot;
        let mut missed = Vec::new();
        for (service, connection) in [
            ("customer", customer),
            ("deposit", deposit),
            ("loan", loan),
            ("card", card),
            ("accounting", accounting),
        ] {
            if !is_found(service, connection, plant).await? {
                missed.push(service);
            }
        }
        snapshot.roll_back().await?;
        let found = missed.is_empty();
        let detail = if found {
            "V9 reported it in each service".to_owned()
        } else {
            format!("V9 did not report it in {}", missed.join(", "))
        };
        results.push(SelfTestResult { invariant: "V9", planted: plant.what, found, detail });
    }
    Ok(results)
}

/// Whether the log is whole before, and not after.
async fn is_found(
    service: &str,
    connection: &mut PgConnection,
    plant: &Plant,
) -> anyhow::Result<bool> {
    connection.execute(PREPARE).await?;
    let (sequence, hash) = sqlx::query_as(HEAD).fetch_one(&mut *connection).await?;
    let exported = [Head::new(service, sequence, hash)];
    let mut before = Findings::default();
    audit::check_one(service, connection, &exported, &mut before).await?;
    for statement in plant.statements {
        connection.execute(*statement).await?;
    }
    let mut after = Findings::default();
    audit::check_one(service, connection, &exported, &mut after).await?;
    Ok(audit::into_check(before).passed && !audit::into_check(after).passed)
}
