//! Part of V4: what cards count as used is what their authorizations imply, and what is authorized is reserved in deposit.
//!
//! An authorization that is approved and not cleared has an active hold on its account with what is not cleared yet; an
//! active hold that says that it is a card's has such an authorization, or is so young that its authorization may still
//! be decided. Whatever an order is about to change is left alone; and what only one snapshot has seen is looked up once
//! more on both sides, since one is taken after the other.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Uuid;
use sqlx::types::chrono::NaiveDate;
use tokio_stream::StreamExt as _;

use super::{Findings, Snapshot};

const CARD_USAGE: &str = include_str!("sql/card_usage.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM usage) + (SELECT count(*) FROM authorizations)";
const CARD_HOLDS: &str = include_str!("sql/card_holds.sql");
const RESERVING: &str = include_str!("sql/card_reservations.sql");
const HOLDS_BY_ID: &str = include_str!("sql/card_holds_by_id.sql");
const RESERVATIONS_BY_ID: &str = include_str!("sql/card_reservations_by_id.sql");

/// Card by card and bucket by bucket.
pub(super) async fn usage(card: &mut PgConnection) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *card).await?);
    let mut wrong = sqlx::query_as::<_, Usage>(CARD_USAGE).fetch(card);
    while let Some(usage) = wrong.try_next().await? {
        findings.add(usage.describe());
    }
    drop(wrong);
    Ok(findings)
}

/// A bucket whose counters its authorizations do not give.
#[derive(sqlx::FromRow)]
struct Usage {
    card_id: Uuid,
    bucket: String,
    day: Option<NaiveDate>,
    counted: Vec<i64>,
    // The sums of bigints are numeric; as text they are compared and shown without loss.
    implied: Vec<String>,
    later: bool,
}

impl Usage {
    fn describe(&self) -> String {
        let (card, bucket) = (self.card_id, &self.bucket);
        let counted: Vec<String> = self.counted.iter().map(ToString::to_string).collect();
        let (counted, implied) = (counted.join(", "), self.implied.join(", "));
        let Some(day) = self.day else {
            return format!("card {card}: {bucket} counts nothing, and was used");
        };
        if self.later {
            return format!("card {card}: {bucket} counts for {day}, and was used later");
        }
        format!(
            "card {card}: {bucket} of {day} counts {counted} (day, times, month, times), its authorizations come to \
             {implied}"
        )
    }
}

/// What one side says is reserved under a hold.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Reserved {
    hold_id: Uuid,
    currency: String,
    account_number: i64,
    remaining_minor: i64,
}

/// What cards say of a hold.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Reservation {
    #[sqlx(flatten)]
    reserved: Reserved,
    authorization_id: Uuid,
    status: String,
    /// Whether an order is about to change it.
    in_motion: bool,
}

impl Reservation {
    fn is_live(&self) -> bool {
        ["APPROVED", "PARTLY_CLEARED"].contains(&self.status.as_str())
    }
}

/// Hold by hold.
pub(super) async fn holds(
    snapshot: &mut Snapshot,
    undecided: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let Snapshot { deposit, card, now, .. } = snapshot;
    let suspects = walk(deposit, card, findings).await?;
    if suspects.is_empty() {
        return Ok(());
    }
    let (held, known) = match now {
        Some(now) => look_again(&mut now.deposit, &mut now.card, &suspects).await?,
        None => (held(deposit, &suspects).await?, known(card, &suspects).await?),
    };
    let oldest_undecided = uuid_of(undecided);
    for hold_id in suspects {
        judge(hold_id, held.get(&hold_id), known.get(&hold_id), oldest_undecided, findings);
    }
    Ok(())
}

/// The first id that a hold may have whose authorization is still to be decided.
fn uuid_of(undecided: Duration) -> Uuid {
    let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let millis = since_epoch.saturating_sub(undecided).as_millis();
    Uuid::from_u128(millis << 80)
}

fn judge(
    hold_id: Uuid,
    held: Option<&Reserved>,
    known: Option<&Reservation>,
    oldest_undecided: Uuid,
    findings: &mut Findings,
) {
    let describe = |reserved: &Reserved| {
        format!(
            "{} {} on account {:016}",
            reserved.remaining_minor, reserved.currency, reserved.account_number
        )
    };
    match (held, known) {
        (_, Some(known)) if known.in_motion => {}
        (Some(held), Some(known)) if known.is_live() && known.reserved != *held => {
            findings.add(format!(
                "authorization {}: {} are not cleared, its hold {hold_id} reserves {}",
                known.authorization_id,
                describe(&known.reserved),
                describe(held)
            ));
        }
        (Some(held), Some(known)) if !known.is_live() => findings.add(format!(
            "authorization {} is {}, its hold {hold_id} still reserves {}",
            known.authorization_id,
            known.status,
            describe(held)
        )),
        (None, Some(known)) if known.is_live() && known.reserved.remaining_minor > 0 => findings
            .add(format!(
                "authorization {}: {} are not cleared, and no hold {hold_id} reserves them",
                known.authorization_id,
                describe(&known.reserved)
            )),
        (Some(held), None) if hold_id < oldest_undecided => findings.add(format!(
            "hold {hold_id} reserves {} for cards, and no authorization knows it",
            describe(held)
        )),
        _ => {}
    }
}

/// Walks both sides in order of the hold's id, side by side; answers those that differ.
async fn walk(
    deposit: &mut PgConnection,
    card: &mut PgConnection,
    findings: &mut Findings,
) -> anyhow::Result<Vec<Uuid>> {
    let mut held = sqlx::query_as::<_, Reserved>(CARD_HOLDS).fetch(deposit);
    let mut known = sqlx::query_as::<_, Reserved>(RESERVING).fetch(card);
    let mut suspects = Vec::new();
    let (mut ours, mut theirs) = tokio::try_join!(held.try_next(), known.try_next())?;
    loop {
        let (mut advance_ours, mut advance_theirs) = (false, false);
        match (&ours, &theirs) {
            (None, None) => return Ok(suspects),
            (Some(held), Some(known)) if held.hold_id == known.hold_id => {
                if held != known {
                    suspects.push(held.hold_id);
                }
                (advance_ours, advance_theirs) = (true, true);
            }
            (Some(held), known) if known.as_ref().is_none_or(|k| held.hold_id < k.hold_id) => {
                suspects.push(held.hold_id);
                advance_ours = true;
            }
            (_, known) => {
                suspects.extend(known.iter().map(|known| known.hold_id));
                advance_theirs = true;
            }
        }
        findings.examined(1);
        if advance_ours {
            ours = held.try_next().await?;
        }
        if advance_theirs {
            theirs = known.try_next().await?;
        }
    }
}

/// What both sides say now. What cards say is asked before and after what deposit says: where it changed meanwhile, it is
/// in motion.
async fn look_again(
    deposit: &mut PgConnection,
    card: &mut PgConnection,
    suspects: &[Uuid],
) -> anyhow::Result<(HashMap<Uuid, Reserved>, HashMap<Uuid, Reservation>)> {
    let before = known(card, suspects).await?;
    let held = held(deposit, suspects).await?;
    let mut after = known(card, suspects).await?;
    for (hold_id, known) in &mut after {
        known.in_motion |= before.get(hold_id) != Some(known);
    }
    Ok((held, after))
}

async fn held(
    deposit: &mut PgConnection,
    suspects: &[Uuid],
) -> anyhow::Result<HashMap<Uuid, Reserved>> {
    let held: Vec<Reserved> = sqlx::query_as(HOLDS_BY_ID).bind(suspects).fetch_all(deposit).await?;
    Ok(held.into_iter().map(|held| (held.hold_id, held)).collect())
}

async fn known(
    card: &mut PgConnection,
    suspects: &[Uuid],
) -> anyhow::Result<HashMap<Uuid, Reservation>> {
    let known: Vec<Reservation> =
        sqlx::query_as(RESERVATIONS_BY_ID).bind(suspects).fetch_all(card).await?;
    Ok(known.into_iter().map(|known| (known.reserved.hold_id, known)).collect())
}
