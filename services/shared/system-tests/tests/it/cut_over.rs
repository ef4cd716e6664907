//! Changing the business date (日切) while money moves.

use std::collections::{BTreeMap, BTreeSet};

use proto::accounting::v1 as pb;
use testkit::invariants::Answer;
use uuid::Uuid;

use crate::load::{Load, Record};
use crate::support::*;

const SOME: usize = 60;
const MONDAY: &str = "2026-11-23";
const TUESDAY: &str = "2026-11-24";

async fn a_bank_on_monday() -> Bank {
    Bank::start_with(|options| options.first_business_date = Some(MONDAY.parse().unwrap())).await
}

fn cut_over(from_date: &str) -> pb::CutOverRequest {
    pb::CutOverRequest { request_id: request_id(), from_date: from_date.into() }
}

async fn trial_balance(bank: &Bank, business_date: &str) -> pb::GetTrialBalanceResponse {
    let request = pb::GetTrialBalanceRequest { business_date: business_date.into() };
    bank.accounting(AUDITOR).get_trial_balance(request).await.unwrap().into_inner()
}

/// Waits until the date that was left is closed, which happens by itself.
async fn closed(bank: &Bank) {
    eventually("the old business date is closed", async || {
        let request = pb::GetBusinessDateRequest {};
        let answer = bank.accounting(OPERATOR).get_business_date(request).await.unwrap();
        answer.into_inner().closing_date.is_empty()
    })
    .await;
}

#[tokio::test]
async fn money_moves_on_through_a_cut_over_and_the_day_before_is_closed_and_stays_as_it_is() {
    let bank = a_bank_on_monday().await;
    let accounts = bank.accounts(&[1_000_000; 8]).await;
    let load = Load::start(&bank, accounts);
    load.until_posted(SOME).await;

    let order = cut_over(MONDAY);
    let answer = bank.accounting(OPERATOR).cut_over(order.clone()).await.unwrap().into_inner();
    assert_eq!(answer.business_date, TUESDAY);
    closed(&bank).await;
    let at_closing = trial_balance(&bank, MONDAY).await;
    load.until_posted(SOME).await;
    let record = load.stop().await;
    bank.delivered().await;

    assert!(at_closing.closed);
    assert_eq!(trial_balance(&bank, MONDAY).await, at_closing);
    let tuesday = trial_balance(&bank, TUESDAY).await;
    assert!(!tuesday.closed);
    let movement = |trial: &pb::GetTrialBalanceResponse| -> i64 {
        trial.lines.iter().map(|line| line.debit_minor).sum()
    };
    assert!(movement(&at_closing) > 0 && movement(&tuesday) > 0);
    let balances = |lines: &[pb::TrialBalanceLine], opening: bool| -> BTreeMap<String, i64> {
        let balance = |line: &pb::TrialBalanceLine| {
            if opening { line.opening_minor } else { line.closing_minor }
        };
        lines.iter().map(|line| (line.gl_account.clone(), balance(line))).collect()
    };
    assert_eq!(balances(&tuesday.lines, true), balances(&at_closing.lines, false));
    assert_each_posting_has_one_date(&bank, &record).await;
    record.assert_is_in_the_books(&bank).await;
}

/// None refused; and the date that the client was told is that of both entries and of the journal.
async fn assert_each_posting_has_one_date(bank: &Bank, record: &Record) {
    assert!(record.sent.iter().all(|sent| sent.answer == Answer::Posted));
    let told: BTreeMap<Uuid, String> = record
        .posted()
        .map(|sent| (sent.request.request_id.parse().unwrap(), sent.business_date.clone()))
        .collect();
    let dates: BTreeSet<_> = told.values().map(String::as_str).collect();
    assert_eq!(dates, BTreeSet::from([MONDAY, TUESDAY]));
    let mut deposit = bank.look_into("deposit").await;
    let entries: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT request_id, business_date::text FROM entries WHERE request_id = ANY($1)",
    )
    .bind(record.posted_ids())
    .fetch_all(&mut deposit)
    .await
    .unwrap();
    let mut accounting = bank.look_into("accounting").await;
    let journals: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT journal_id, business_date::text FROM journals WHERE journal_id = ANY($1)",
    )
    .bind(record.posted_ids())
    .fetch_all(&mut accounting)
    .await
    .unwrap();
    assert_eq!((entries.len(), journals.len()), (2 * told.len(), told.len()));
    for (posting, date) in entries.iter().chain(&journals) {
        assert_eq!(told.get(posting), Some(date), "{posting}");
    }
}

#[tokio::test]
async fn a_cut_over_that_is_ordered_twice_skips_no_day() {
    let bank = a_bank_on_monday().await;
    let mut operator = bank.accounting(OPERATOR);
    let order = cut_over(MONDAY);

    let first = operator.cut_over(order.clone()).await.unwrap().into_inner();
    closed(&bank).await;
    let again = operator.cut_over(order).await.unwrap().into_inner();

    assert_eq!((&first, first.business_date.as_str()), (&again, TUESDAY));
    assert_refused(operator.cut_over(cut_over(MONDAY)).await, "BUSINESS_DATE_NOT_CURRENT");
    let now = operator.get_business_date(pb::GetBusinessDateRequest {}).await.unwrap();
    assert_eq!(now.into_inner().business_date, TUESDAY);
    assert!(trial_balance(&bank, MONDAY).await.closed);
}
