//! The invariants of the books, tried on whatever comes: V1 (journals and trial balance balance), and that nothing but
//! the figures decides which side of the tie-out is right.

use std::collections::BTreeMap;

use kernel::{BusinessDate, Currency, Money, PositiveMoney, PostingId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn rulebook() -> Rulebook {
    let chart = include_str!("../../books/chart.toml");
    let rules = include_str!("../../books/rules.toml");
    load(
        SourceText { name: "chart.toml", text: chart },
        SourceText { name: "rules.toml", text: rules },
    )
    .unwrap()
}

fn date(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn money(minor: i64, currency: Currency) -> PositiveMoney {
    PositiveMoney::try_new(Money::new(minor, currency)).unwrap()
}

fn currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec![Currency::CNY, Currency::USD, Currency::JPY])
}

prop_compose! {
    fn lines(max: i64)(
        account in prop::sample::select(vec!["1001", "2011", "3001"]),
        debit: bool, minor in 1..=max, currency in currencies(),
    ) -> JournalLine {
        let side = if debit { Side::Debit } else { Side::Credit };
        JournalLine { account: GlAccount::from_code(account), side, amount: money(minor, currency) }
    }
}

/// The amounts that an event of this kind may have.
fn amounts_of(kind: EventKind) -> &'static [AmountKind] {
    use AmountKind::{Compound, Fee, Interest, Penalty, Principal, Provision};
    match kind {
        EventKind::CardCredited
        | EventKind::CardDebited
        | EventKind::CardDifference
        | EventKind::CardReceivable
        | EventKind::CashDeposited
        | EventKind::CashWithdrawn
        | EventKind::HoldCaptured
        | EventKind::Transferred
        | EventKind::LoanDisbursed
        | EventKind::LoanSettledFromAccount
        | EventKind::LoanSettledToAccount
        | EventKind::LoanWrittenOff => &[Principal],
        EventKind::CardSettled => &[Principal, Fee],
        EventKind::LoanInterestAccrued
        | EventKind::LoanInterestReceived
        | EventKind::LoanInterestRemoved => &[Interest, Penalty, Compound],
        EventKind::LoanMemo | EventKind::LoanRecovered => &[Principal, Interest, Penalty, Compound],
        EventKind::LoanProvisioned => &[Provision],
        EventKind::LoanRepaid => &[Principal, Interest, Penalty, Compound, Fee],
    }
}

/// What an event of this kind is about: an account, a loan, or a card.
fn product_of(kind: EventKind) -> &'static str {
    let of_loan = kind.code().starts_with("LOAN_") && !kind.code().starts_with("LOAN_SETTLED_");
    match kind {
        EventKind::CardDifference | EventKind::CardReceivable | EventKind::CardSettled => "DEBIT",
        _ if of_loan => "CONSUMER",
        _ => "CURRENT",
    }
}

prop_compose! {
    fn events()(
        id: u128, kind in prop::sample::select(EventKind::ALL.to_vec()), reversal: bool,
        minors in prop::collection::vec(1..=1_000_000_000_000_i64, 5), first: prop::sample::Index,
        currency in currencies(),
    ) -> Event {
        // Not all that it may have, but at least the last.
        let kinds = amounts_of(kind);
        let kinds = &kinds[first.index(kinds.len())..];
        let amounts = kinds.iter().zip(minors).map(|(kind, minor)| (*kind, money(minor, currency)));
        Event {
            posting: PostingId::from_uuid(Uuid::from_u128(id)),
            kind,
            product: product_of(kind).to_owned(),
            counter_product: (kind == EventKind::Transferred).then(|| "CURRENT".to_owned()),
            currency,
            amounts: amounts.collect(),
            reversal,
            value_date: date("2026-11-23"),
        }
    }
}

fn journal(lines: Vec<JournalLine>) -> Result<BalancedJournal, JournalError> {
    let (posting, day) = (PostingId::from_uuid(Uuid::from_u128(7)), date("2026-11-23"));
    BalancedJournal::try_new(posting, (EventKind::Transferred, false), day, day, lines)
}

/// Debits less credits per currency, in a width where nothing overflows.
fn net(lines: &[JournalLine]) -> BTreeMap<Currency, i128> {
    let mut net = BTreeMap::new();
    for line in lines {
        let signed = match line.side {
            Side::Debit => i128::from(line.amount.minor()),
            Side::Credit => i128::from(line.amount.minor()).checked_neg().unwrap(),
        };
        let sum = net.entry(line.amount.currency()).or_insert(0_i128);
        *sum = sum.checked_add(signed).unwrap();
    }
    net
}

proptest! {
    #[test]
    fn v1_a_journal_exists_exactly_if_its_lines_balance_in_every_currency(
        lines in prop::collection::vec(lines(3), 2..8),
    ) {
        let balanced = net(&lines).values().all(|net| *net == 0);

        prop_assert_eq!(journal(lines).is_ok(), balanced);
    }

    #[test]
    fn v1_lines_and_their_mirror_image_always_balance(
        half in prop::collection::vec(lines(1_000_000), 1..8),
    ) {
        let mirrored = half.iter().map(|line| JournalLine {
            side: line.side.opposite(),
            ..line.clone()
        });
        let lines: Vec<_> = half.iter().cloned().chain(mirrored).collect();

        prop_assert!(journal(lines).is_ok());
    }

    #[test]
    fn v1_every_event_that_is_booked_leaves_the_trial_balance_at_zero(
        days in prop::collection::vec(prop::collection::vec(events(), 0..20), 1..4),
    ) {
        let rulebook = rulebook();
        let mut openings: BTreeMap<(GlAccount, Currency), i64> = BTreeMap::new();
        let mut day = date("2026-11-23");
        for events in days {
            let mut turnovers = Turnovers::default();
            for event in &events {
                turnovers.add(&rulebook.journal(event, day).unwrap()).unwrap();
            }
            let lines: Vec<_> = turnovers
                .iter()
                .map(|(account, currency, _, turnover)| TrialBalanceLine {
                    account: account.clone(),
                    currency,
                    opening_minor: openings.get(&(account.clone(), currency)).copied().unwrap_or(0),
                    turnover,
                })
                .collect();
            for line in &lines {
                openings.insert((line.account.clone(), line.currency), line.closing_minor().unwrap());
            }
            let untouched = openings.iter().filter(|((account, currency), _)| {
                !lines.iter().any(|line| line.account == *account && line.currency == *currency)
            });
            let untouched = untouched.map(|((account, currency), opening)| TrialBalanceLine {
                account: account.clone(),
                currency: *currency,
                opening_minor: *opening,
                turnover: Turnover::default(),
            });
            let lines: Vec<_> = untouched.chain(lines.iter().cloned()).collect();

            let trial_balance = TrialBalance { date: day, closed: false, lines };
            prop_assert!(trial_balance.balances(), "{:?}", trial_balance);
            day = day.next().unwrap();
        }
    }

    #[test]
    fn v1_an_event_and_its_reversal_leave_nothing(event in events()) {
        let rulebook = rulebook();
        let reversal = Event { reversal: !event.reversal, ..event.clone() };
        let day = date("2026-11-23");
        let mut lines = rulebook.journal(&event, day).unwrap().lines().to_vec();
        lines.extend_from_slice(rulebook.journal(&reversal, day).unwrap().lines());

        let mut by_account: BTreeMap<GlAccount, Vec<JournalLine>> = BTreeMap::new();
        for line in lines {
            by_account.entry(line.account.clone()).or_default().push(line);
        }
        for lines in by_account.values() {
            prop_assert!(net(lines).values().all(|net| *net == 0));
        }
    }
}

#[test]
fn a_journal_needs_two_lines() {
    assert_eq!(journal(Vec::new()), Err(JournalError::TooFewLines));
}

#[test]
fn a_side_that_cannot_be_summed_is_refused_and_does_not_wrap() {
    let line = |side, minor| JournalLine {
        account: GlAccount::from_code("1001"),
        side,
        amount: money(minor, Currency::CNY),
    };
    let lines = vec![
        line(Side::Debit, i64::MAX),
        line(Side::Debit, i64::MAX),
        line(Side::Debit, 2),
        line(Side::Credit, i64::MAX),
    ];

    assert_eq!(journal(lines), Err(JournalError::Overflow(Currency::CNY)));
}

fn transferred() -> Event {
    Event {
        posting: PostingId::from_uuid(Uuid::from_u128(7)),
        kind: EventKind::Transferred,
        product: "CURRENT".to_owned(),
        counter_product: Some("CURRENT".to_owned()),
        currency: Currency::CNY,
        amounts: vec![(AmountKind::Principal, money(500, Currency::CNY))],
        reversal: false,
        value_date: date("2026-11-23"),
    }
}

#[test]
fn a_transfer_within_a_product_books_both_legs_on_its_control_account() {
    let journal = rulebook().journal(&transferred(), date("2026-11-23")).unwrap();

    let legs: Vec<_> = journal.lines().iter().map(|l| (l.account.code(), l.side)).collect();
    assert_eq!(legs, [("2011", Side::Debit), ("2011", Side::Credit)]);
}

#[test]
fn an_event_of_a_product_without_a_control_account_has_no_rule() {
    let event = Event { counter_product: Some("TERM".to_owned()), ..transferred() };
    let refusal = rulebook().journal(&event, date("2026-11-23")).unwrap_err();

    assert_eq!(refusal.rejection, Rejection::RuleMissing);
    assert_eq!(refusal.posting, Some(event.posting));
    assert_eq!(refusal.detail, "product TERM has no control account for principal");
}

#[test]
fn an_event_before_its_rule_takes_effect_has_no_rule() {
    let refusal = rulebook().journal(&transferred(), date("2019-12-31")).unwrap_err();

    assert_eq!(refusal.rejection, Rejection::RuleMissing);
}

#[test]
fn the_latest_rule_that_has_begun_is_taken_and_one_for_the_product_goes_first() {
    let rule = |product: Option<&str>, from, credit| {
        let line = |side, account: &str| RuleLine {
            side,
            account: AccountRef::Fixed(GlAccount::from_code(account)),
            amount: AmountKind::Principal,
        };
        Rule {
            event: EventKind::Transferred,
            product: product.map(str::to_owned),
            effective_from: date(from),
            lines: vec![line(Side::Debit, "1001"), line(Side::Credit, credit)],
        }
    };
    let rulebook = Rulebook::new(
        Chart::default(),
        vec![
            rule(None, "2020-01-01", "1"),
            rule(None, "2026-01-01", "2"),
            rule(Some("CURRENT"), "2025-01-01", "3"),
            rule(Some("TERM"), "2020-01-01", "4"),
        ],
    );
    let credited = |on: &str| {
        let journal = rulebook.journal(&transferred(), date(on)).unwrap();
        journal.lines()[1].account.code().to_owned()
    };

    assert_eq!(credited("2024-12-31"), "1");
    assert_eq!(credited("2026-11-23"), "3");
    let other = Event { product: "SAVINGS".to_owned(), ..transferred() };
    let journal = rulebook.journal(&other, date("2026-01-01")).unwrap();
    assert_eq!(journal.lines()[1].account.code(), "2");
}

#[test]
fn every_rejection_has_a_reason_of_its_own() {
    for rejection in Rejection::ALL {
        assert_eq!(Rejection::from_code(rejection.code()), Some(rejection));
    }
}

fn turnover(debit_minor: i64, credit_minor: i64) -> Turnover {
    Turnover { debit_minor, credit_minor }
}

fn tie_out(ledger: Turnover, sub_ledger: Turnover, product: &str) -> TieOut {
    let account = GlAccount::from_code("2011");
    let ledger = BTreeMap::from([
        ((account, Currency::CNY), ledger),
        ((GlAccount::from_code("1001"), Currency::CNY), turnover(9, 9)),
    ]);
    let total = SubLedgerTotal {
        product: product.to_owned(),
        part: Part::Principal,
        currency: Currency::CNY,
        turnover: sub_ledger,
    };
    TieOut::compare(rulebook().chart(), &ledger, &[total])
}

#[test]
fn a_tie_out_agrees_where_both_sides_of_every_control_account_do() {
    let tie_out = tie_out(turnover(5, 8), turnover(5, 8), "CURRENT");

    assert!(tie_out.agrees());
    assert_eq!(tie_out.lines.len(), 1);
    assert_eq!(tie_out.lines[0].product, "CURRENT");
}

#[test]
fn a_tie_out_shows_errors_that_cancel_out_in_the_balance() {
    assert!(!tie_out(turnover(5, 8), turnover(6, 9), "CURRENT").agrees());
}

#[test]
fn a_product_that_the_chart_does_not_know_never_agrees() {
    let tie_out = tie_out(turnover(0, 0), turnover(0, 0), "TERM");

    assert!(!tie_out.agrees());
    assert!(tie_out.lines.iter().any(|line| line.account.is_none() && line.product == "TERM"));
}
