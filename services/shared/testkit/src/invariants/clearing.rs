//! V7: of cards, what was cleared is what was posted: each record of a clearing file has what its orders took or gave, and
//! the rest is owed; an authorization is cleared by what was posted for it, no record is taken for two, and what was taken
//! back has gone back; what a holder owes is what was booked; and
//! order by order, what deposit moved is what cards say has moved (`movements`). Of loans: `loans`.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::{Check, Findings, Snapshot, loans, movements};

const CLEARED_ITEMS: &str = include_str!("sql/cleared_items.sql");
const CLEARED_AUTHORIZATIONS: &str = include_str!("sql/cleared_authorizations.sql");
const MATCHED_AUTHORIZATIONS: &str = include_str!("sql/matched_authorizations.sql");
const TAKEN_BACK: &str = include_str!("sql/taken_back.sql");
const CARD_RECEIVABLES: &str = include_str!("sql/card_receivables.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM clearing_items) + (SELECT count(*) FROM orders) \
    + (SELECT count(*) FROM cards)";

pub(super) async fn check(snapshot: &mut Snapshot) -> anyhow::Result<Check> {
    let mut findings = loans::find(&mut snapshot.loan).await?;
    findings.join(find(&mut snapshot.card).await?);
    finish(snapshot, findings).await
}

/// What is in both deposit and card, after what each database shows alone.
pub(super) async fn finish(
    snapshot: &mut Snapshot,
    mut findings: Findings,
) -> anyhow::Result<Check> {
    movements::check_cards(snapshot, &mut findings).await?;
    Ok(findings.into_check(
        "V7",
        "scheduled principal is what was paid out, each loan follows from its entries, and what was cleared is what was posted",
    ))
}

/// What the card service's books show alone.
pub(super) async fn find(card: &mut PgConnection) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *card).await?);
    for item in sqlx::query_as::<_, Record>(CLEARED_ITEMS).fetch_all(&mut *card).await? {
        findings.add(item.describe());
    }
    for one in sqlx::query_as::<_, Explained>(CLEARED_AUTHORIZATIONS).fetch_all(&mut *card).await? {
        findings.add(one.describe());
    }
    let named: Vec<(Uuid, i64, String, String)> =
        sqlx::query_as(MATCHED_AUTHORIZATIONS).fetch_all(&mut *card).await?;
    for (id, matched, named, posted) in named {
        findings.add(format!(
            "authorization {id}: {posted} were posted at once, records named {named} of it, it says {matched}"
        ));
    }
    let reversed: Vec<(Uuid, String, String)> =
        sqlx::query_as(TAKEN_BACK).fetch_all(&mut *card).await?;
    for (id, moved, back) in reversed {
        findings.add(format!(
            "authorization {id} was taken back: {moved} had moved, and {back} go back"
        ));
    }
    let owed: Vec<(Uuid, i64, String)> = sqlx::query_as(CARD_RECEIVABLES).fetch_all(card).await?;
    for (card, receivable, booked) in owed {
        findings.add(format!(
            "card {card}: its holder owes {receivable}, what was booked comes to {booked}"
        ));
    }
    Ok(findings)
}

/// A record that its orders do not explain.
#[derive(sqlx::FromRow)]
struct Record {
    item_id: Uuid,
    status: String,
    amount_minor: i64,
    posted_minor: i64,
    receivable_minor: i64,
    // The sum of bigints is numeric; as text it is compared and shown without loss.
    moved_minor: String,
}

impl Record {
    fn describe(&self) -> String {
        format!(
            "clearing record {} of {}: {} with {} posted and {} owed, its orders moved {}",
            self.item_id,
            self.amount_minor,
            self.status,
            self.posted_minor,
            self.receivable_minor,
            self.moved_minor
        )
    }
}

/// An authorization that is cleared by something else than what was posted for it.
#[derive(sqlx::FromRow)]
struct Explained {
    authorization_id: Uuid,
    status: String,
    amount_minor: i64,
    cleared_minor: i64,
    posted_minor: String,
}

impl Explained {
    fn describe(&self) -> String {
        format!(
            "authorization {} of {}: {} with {} cleared, what was posted for it comes to {}",
            self.authorization_id,
            self.amount_minor,
            self.status,
            self.cleared_minor,
            self.posted_minor
        )
    }
}
