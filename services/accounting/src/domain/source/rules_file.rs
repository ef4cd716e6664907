//! The rules' file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::NaiveDate;
use kernel::BusinessDate;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::chart_file::side;
use super::{Notes, SourceText};
use crate::domain::chart::{Chart, Part};
use crate::domain::event::{AmountKind, EventKind};
use crate::domain::journal::{BalancedJournal, Side};
use crate::domain::rulebook::{AccountRef, Rule, RuleLine};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<Spanned<RuleEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    event: Spanned<String>,
    product: Option<Spanned<String>>,
    effective_from: Spanned<Datetime>,
    lines: Vec<Spanned<LineEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineEntry {
    side: Spanned<String>,
    account: Spanned<String>,
    amount: Spanned<String>,
}

/// The rules, as far as they can be read.
pub(super) fn rules(source: SourceText<'_>, chart: &Chart, notes: &mut Notes) -> Vec<Rule> {
    let Some(file) = notes.parse::<RulesFile>(source) else { return Vec::new() };
    if file.rule.is_empty() {
        notes.add(source, &(0..0), "there is no rule");
    }
    let mut seen = BTreeSet::new();
    let mut rules = Vec::with_capacity(file.rule.len());
    for entry in &file.rule {
        let name = name(entry.get_ref());
        let mut reader = Reader { source, chart, notes, name: &name };
        if let Some(rule) = reader.rule(entry) {
            if !seen.insert((rule.event, rule.product.clone(), rule.effective_from)) {
                reader.note(&entry.get_ref().event.span(), "there is such a rule already");
            }
            rules.push(rule);
        }
    }
    rules
}

/// What messages call a rule: enough to find it where the line has moved.
fn name(entry: &RuleEntry) -> String {
    let product = entry.product.as_ref().map(|product| format!(" of {}", product.get_ref()));
    let (event, from) = (entry.event.get_ref(), entry.effective_from.get_ref());
    format!("{event}{} from {from}", product.unwrap_or_default())
}

struct Reader<'a> {
    source: SourceText<'a>,
    chart: &'a Chart,
    notes: &'a mut Notes,
    name: &'a str,
}

impl Reader<'_> {
    fn note(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.notes.add_in_rule(self.source, at, Some(self.name), message);
    }

    fn rule(&mut self, spanned: &Spanned<RuleEntry>) -> Option<Rule> {
        let entry = spanned.get_ref();
        let event = EventKind::from_code(entry.event.get_ref());
        if event.is_none() {
            self.note(&entry.event.span(), "there is no such event");
        }
        let product = entry.product.as_ref();
        let effective_from = self.date(&entry.effective_from);
        let lines: Vec<_> = entry.lines.iter().map(|line| self.line(line.get_ref())).collect();
        let lines = lines.into_iter().collect::<Option<Vec<_>>>();
        // A line that cannot be read would be reported a second time as a missing side.
        if let Some(product) = product {
            self.controlled(product, lines.as_deref().unwrap_or_default());
        }
        if let Some(lines) = &lines {
            self.check(lines, &spanned.get_ref().event.span());
        }
        Some(Rule {
            event: event?,
            product: product.map(|product| product.get_ref().clone()),
            effective_from: effective_from?,
            lines: lines?,
        })
    }

    fn date(&mut self, entry: &Spanned<Datetime>) -> Option<BusinessDate> {
        let parsed = match entry.get_ref() {
            Datetime { date: Some(date), time: None, offset: None } => {
                NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
            }
            _ => None,
        };
        if parsed.is_none() {
            self.note(&entry.span(), "effective_from must be a date, such as 2026-01-01");
        }
        parsed.map(BusinessDate::from_date)
    }

    fn line(&mut self, entry: &LineEntry) -> Option<RuleLine> {
        let side = side(entry.side.get_ref());
        if side.is_none() {
            let message = format!("{:?} is neither debit nor credit", entry.side.get_ref());
            self.note(&entry.side.span(), message);
        }
        let amount = AmountKind::from_code(entry.amount.get_ref());
        if amount.is_none() {
            let message = format!("there is no amount {}", entry.amount.get_ref());
            self.note(&entry.amount.span(), message);
        }
        let account = self.account(&entry.account);
        Some(RuleLine { side: side?, account: account?, amount: amount? })
    }

    fn account(&mut self, entry: &Spanned<String>) -> Option<AccountRef> {
        let code = entry.get_ref().as_str();
        match code {
            "control(product)" => return Some(AccountRef::Control(Part::Principal)),
            "control(product, interest)" => return Some(AccountRef::Control(Part::Interest)),
            "control(counter_product)" => return Some(AccountRef::CounterControl),
            _ => {}
        }
        let Some(account) = self.chart.find(code) else {
            self.note(&entry.span(), format!("account {code} is not in the chart"));
            return None;
        };
        if self.chart.is_control(code) {
            let message = format!("{code} is a control account: book it through control(product)");
            self.note(&entry.span(), message);
            return None;
        }
        Some(AccountRef::Fixed(account.code.clone()))
    }

    /// A rule of one product needs the control accounts of the parts that it books; and a product that has none is none.
    fn controlled(&mut self, product: &Spanned<String>, lines: &[RuleLine]) {
        let booked = |part| lines.iter().any(|line| line.account == AccountRef::Control(part));
        for part in Part::ALL {
            let needed = part == Part::Principal || booked(part);
            if needed && self.chart.control(product.get_ref(), part).is_none() {
                let (product_code, part) = (product.get_ref(), part.code());
                let message = format!("product {product_code} has no control account for {part}");
                self.note(&product.span(), message);
            }
        }
    }

    /// What only shows in the lines together.
    fn check(&mut self, lines: &[RuleLine], at: &Range<usize>) {
        if lines.is_empty() || lines.len() > BalancedJournal::LINES_MAX {
            self.note(at, "a rule has 2 to 1,000 lines");
            return;
        }
        let mut sides: BTreeMap<AmountKind, (usize, usize)> = BTreeMap::new();
        for line in lines {
            let (debits, credits) = sides.entry(line.amount).or_default();
            let count = match line.side {
                Side::Debit => debits,
                Side::Credit => credits,
            };
            *count = count.saturating_add(1);
        }
        for (amount, (debits, credits)) in sides {
            if debits != credits {
                let amount = amount.code();
                let message =
                    format!("{amount} is debited {debits} times and credited {credits} times");
                self.note(at, message);
            }
        }
        let on_balance_sheet = |line: &RuleLine| match &line.account {
            AccountRef::Fixed(code) => {
                self.chart.find(code.code()).is_none_or(|account| account.on_balance_sheet)
            }
            AccountRef::Control(_) | AccountRef::CounterControl => true,
        };
        let inside = lines.iter().filter(|line| on_balance_sheet(line)).count();
        if inside != 0 && inside != lines.len() {
            self.note(at, "mixes accounts on and off the balance sheet");
        }
    }
}
