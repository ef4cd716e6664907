//! The accounting rules: which journal an event makes.
//!
//! Invariant: a rule has, for each kind of amount, as many debit lines as credit lines. Lines take the whole amount, so
//! a journal made by a rule balances whatever the figures; `BalancedJournal::try_new` checks it all the same.

use std::collections::BTreeMap;

use kernel::BusinessDate;

use super::chart::{Chart, GlAccount, Part};
use super::event::{AmountKind, Batch, Event, EventKind};
use super::journal::{BalancedJournal, JournalError, JournalLine, Side};
use super::rejection::{BatchRefusal, Rejection};

/// How a line of a rule names its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRef {
    /// This account, always.
    Fixed(GlAccount),
    /// The control account of a part of the event's product.
    Control(Part),
    /// The control account of the principal of the event's counter product.
    CounterControl,
}

/// One line of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// In which direction.
    pub side: Side,
    /// On which account.
    pub account: AccountRef,
    /// Which of the event's amounts; an event that lacks it gets no such line.
    pub amount: AmountKind,
}

/// How one kind of event is booked from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which events.
    pub event: EventKind,
    /// Of which product; `None`: of any.
    pub product: Option<String>,
    /// The first business date on which it applies.
    pub effective_from: BusinessDate,
    /// In the order in which journals show them.
    pub lines: Vec<RuleLine>,
}

/// The chart and the rules. Made by `load`, which proves that they fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rulebook {
    chart: Chart,
    /// Per kind: rules of one product before rules of any, then the latest first. So the first that applies is it.
    rules: BTreeMap<EventKind, Vec<Rule>>,
}

impl Rulebook {
    pub(super) fn new(chart: Chart, all: Vec<Rule>) -> Self {
        let mut rules: BTreeMap<EventKind, Vec<Rule>> = BTreeMap::new();
        for rule in all {
            rules.entry(rule.event).or_default().push(rule);
        }
        for of_kind in rules.values_mut() {
            of_kind.sort_by_key(|rule| {
                (rule.product.is_none(), std::cmp::Reverse(rule.effective_from))
            });
        }
        Self { chart, rules }
    }

    /// The accounts that the rules book on.
    pub const fn chart(&self) -> &Chart {
        &self.chart
    }

    /// The rule for an event on a business date.
    pub fn find(&self, event: &Event, date: BusinessDate) -> Option<&Rule> {
        self.rules.get(&event.kind)?.iter().find(|rule| {
            rule.effective_from <= date
                && rule.product.as_ref().is_none_or(|product| *product == event.product)
        })
    }

    /// The journals of a batch, in the order of its events; or why the whole batch cannot be booked.
    pub fn journals(&self, batch: &Batch) -> Result<Vec<BalancedJournal>, BatchRefusal> {
        batch.events.iter().map(|event| self.journal(event, batch.business_date)).collect()
    }

    /// The journal of one event.
    pub fn journal(
        &self,
        event: &Event,
        date: BusinessDate,
    ) -> Result<BalancedJournal, BatchRefusal> {
        let missing =
            |detail| BatchRefusal::of_event(Rejection::RuleMissing, event.posting, detail);
        let rule = self.find(event, date).ok_or_else(|| {
            missing(format!("no rule for {} of {} on {date}", event.kind.code(), event.product))
        })?;
        let unused = event
            .amounts
            .iter()
            .find(|(kind, _)| !rule.lines.iter().any(|line| line.amount == *kind));
        if let Some((kind, _)) = unused {
            let (event, kind) = (event.kind.code(), kind.code());
            return Err(missing(format!("the rule for {event} books no {kind}")));
        }
        let mut lines = Vec::with_capacity(rule.lines.len());
        for line in &rule.lines {
            let Some(amount) = event.amount(line.amount) else { continue };
            let account = self.account(&line.account, event).map_err(missing)?;
            let side = if event.reversal { line.side.opposite() } else { line.side };
            lines.push(JournalLine { account, side, amount });
        }
        let what = (event.kind, event.reversal);
        BalancedJournal::try_new(event.posting, what, date, event.value_date, lines).map_err(
            |why| {
                let rejection = match why {
                    JournalError::Overflow(_) => Rejection::AmountOverflow,
                    JournalError::TooFewLines
                    | JournalError::TooManyLines
                    | JournalError::Unbalanced(_) => Rejection::RuleMissing,
                };
                BatchRefusal::of_event(rejection, event.posting, why.to_string())
            },
        )
    }

    fn account(&self, named: &AccountRef, event: &Event) -> Result<GlAccount, String> {
        let (product, part) = match named {
            AccountRef::Fixed(account) => return Ok(account.clone()),
            AccountRef::Control(part) => (event.product.as_str(), *part),
            AccountRef::CounterControl => {
                let product = event
                    .counter_product
                    .as_deref()
                    .ok_or_else(|| format!("{} without a counter product", event.kind.code()))?;
                (product, Part::Principal)
            }
        };
        let control = self.chart.control(product, part);
        control
            .cloned()
            .ok_or_else(|| format!("product {product} has no control account for {}", part.code()))
    }
}
