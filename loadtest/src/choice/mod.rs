//! Which operation comes next, on which accounts, for how much.
//!
//! Chosen by a small fast generator of its own for each worker, so that choosing costs no lock.

#![expect(
    clippy::float_arithmetic,
    reason = "the Zipf-like law is drawn by its inverse; no money here"
)]

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::ids::Ids;
use crate::loans::{AMOUNTS_MINOR, Loan};
use crate::order::{Operation, Order};
use crate::pools::Pools;
use crate::scenario::{Accounts, Choice, Hot, Scenario};

/// Draws orders and queries of one scenario over a number of accounts.
#[derive(Debug)]
pub struct Chooser {
    rng: SmallRng,
    scenario: Arc<Scenario>,
    accounts: u32,
    weights: Vec<(Operation, u32)>,
    weight_sum: u32,
    ids: Arc<Ids>,
    pools: Arc<Pools>,
}

impl Chooser {
    /// Over `accounts` accounts, at least two; `seed` makes workers differ.
    pub fn new(
        scenario: Arc<Scenario>,
        accounts: u32,
        ids: Arc<Ids>,
        pools: Arc<Pools>,
        seed: u64,
    ) -> Self {
        let weights: Vec<_> =
            scenario.operations.list().into_iter().filter(|(_, weight)| *weight > 0).collect();
        let weight_sum = weights.iter().fold(0_u32, |sum, (_, weight)| sum.saturating_add(*weight));
        Self {
            rng: SmallRng::seed_from_u64(seed),
            scenario,
            accounts,
            weights,
            weight_sum,
            ids,
            pools,
        }
    }

    /// The next request. A capture or release takes a hold that was placed before; without one, a hold is placed. A loan
    /// is taken while it is used; where none can be paid back it is paid out, and the other way round. What follows an
    /// approval takes one that was given before; without one, a card pays. Without loans or cards money moves between
    /// accounts.
    pub fn order(&mut self) -> Order {
        let mut operation = self.operation();
        if operation.is_of_loan() {
            if let Some(order) = self.order_on_loan(operation) {
                return order;
            }
            operation = Operation::Transfer;
        }
        if operation.is_of_card() {
            if let Some(order) = self.order_on_card(operation) {
                return order;
            }
            operation = Operation::Transfer;
        }
        let mut hold = None;
        if matches!(operation, Operation::CaptureHold | Operation::ReleaseHold) {
            hold = self.pools.holds.take();
            if hold.is_none() {
                operation = Operation::PlaceHold;
            }
        }
        let request_id = self.ids.next();
        if let Some(hold) = hold {
            let (account, amount_minor) = (hold.account, hold.amount_minor);
            return Order {
                request_id,
                operation,
                account,
                counterparty: account,
                amount_minor,
                subject: Some(hold.id),
            };
        }
        let (account, counterparty) = self.pair(operation);
        let amounts = self.scenario.amounts;
        let amount_minor = self.rng.random_range(amounts.min_minor..=amounts.max_minor);
        Order { request_id, operation, account, counterparty, amount_minor, subject: None }
    }

    fn order_on_loan(&mut self, operation: Operation) -> Option<Order> {
        let amount_minor = self.rng.random_range(AMOUNTS_MINOR);
        let room = |loan: &Loan| loan.undisbursed_minor >= amount_minor;
        // What is left must be enough to be paid back in turn.
        let owed = |loan: &Loan| loan.principal_minor > amount_minor;
        let take = |operation| match operation {
            Operation::DisburseLoan => self.pools.loans.take(room).map(|loan| (operation, loan)),
            _ => self.pools.loans.take_latest(owed).map(|loan| (Operation::PrepayLoan, loan)),
        };
        let other = match operation {
            Operation::DisburseLoan => Operation::PrepayLoan,
            _ => Operation::DisburseLoan,
        };
        let (operation, loan) = take(operation).or_else(|| take(other))?;
        Some(Order {
            request_id: self.ids.next(),
            operation,
            account: loan.account,
            counterparty: loan.account,
            amount_minor,
            subject: Some(loan.id),
        })
    }

    /// Cards are all alike: one that is used far more than others would meet its limits and nothing else.
    fn order_on_card(&mut self, operation: Operation) -> Option<Order> {
        let approval = match operation {
            Operation::CardPurchase => None,
            _ => self.pools.approvals.take(),
        };
        let request_id = self.ids.next();
        if let Some(approval) = approval {
            return Some(Order {
                request_id,
                operation,
                account: approval.account,
                counterparty: approval.card,
                amount_minor: approval.amount_minor,
                subject: Some(approval.request_id),
            });
        }
        let cards = self.pools.cards.count();
        let index = (cards > 0).then(|| self.rng.random_range(0..cards))?;
        let amounts = self.scenario.amounts;
        Some(Order {
            request_id,
            operation: Operation::CardPurchase,
            account: self.pools.cards.get(index)?.account,
            counterparty: index,
            amount_minor: self.rng.random_range(amounts.min_minor..=amounts.max_minor),
            subject: None,
        })
    }

    /// The next query and its account; `None` where the session's last account is asked for.
    pub fn query(&mut self) -> (Operation, Option<u32>) {
        let queries = self.scenario.queries;
        let sum = queries.balance.saturating_add(queries.statement).max(1);
        let operation = if self.rng.random_range(0..sum) < queries.balance {
            Operation::GetBalance
        } else {
            Operation::ListEntries
        };
        let just_used = self.percent(queries.just_used_percent);
        (operation, (!just_used).then(|| self.account()))
    }

    /// Any number below `below`, which is above 0.
    pub fn below(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below)
    }

    /// A random duration around a mean of 1, as between independent arrivals.
    pub fn exponential(&mut self) -> f64 {
        // 1 - u is in (0, 1], so the logarithm is finite.
        -(1.0 - self.rng.random::<f64>()).ln()
    }

    fn operation(&mut self) -> Operation {
        let mut drawn = self.rng.random_range(0..self.weight_sum.max(1));
        for (operation, weight) in &self.weights {
            if drawn < *weight {
                return *operation;
            }
            drawn -= weight;
        }
        Operation::Transfer
    }

    /// The account debited (for cash in, credited) and another one.
    fn pair(&mut self, operation: Operation) -> (u32, u32) {
        let hot = self.scenario.accounts.hot;
        let credited_hot = hot.is_some_and(|hot| self.percent(hot.credit_percent));
        let debited_hot = hot.is_some_and(|hot| self.percent(hot.debit_percent));
        let main_is_hot =
            if operation == Operation::CashDeposit { credited_hot } else { debited_hot };
        let account = self.hot_or_not(hot, main_is_hot);
        let mut counterparty = self.hot_or_not(hot, credited_hot);
        while counterparty == account {
            counterparty = self.rng.random_range(0..self.accounts);
        }
        (account, counterparty)
    }

    fn hot_or_not(&mut self, hot: Option<Hot>, is_hot: bool) -> u32 {
        match hot {
            Some(hot) if is_hot => self.rng.random_range(0..hot.accounts.min(self.accounts)),
            _ => self.account(),
        }
    }

    fn account(&mut self) -> u32 {
        let Accounts { choice, exponent, .. } = &self.scenario.accounts;
        match (choice, exponent) {
            (Choice::Zipf, Some(exponent)) => {
                scatter(zipf_rank(self.rng.random(), self.accounts, *exponent), self.accounts)
            }
            _ => self.rng.random_range(0..self.accounts),
        }
    }

    fn percent(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.random_range(0..100) < percent
    }
}

/// The rank, from 0, that the continuous law of density x^-s on [1, n+1) gives to `u` in [0, 1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range just before"
)]
fn zipf_rank(u: f64, n: u32, s: f64) -> u32 {
    let end = f64::from(n) + 1.0;
    let x = if (s - 1.0).abs() < 1e-9 {
        end.powf(u)
    } else {
        let power = 1.0 - s;
        (u * (end.powf(power) - 1.0) + 1.0).powf(1.0 / power)
    };
    ((x - 1.0).clamp(0.0, f64::from(n) - 1.0)) as u32
}

/// Busy accounts should not lie side by side on the same pages: ranks are spread over all accounts.
fn scatter(rank: u32, n: u32) -> u32 {
    // Odd and prime, so that it shares no factor with any n it is not a multiple of.
    const STEP: u64 = 2_654_435_761;
    u32::try_from(u64::from(rank) * STEP % u64::from(n)).unwrap_or(rank)
}

#[cfg(test)]
mod tests;
