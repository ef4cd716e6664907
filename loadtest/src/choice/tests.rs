//! The draws follow the scenario.

use std::collections::HashMap;

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::cards::{Approval, Cards, LoadCard};
use crate::iso8583::Card;
use crate::loans::Loans;

const ACCOUNTS: u32 = 1_000;
const DRAWS: u32 = 20_000;

fn chooser(scenario: &str) -> Chooser {
    let scenario = Arc::new(Scenario::load(scenario).unwrap());
    let ids = Arc::new(Ids::new(DateTime::UNIX_EPOCH, [0; 4]));
    Chooser::new(scenario, ACCOUNTS, ids, Arc::new(Pools::default()), 7)
}

/// With so many loans that none is missed while others are in use.
fn chooser_with_loans() -> Chooser {
    let loan = |number: u32| Loan {
        id: Uuid::from_u128(number.into()),
        account: number,
        undisbursed_minor: 1_000_000,
        principal_minor: 1_000_000,
    };
    let loans = Loans::new((0..ACCOUNTS).map(loan));
    let pools = Arc::new(Pools { loans, cards: cards(), ..Pools::default() });
    Chooser { pools, ..chooser("mixed") }
}

fn cards() -> Cards {
    let card = |number: u32| LoadCard {
        id: Uuid::from_u128(number.into()),
        account: number,
        card: Card {
            pan: scheme::Pan::with_check_digit("621234000000001").unwrap(),
            expiry: "3011".to_owned(),
            cvv2: "123".to_owned(),
        },
        pin: None,
    };
    Cards::new((0..ACCOUNTS).map(card).collect())
}

fn share(count: u32) -> f64 {
    f64::from(count) / f64::from(DRAWS)
}

#[test]
fn a_transfer_never_has_the_same_account_on_both_sides() {
    for scenario in ["transfer", "hot", "mixed"] {
        let mut chooser = chooser(scenario);
        assert!((0..DRAWS).map(|_| chooser.order()).all(|order| {
            order.operation != Operation::Transfer || order.account != order.counterparty
        }));
    }
}

#[test]
fn half_of_the_hot_transfers_credit_one_account() {
    let mut chooser = chooser("hot");
    let hot = (0..DRAWS).filter(|_| chooser.order().counterparty == 0).count();

    let share = share(u32::try_from(hot).unwrap());
    assert!((0.48..0.52).contains(&share), "{share}");
}

#[test]
fn operations_come_in_the_proportion_of_their_weights() {
    let mut chooser = chooser_with_loans();
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for _ in 0..DRAWS {
        let order = chooser.order();
        if order.operation == Operation::CardPurchase {
            chooser.pools.approvals.put(Approval {
                request_id: order.request_id,
                card: order.counterparty,
                account: order.account,
                amount_minor: order.amount_minor,
            });
        }
        if let Some(loan) = order.subject.filter(|_| order.operation.is_of_loan()) {
            chooser.pools.loans.put_back(loan);
        }
        *counts.entry(order.operation.name()).or_default() += 1;
    }

    let transfers = share(counts["transfer"]);
    let completions = share(counts["card_completion"]);
    let loans = share(counts["disburse_loan"] + counts["prepay_loan"]);
    assert!((0.48..0.53).contains(&transfers), "{transfers}");
    assert!((0.10..0.15).contains(&completions), "{completions}");
    // 4 of 89.
    assert!((0.039..0.051).contains(&loans), "{loans}");
}

#[test]
fn what_follows_takes_an_approval_that_was_given_and_takes_it_once() {
    let mut chooser = chooser("mixed");
    chooser.pools = Arc::new(Pools { cards: cards(), ..Pools::default() });
    let request_id = Uuid::from_u128(9);
    chooser.pools.approvals.put(Approval { request_id, card: 4, account: 3, amount_minor: 55 });

    let taken: Vec<Order> =
        (0..200).map(|_| chooser.order()).filter(|order| order.subject.is_some()).collect();

    assert_eq!(taken.len(), 1);
    let one = taken[0];
    assert_eq!((one.subject, one.account, one.counterparty), (Some(request_id), 3, 4));
    assert_eq!(one.amount_minor, 55);
}

#[test]
fn a_card_pays_from_its_own_account() {
    let mut chooser = chooser("cards");
    chooser.pools = Arc::new(Pools { cards: cards(), ..Pools::default() });

    let orders: Vec<Order> = (0..200).map(|_| chooser.order()).collect();

    assert!(orders.iter().all(|order| order.operation == Operation::CardPurchase));
    assert!(orders.iter().all(|order| order.account == order.counterparty));
}

#[test]
fn without_loans_and_cards_the_money_moves_between_accounts() {
    let mut chooser = chooser("mixed");
    let mut order = || chooser.order().operation;

    assert!((0..DRAWS).map(|_| order()).all(|one| !one.is_of_loan() && !one.is_of_card()));
}

#[test]
fn a_loan_is_in_one_request_at_a_time() {
    let mut chooser = chooser_with_loans();
    let mut used: Vec<Uuid> = (0..DRAWS)
        .map(|_| chooser.order())
        .filter(|order| order.operation.is_of_loan())
        .filter_map(|order| order.subject)
        .collect();
    let count = used.len();

    used.sort_unstable();
    used.dedup();

    assert_eq!(used.len(), count);
    assert!(count > 500, "{count}");
}

#[test]
fn zipf_ranks_stay_in_range_and_low_ranks_are_busier() {
    for exponent in [0.5, 0.8, 1.0, 2.0] {
        assert_eq!(zipf_rank(0.0, ACCOUNTS, exponent), 0);
        assert_eq!(zipf_rank(0.999_999_999_999, ACCOUNTS, exponent), ACCOUNTS - 1);
    }
    let mut chooser = chooser("mixed");
    let mut counts = vec![0_u32; 1_000];
    for _ in 0..DRAWS {
        let account = chooser.account();
        counts[usize::try_from(account).unwrap()] += 1;
    }
    let busiest = *counts.iter().max().unwrap();
    counts.sort_unstable();
    assert!(busiest > 20 * counts[500], "{busiest} against {}", counts[500]);
}

#[test]
fn scattering_keeps_ranks_apart() {
    let mut seen: Vec<u32> = (0..ACCOUNTS).map(|rank| scatter(rank, ACCOUNTS)).collect();
    seen.sort_unstable();
    seen.dedup();

    assert_eq!(seen.len(), 1_000);
}

#[test]
fn intervals_of_independent_arrivals_have_a_mean_of_one() {
    let mut chooser = chooser("transfer");
    let sum: f64 = (0..DRAWS).map(|_| chooser.exponential()).sum();

    let mean = sum / f64::from(DRAWS);
    assert!((0.95..1.05).contains(&mean), "{mean}");
}
