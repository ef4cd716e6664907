//! What a bank that works shows of itself, against the page that explains it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proto::accounting::v1 as accounting;
use scheme::Mti;
use tonic::Code;

use crate::clearing::{file, record, report};
use crate::issuing::purchase;
use crate::lending::apply;
use crate::line::code;
use crate::support::*;

const PAGE: &str = include_str!("../../../../../docs/reference/metrics.md");
const SERVICES: [&str; 5] = ["customer", "deposit", "loan", "card", "accounting"];

/// A row of the page.
#[derive(Debug)]
struct Row {
    kind: String,
    labels: BTreeSet<String>,
    services: Vec<&'static str>,
    rare: bool,
}

/// What a service shows under one name.
#[derive(Debug, Default)]
struct Shown {
    kind: String,
    help: String,
    /// Labels and value of each series, as it is written. Of histograms the counts only.
    series: Vec<(BTreeMap<String, String>, String)>,
}

fn page() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let words = |cell: &str| -> Vec<String> {
            cell.split(['`', ' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let within = words(cells[4]);
        let says = |word: &str| within.iter().any(|one| one == word);
        let row = Row {
            kind: words(cells[2])[0].clone(),
            labels: words(cells[3]).into_iter().filter(|label| label != "none").collect(),
            services: SERVICES.into_iter().filter(|name| says("all") || says(name)).collect(),
            rare: says("rare"),
        };
        assert!(!row.services.is_empty(), "{line}");
        rows.insert(words(cells[1])[0].clone(), row);
    }
    assert!(rows.len() > 40, "the page is not read as it is written");
    rows
}

/// What `/metrics` of a service answers to an operator.
async fn shown(bank: &Bank, service: &str) -> BTreeMap<String, Shown> {
    let file = bank.file();
    let url = format!("{}/metrics", file.service(service).unwrap().operations);
    let trust = file.trust(OPERATOR).unwrap();
    let (code, text) =
        testkit::http::get(&url, trust.as_ref(), Duration::from_secs(20)).await.unwrap();
    assert_eq!(code, 200);
    read(&text)
}

/// Reads the text format of Prometheus.
fn read(text: &str) -> BTreeMap<String, Shown> {
    let mut found: BTreeMap<String, Shown> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix("# ") {
            let (what, rest) = said.split_once(' ').unwrap();
            let (name, said) = rest.split_once(' ').unwrap();
            let shown = found.entry(name.to_owned()).or_default();
            *if what == "TYPE" { &mut shown.kind } else { &mut shown.help } = said.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap();
        let Some(name) = counted(&found, name) else { continue };
        let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (key, value) = label.split_once("=\"").unwrap();
            (key.to_owned(), value.trim_end_matches('"').to_owned())
        });
        let labels = labels.filter(|(key, _)| key != "service").collect();
        found.get_mut(&name).unwrap().series.push((labels, value.to_owned()));
    }
    found
}

/// Whose series this is; none where it is one of the other series of a histogram.
fn counted(found: &BTreeMap<String, Shown>, name: &str) -> Option<String> {
    let of_histogram = |series: &str| {
        let base = name.strip_suffix(series)?;
        found.get(base).is_some_and(|shown| shown.kind == "histogram").then(|| base.to_owned())
    };
    match of_histogram("_count") {
        None if of_histogram("_bucket").or(of_histogram("_sum")).is_some() => None,
        None => Some(name.to_owned()),
        histogram => histogram,
    }
}

/// Where page and bank differ.
async fn differences(bank: &Bank) -> Vec<String> {
    let (page, mut wrong) = (page(), Vec::new());
    for service in SERVICES {
        let shown = shown(bank, service).await;
        for (name, shown) in &shown {
            let Some(row) = page.get(name) else {
                wrong.push(format!("{service}: {name} is not on the page"));
                continue;
            };
            if row.kind != shown.kind || shown.help.is_empty() || !row.services.contains(&service) {
                wrong.push(format!("{service}: {name} is {shown:?} and not {row:?}"));
            }
            for (labels, _) in &shown.series {
                if labels.keys().cloned().collect::<BTreeSet<_>>() != row.labels {
                    wrong.push(format!("{service}: {name} has the labels {labels:?}"));
                }
            }
        }
        let asked = page.iter().filter(|(_, row)| !row.rare && row.services.contains(&service));
        for (name, _) in asked.filter(|(name, _)| !shown.contains_key(*name)) {
            wrong.push(format!("{service}: {name} is not shown"));
        }
    }
    wrong
}

/// Customers come, money moves, the bank lends some, says no, somebody asks again.
async fn busy(bank: &Bank) {
    let accounts = bank.accounts(&[1_000, 0]).await;
    let (from, to) = (accounts[0].as_str(), accounts[1].as_str());
    bank.transfer(from, to, 100).await.unwrap();
    assert_refused(bank.transfer(from, to, 5_000).await, "INSUFFICIENT_FUNDS");
    let again = transfer(from, to, 7);
    for _ in 0..3 {
        bank.channel_of(from).transfer(again.clone()).await.unwrap();
    }
    bank.balance(from).await;
    lend(bank).await;
    pay_by_card(bank).await;
    bank.delivered().await;
}

/// A purchase that is cleared and settled, one that is taken back and one that is declined, over gRPC and over ISO 8583.
async fn pay_by_card(bank: &Bank) {
    let card = bank.card_holder(0).await;
    bank.deposit(TELLER).deposit_cash(cash_in(&card.account, 10_000)).await.unwrap();
    let taken_back = bank.authorize(purchase(&card, 100)).await;
    assert_eq!(taken_back.response_code, "00");
    bank.reverse(&taken_back.authorization_id).await.unwrap();
    let mut line = bank.signed_on().await;
    let bought = line.purchase(Mti::AUTHORIZATION, &card, 200);
    assert_eq!(code(&line.ask(&bought).await), "00");
    let too_much = line.purchase(Mti::AUTHORIZATION, &card, 20_000);
    assert_eq!(code(&line.ask(&too_much).await), "51");
    let records = [record(&card, &bought, 200)];
    bank.clear("METRICS", file("METRICS", &records)).await;
    bank.cleared("METRICS").await;
    bank.carried_out().await;
    bank.settle(report("METRICS", &records).write().unwrap()).await;
}

/// A loan that is paid out, and an application that is refused.
async fn lend(bank: &Bank) {
    let borrower = bank.borrower(0).await;
    let loan = bank.approved(&borrower, 1_000_000).await;
    bank.disburse(&loan.loan_id).await.unwrap();
    let nothing = apply(&borrower, 1);
    assert_refused(bank.loan(TELLER).apply_for_loan(nothing).await, "AMOUNT_OUT_OF_RANGE");
}

/// The sum of a metric's series with these labels, which must be whole numbers.
fn value(shown: &BTreeMap<String, Shown>, name: &str, labels: &[(&str, &str)]) -> i64 {
    let is = |of: &BTreeMap<String, String>| {
        labels.iter().all(|(key, value)| of.get(*key).is_some_and(|known| known == value))
    };
    let series = shown.get(name).map(|shown| shown.series.as_slice()).unwrap_or_default();
    series.iter().filter(|(of, _)| is(of)).map(|(_, value)| value.parse::<i64>().unwrap()).sum()
}

#[tokio::test]
async fn every_metric_is_on_the_page_and_what_is_on_the_page_is_shown() {
    let bank = Bank::start().await;
    busy(&bank).await;

    let deadline = Instant::now() + PATIENCE;
    let mut wrong = differences(&bank).await;
    while !wrong.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        wrong = differences(&bank).await;
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn business_is_counted_once_whatever_is_repeated() {
    let bank = Bank::start().await;
    busy(&bank).await;

    let deposit = shown(&bank, "deposit").await;
    let of = |name, labels: &[(&str, &str)]| value(&deposit, name, labels);
    let transfers = [("kind", "TRANSFER"), ("currency", "CNY")];
    assert_eq!(of("deposit_posted_total", &transfers), 2);
    assert_eq!(of("deposit_posted_minor_total", &transfers), 107);
    assert_eq!(of("deposit_posted_minor_total", &[("kind", "ACCOUNT_OPENED")]), 1_000);
    let refused = [("kind", "TRANSFER"), ("reason", "INSUFFICIENT_FUNDS")];
    assert_eq!(of("deposit_refused_total", &refused), 1);
    assert_eq!(of("deposit_replayed_total", &[]), 2);
    let calls = [("method", "Transfer"), ("code", "OK"), ("caller", "channel")];
    assert_eq!(of("rpc_requests_total", &calls), 4);
    let accounting = shown(&bank, "accounting").await;
    let booked = value(&accounting, "accounting_events_booked_total", &[("kind", "TRANSFERRED")]);
    assert_eq!(booked, 2);
}

#[tokio::test]
async fn what_is_under_way_and_a_closed_date_show() {
    let bank = Bank::start_with(|options| {
        options.first_business_date = Some("2026-11-23".parse().unwrap());
    })
    .await;
    busy(&bank).await;
    let account = bank.accounts(&[1_000]).await.remove(0);
    bank.channel_of(&account).place_hold(hold(&account, 10)).await.unwrap();

    let order =
        accounting::CutOverRequest { request_id: request_id(), from_date: "2026-11-23".to_owned() };
    bank.accounting(OPERATOR).cut_over(order).await.unwrap();

    eventually("the closed date ties out, and everybody has the next one", async || {
        let accounting = shown(&bank, "accounting").await;
        let deposit = shown(&bank, "deposit").await;
        let tuesday = 1_795_478_400;
        value(&accounting, "accounting_tie_out_agrees", &[]) == 1
            && value(&accounting, "accounting_tie_out_difference_minor", &[]) == 0
            && value(&accounting, "accounting_cut_over_unconfirmed_sources", &[]) == 0
            && value(&accounting, "accounting_business_date_seconds", &[]) == tuesday
            && value(&deposit, "deposit_business_date_seconds", &[]) == tuesday
            && value(&deposit, "deposit_holds_active", &[]) == 1
            && value(&deposit, "outbox_rows", &[]) == 0
    })
    .await;
}

#[tokio::test]
async fn a_bank_that_counts_nothing_shows_nothing() {
    let bank = Bank::start_with(|options| {
        options.overrides = vec!["deposit.telemetry.metrics=false".parse().unwrap()];
    })
    .await;

    let status = bank.deposit(TELLER).transfer(transfer("1", "2", 1)).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(shown(&bank, "deposit").await.is_empty());
    assert!(!shown(&bank, "customer").await.is_empty());
}
