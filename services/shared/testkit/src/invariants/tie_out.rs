//! V3: per product and currency, deposit balances equal the general ledger's control account, and so do the principal
//! and the interest receivable of loans, and what the holders of cards owe (总分核对); allowance, what is noted off the
//! balance sheet and what moves between loans and accounts equal theirs over all loans, and so over all cards does what
//! is owed to the scheme, settled with it or differs from it; and posting by posting, what deposit, loan and card booked
//! is what accounting booked, on the same business date.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::chart::{self, Control};
use super::postings::{self, Source};
use super::{Check, Findings, Snapshot, movements};

const CONTROL_BALANCES: &str = include_str!("sql/control_balances.sql");
const BOOKED_BY: &str = include_str!("sql/booked_by.sql");

/// A service whose books the general ledger sums up.
struct SubLedger {
    source: Source,
    /// What it holds.
    balances: &'static [&'static str],
    /// What some of its postings did.
    moved_by: &'static str,
}

const DEPOSIT: SubLedger = SubLedger {
    source: Source {
        name: "deposit",
        postings: include_str!("sql/posted_movements.sql"),
        posted_now: "SELECT request_id FROM outcomes WHERE request_id = ANY($1) AND result = 'POSTED'",
    },
    balances: &[include_str!("sql/product_balances.sql")],
    moved_by: include_str!("sql/moved_by.sql"),
};

const LOAN: SubLedger = SubLedger {
    source: Source {
        name: "loan",
        postings: concat!(
            include_str!("sql/loan_effects.sql"),
            include_str!("sql/loan_postings.sql")
        ),
        posted_now: "SELECT accrual_id FROM accruals WHERE accrual_id = ANY($1)",
    },
    balances: &[
        include_str!("sql/loan_balances.sql"),
        concat!(include_str!("sql/loan_effects.sql"), include_str!("sql/loan_settled.sql")),
    ],
    moved_by: concat!(include_str!("sql/loan_effects.sql"), include_str!("sql/loan_moved_by.sql")),
};

const CARD: SubLedger = SubLedger {
    source: Source {
        name: "card",
        postings: concat!(
            include_str!("sql/card_effects.sql"),
            include_str!("sql/card_postings.sql")
        ),
        posted_now: "SELECT booking_id FROM bookings WHERE booking_id = ANY($1)",
    },
    balances: &[
        include_str!("sql/card_balances.sql"),
        concat!(include_str!("sql/card_effects.sql"), include_str!("sql/card_settled.sql")),
    ],
    moved_by: concat!(include_str!("sql/card_effects.sql"), include_str!("sql/card_moved_by.sql")),
};

/// By product, part and currency, minor units; a credit balance is positive.
type Totals = BTreeMap<(String, String, String), i128>;
/// The same as a database answers it. Sums come as text, because the sum of bigints is numeric.
type Rows = Vec<(String, String, String, String)>;

pub(super) async fn check(snapshot: &mut Snapshot) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    let of_products = chart::controls()?;
    let all: Vec<Control> = of_products.iter().cloned().chain(chart::of_all()).collect();
    let Snapshot { deposit, loan, card, accounting, now, .. } = snapshot;
    let (deposit_now, loan_now, card_now) = match now {
        Some(now) => (Some(&mut now.deposit), Some(&mut now.loan), Some(&mut now.card)),
        None => (None, None, None),
    };

    let mut sub_ledger = Totals::new();
    let mut late = Vec::new();
    // What deposit books between a loan, or the scheme, and an account stands on one side of an account that controls
    // nothing.
    let sides = [
        (&DEPOSIT, &mut *deposit, deposit_now, &of_products),
        (&LOAN, &mut *loan, loan_now, &all),
        (&CARD, &mut *card, card_now, &all),
    ];
    for (of, books, now, controls) in sides {
        let accounts: Vec<String> = controls.iter().map(|c| c.gl_account.clone()).collect();
        let unsettled =
            postings::compare(of.source, (books, now), (accounting, &accounts), &mut findings)
                .await?;
        for balances in of.balances {
            add(&mut sub_ledger, sqlx::query_as(*balances).fetch_all(&mut *books).await?, 1)?;
        }
        let on_the_way = rows_of(books, of.moved_by, &unsettled.on_the_way).await?;
        add(&mut sub_ledger, on_the_way, -1)?;
        late.extend(unsettled.late);
    }

    let mut ledger = Totals::new();
    let balances = sqlx::query_as(CONTROL_BALANCES).fetch_all(&mut *accounting).await?;
    add(&mut ledger, by_control(balances, &all), 1)?;
    let booked_late = booked_by(accounting, &late).await?;
    add(&mut ledger, by_control(booked_late, &all), -1)?;
    compare_totals(&sub_ledger, &ledger, &all, &mut findings);
    movements::check(snapshot, &mut findings).await?;
    Ok(findings.into_check(
        "V3",
        "deposit, loan and card balances equal the control accounts, and each posting has its journal",
    ))
}

async fn rows_of(
    books: &mut PgConnection,
    moved_by: &'static str,
    ids: &[Uuid],
) -> anyhow::Result<Rows> {
    if ids.is_empty() {
        return Ok(Rows::new());
    }
    Ok(sqlx::query_as(moved_by).bind(ids).fetch_all(books).await?)
}

async fn booked_by(
    accounting: &mut PgConnection,
    ids: &[Uuid],
) -> anyhow::Result<Vec<(String, String, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(BOOKED_BY).bind(ids).fetch_all(accounting).await?)
}

/// From ledger accounts to what they sum up; other accounts do not matter here.
fn by_control(rows: Vec<(String, String, String)>, controls: &[Control]) -> Rows {
    rows.into_iter()
        .filter_map(|(gl_account, currency, sum)| {
            let control = controls.iter().find(|control| control.gl_account == gl_account)?;
            Some((control.product.clone(), control.part.clone(), currency, sum))
        })
        .collect()
}

fn add(totals: &mut Totals, rows: Rows, sign: i128) -> anyhow::Result<()> {
    for (product, part, currency, sum) in rows {
        let sum: i128 = sum.parse()?;
        *totals.entry((product, part, currency)).or_default() += sign * sum;
    }
    Ok(())
}

fn compare_totals(
    sub_ledger: &Totals,
    ledger: &Totals,
    controls: &[Control],
    findings: &mut Findings,
) {
    let keys: BTreeSet<_> = sub_ledger.keys().chain(ledger.keys()).collect();
    for key in keys {
        findings.examined(1);
        let (product, part, currency) = key;
        let (ours, theirs) =
            (sub_ledger.get(key).copied().unwrap_or(0), ledger.get(key).copied().unwrap_or(0));
        let control = controls.iter().find(|c| c.product == *product && c.part == *part);
        let Some(control) = control else {
            findings
                .add(format!("product {product}: the chart has no control account for its {part}"));
            continue;
        };
        if ours != theirs {
            findings.add(format!(
                "{part} of {product} in {currency}: balances sum to {ours}, ledger account {} says {theirs}",
                control.gl_account
            ));
        }
    }
}
