//! The terms of one product, each checked on its own and against the others.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use kernel::{Currency, Rate};
use toml::Spanned;

use super::Notes;
use super::products_file::{
    AllocationEntry, OfferEntry, ProductEntry, ProvisionEntry, RateEntry, TermEntry,
};
use crate::domain::{
    Allocation, Benchmark, DayCounting, Method, Offer, Part, PrepaymentRule, Product, RateRule,
    Repricing,
};

/// Parts per million in one.
const MILLION: i64 = 1_000_000;
/// Parts per million in a basis point.
const BASIS_POINT: i64 = 100;
/// The rates that the arithmetic is proven for: 36 per cent is also the highest that Chinese courts ever let a lender keep.
const RATES_PPM: RangeInclusive<i64> = 0..=360_000;
/// The multiples of the contract rate for what is late.
const MULTIPLES_PPM: RangeInclusive<i64> = MILLION..=2 * MILLION;
/// The days of grace.
const GRACE_DAYS: RangeInclusive<i64> = 0..=30;
/// The terms.
const MONTHS: RangeInclusive<u32> = 1..=480;
/// The amounts, in minor units.
const AMOUNTS: RangeInclusive<i64> = 1..=1_000_000_000_000;

/// Reads one product.
pub(super) struct Reader<'a, 'n> {
    pub notes: &'a mut Notes<'n>,
    pub benchmarks: &'a BTreeMap<String, Arc<Benchmark>>,
    pub code: &'a str,
}

impl Reader<'_, '_> {
    fn note(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.notes.add(at, Some(self.code), message);
    }

    /// The product, if nothing of it is wrong.
    pub(super) fn product(&mut self, entry: &ProductEntry) -> Option<Product> {
        let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if self.code.is_empty() || self.code.len() > 32 || !self.code.bytes().all(is_code) {
            self.note(&entry.code.span(), "a code is 1 to 32 of A to Z, 0 to 9 and _");
        }
        let method = self.one_of(&entry.method, Method::from_code, "method");
        let day_counting = self.one_of(&entry.day_count, DayCounting::from_code, "day count");
        let rate = self.rate(&entry.rate);
        let multiple = self.multiple(&entry.penalty_multiple);
        if !GRACE_DAYS.contains(entry.grace_days.get_ref()) {
            self.note(&entry.grace_days.span(), "days of grace are 0 to 30");
        }
        let allocation = self.allocation(&entry.allocation);
        let fee_ppm = self.share(&entry.prepayment.fee_percent);
        let provision_ppm = self.provision(&entry.provision_percent);
        let term = self.term(&entry.term_months);
        if entry.offer.is_empty() {
            self.note(&entry.code.span(), "a product needs an offer");
        }
        let offers: Vec<_> = entry.offer.iter().map(|offer| self.offer(offer)).collect();
        let offers: Vec<Offer> = offers.into_iter().collect::<Option<_>>()?;
        for (place, entry) in entry.offer.iter().enumerate() {
            let same = |one: &Offer| one.currency.code() == entry.currency.get_ref();
            if offers.iter().take(place).any(same) {
                self.note(&entry.currency.span(), "this currency is offered twice");
            }
        }
        let (minimum_term_months, maximum_term_months) = term?;
        Some(Product {
            code: self.code.to_owned(),
            method: method?,
            day_counting: day_counting?,
            rate: rate?,
            penalty_multiple_ppm: multiple?,
            grace_days: *entry.grace_days.get_ref(),
            allocation: allocation?,
            prepayment: PrepaymentRule { allowed: entry.prepayment.allowed, fee_ppm: fee_ppm? },
            provision_ppm: provision_ppm?,
            minimum_term_months,
            maximum_term_months,
            offers,
        })
    }

    fn one_of<T>(
        &mut self,
        entry: &Spanned<String>,
        read: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Option<T> {
        let found = read(entry.get_ref());
        if found.is_none() {
            self.note(&entry.span(), format!("{:?} is no {what}", entry.get_ref()));
        }
        found
    }

    fn rate(&mut self, spanned: &Spanned<RateEntry>) -> Option<RateRule> {
        let (entry, at) = (spanned.get_ref(), spanned.span());
        match (&entry.fixed, &entry.benchmark) {
            (Some(fixed), None) => {
                if entry.spread_basis_points.is_some() || entry.repricing.is_some() {
                    self.note(&at, "a fixed rate has no spread and no repricing");
                }
                match Rate::parse_percent(fixed) {
                    Ok(rate) if RATES_PPM.contains(&rate.ppm()) => Some(RateRule::Fixed(rate)),
                    Ok(_) => {
                        self.note(&at, "a rate is 0 to 36 per cent");
                        None
                    }
                    Err(error) => {
                        self.note(&at, error.to_string());
                        None
                    }
                }
            }
            (None, Some(code)) => self.benchmark(code, entry, &at),
            _ => {
                self.note(&at, "a rate is either fixed or follows a benchmark");
                None
            }
        }
    }

    fn benchmark(&mut self, code: &str, entry: &RateEntry, at: &Range<usize>) -> Option<RateRule> {
        let Some(benchmark) = self.benchmarks.get(code) else {
            self.note(at, format!("there is no benchmark {code}"));
            return None;
        };
        let spread_ppm = entry.spread_basis_points.unwrap_or(0).saturating_mul(BASIS_POINT);
        let in_range = |rate: &Rate| RATES_PPM.contains(&rate.ppm().saturating_add(spread_ppm));
        if !benchmark.values.values().all(in_range) {
            self.note(at, "benchmark and spread together are not always 0 to 36 per cent");
        }
        let repricing = entry.repricing.as_deref().unwrap_or_default();
        let Some(repricing) = Repricing::from_code(repricing) else {
            self.note(at, format!("{repricing:?} is no repricing"));
            return None;
        };
        Some(RateRule::Benchmark { benchmark: Arc::clone(benchmark), spread_ppm, repricing })
    }

    /// A decimal number of times, in parts per million.
    fn multiple(&mut self, entry: &Spanned<String>) -> Option<i64> {
        // As a percentage it would be a hundredth of that.
        let parsed = Rate::parse_percent(entry.get_ref()).ok();
        let multiple = parsed.map(|rate| rate.ppm().saturating_mul(100));
        let multiple = multiple.filter(|ppm| MULTIPLES_PPM.contains(ppm));
        if multiple.is_none() {
            self.note(&entry.span(), "a penalty multiple is a decimal number from 1 to 2");
        }
        multiple
    }

    /// A percentage of something, 0 to 100, in parts per million.
    fn share(&mut self, entry: &Spanned<String>) -> Option<i64> {
        let share = share(entry.get_ref());
        if share.is_none() {
            self.note(&entry.span(), "a percentage is a decimal number from 0 to 100");
        }
        share
    }

    fn allocation(&mut self, entry: &AllocationEntry) -> Option<Allocation> {
        let by_instalment = match entry.by.get_ref().as_str() {
            "INSTALMENT" => Some(true),
            "PART" => Some(false),
            _ => {
                self.note(&entry.by.span(), "an allocation is by PART or by INSTALMENT");
                None
            }
        };
        let parts: Option<Vec<Part>> =
            entry.order.get_ref().iter().map(|code| Part::from_code(code)).collect();
        let order: Option<[Part; 4]> = parts.and_then(|parts| parts.try_into().ok());
        let order = order.filter(|order| Part::ALL.iter().all(|part| order.contains(part)));
        if order.is_none() {
            self.note(&entry.order.span(), "an order names each of the four parts once");
        }
        Some(Allocation { order: order?, by_instalment: by_instalment? })
    }

    fn provision(&mut self, entry: &Spanned<ProvisionEntry>) -> Option<[i64; 5]> {
        let ProvisionEntry { normal, special_mention, substandard, doubtful, loss } =
            entry.get_ref();
        let shares = [normal, special_mention, substandard, doubtful, loss].map(|text| share(text));
        let [Some(normal), Some(special_mention), Some(substandard), Some(doubtful), Some(loss)] =
            shares
        else {
            self.note(&entry.span(), "a percentage is a decimal number from 0 to 100");
            return None;
        };
        let shares = [normal, special_mention, substandard, doubtful, loss];
        if !shares.is_sorted() {
            self.note(&entry.span(), "a worse category needs at least as much provision");
        }
        Some(shares)
    }

    fn term(&mut self, entry: &Spanned<TermEntry>) -> Option<(u32, u32)> {
        let months = |months: i64| u32::try_from(months).ok().filter(|one| MONTHS.contains(one));
        let TermEntry { minimum, maximum } = *entry.get_ref();
        let term = months(minimum).zip(months(maximum)).filter(|(least, most)| least <= most);
        if term.is_none() {
            self.note(&entry.span(), "terms are 1 to 480 months, the minimum first");
        }
        term
    }

    fn offer(&mut self, entry: &OfferEntry) -> Option<Offer> {
        let currency = Currency::parse(entry.currency.get_ref());
        if let Err(error) = currency {
            self.note(&entry.currency.span(), error.to_string());
        }
        let (minimum, maximum) = (*entry.minimum_minor.get_ref(), *entry.maximum_minor.get_ref());
        if !AMOUNTS.contains(&minimum) || !AMOUNTS.contains(&maximum) || minimum > maximum {
            let message = "amounts are 1 to 1,000,000,000,000 minor units, the minimum first";
            self.note(&entry.minimum_minor.span(), message);
        }
        let prepayment = *entry.prepayment_minimum_minor.get_ref();
        if prepayment < 0 {
            self.note(&entry.prepayment_minimum_minor.span(), "a minimum is not negative");
        }
        Some(Offer {
            currency: currency.ok()?,
            minimum_minor: minimum,
            maximum_minor: maximum,
            prepayment_minimum_minor: prepayment,
        })
    }
}

/// A percentage of something, 0 to 100, in parts per million.
fn share(text: &str) -> Option<i64> {
    let rate = Rate::parse_percent(text).ok()?;
    Some(rate.ppm()).filter(|ppm| (0..=MILLION).contains(ppm))
}
