//! When the bank decided what it was asked, by its own books: whether anything was begun after its deadline.
//!
//! Asked before anything is asked for again, as that would be decided late on purpose.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use testkit::invariants::RunIds;
use uuid::Uuid;

use crate::target::Target;

const DECIDED: &str = "SELECT request_id, decided_at FROM outcomes
    WHERE request_id BETWEEN $1 AND $2 AND substring(uuid_send(request_id) FROM 13) = $3";

/// Decisions after the deadline of those who asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Late {
    /// How many were decided.
    pub decided: u64,
    /// Of those, after their deadline.
    pub after_deadline: u64,
    /// How long after the deadline the latest of them was, milliseconds; 0 where there is none. A batch decides when it
    /// has loaded what it needs, which is about half a batch after it began.
    pub latest_ms: i64,
}

/// All decisions on the ids of this run so far.
pub async fn decisions(target: &Target, run: RunIds) -> anyhow::Result<Vec<(Uuid, DateTime<Utc>)>> {
    let mut deposit = PgConnection::connect(&target.books.deposit_url).await?;
    let rows = sqlx::query_as(DECIDED)
        .bind(run.first)
        .bind(run.last)
        .bind(run.tag.as_slice())
        .fetch_all(&mut deposit)
        .await?;
    deposit.close().await.ok();
    Ok(rows)
}

impl Late {
    /// Of the requests that were sent in this time. An id says when it was made, and it is made when it is sent.
    pub fn of(
        decisions: &[(Uuid, DateTime<Utc>)],
        sent: &Range<DateTime<Utc>>,
        deadline: Duration,
    ) -> Self {
        let deadline_ms = i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX);
        let sent = sent.start.timestamp_millis()..sent.end.timestamp_millis();
        let mut late = Self::default();
        for (id, decided_at) in decisions {
            let asked_ms = made_ms(*id);
            if !sent.contains(&asked_ms) {
                continue;
            }
            late.decided += 1;
            let over = decided_at.timestamp_millis() - asked_ms - deadline_ms;
            if over > 0 {
                late.after_deadline += 1;
                late.latest_ms = late.latest_ms.max(over);
            }
        }
        late
    }
}

/// When a UUIDv7 was made, milliseconds since 1970.
fn made_ms(id: Uuid) -> i64 {
    let (high, _) = id.as_u64_pair();
    i64::try_from(high >> 16).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn made_at(ms: u64) -> Uuid {
        Uuid::from_u64_pair(ms << 16 | 0x7000, 0x8000_0000_0000_0000)
    }

    #[test]
    fn a_decision_after_the_deadline_is_told_and_others_are_not() {
        let decisions = [
            (made_at(10_000), at(10_900)),
            (made_at(10_000), at(11_000)),
            (made_at(10_500), at(11_530)),
            // Sent before the step.
            (made_at(9_000), at(99_000)),
        ];

        let late = Late::of(&decisions, &(at(10_000)..at(20_000)), Duration::from_secs(1));

        assert_eq!(late, Late { decided: 3, after_deadline: 1, latest_ms: 30 });
    }
}
