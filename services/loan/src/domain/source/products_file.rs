//! The products' file: its form, benchmarks, and each product as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use kernel::Rate;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::Notes;
use super::terms::Reader;
use crate::domain::{Benchmark, Product};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductsFile {
    #[serde(default)]
    benchmark: Vec<BenchmarkEntry>,
    #[serde(default)]
    product: Vec<ProductEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BenchmarkEntry {
    code: Spanned<String>,
    values: Vec<ValueEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueEntry {
    effective_from: Spanned<Datetime>,
    percent: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductEntry {
    pub code: Spanned<String>,
    pub method: Spanned<String>,
    pub day_count: Spanned<String>,
    pub rate: Spanned<RateEntry>,
    pub penalty_multiple: Spanned<String>,
    pub grace_days: Spanned<i64>,
    pub allocation: AllocationEntry,
    pub prepayment: PrepaymentEntry,
    pub provision_percent: Spanned<ProvisionEntry>,
    pub term_months: Spanned<TermEntry>,
    #[serde(default)]
    pub offer: Vec<OfferEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateEntry {
    pub fixed: Option<String>,
    pub benchmark: Option<String>,
    pub spread_basis_points: Option<i64>,
    pub repricing: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocationEntry {
    pub by: Spanned<String>,
    pub order: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrepaymentEntry {
    pub allowed: bool,
    pub fee_percent: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvisionEntry {
    pub normal: String,
    pub special_mention: String,
    pub substandard: String,
    pub doubtful: String,
    pub loss: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TermEntry {
    pub minimum: i64,
    pub maximum: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferEntry {
    pub currency: Spanned<String>,
    pub minimum_minor: Spanned<i64>,
    pub maximum_minor: Spanned<i64>,
    pub prepayment_minimum_minor: Spanned<i64>,
}

/// The products, as far as they can be read.
pub(super) fn products(notes: &mut Notes<'_>) -> Vec<Product> {
    let file: ProductsFile = match toml::from_str(notes.source.text) {
        Ok(file) => file,
        Err(error) => {
            notes.add(&error.span().unwrap_or(0..0), None, error.message());
            return Vec::new();
        }
    };
    if file.product.is_empty() {
        notes.add(&(0..0), None, "there is no product");
    }
    let mut benchmarks = BTreeMap::new();
    for entry in &file.benchmark {
        let benchmark = benchmark(entry, notes);
        let code = benchmark.code.clone();
        if benchmarks.insert(code.clone(), Arc::new(benchmark)).is_some() {
            notes.add(&entry.code.span(), Some(&code), "there is such a benchmark already");
        }
    }
    let mut products: Vec<Product> = Vec::with_capacity(file.product.len());
    for entry in &file.product {
        let code = entry.code.get_ref();
        if file
            .product
            .iter()
            .take_while(|one| one.code.span() != entry.code.span())
            .any(|one| one.code.get_ref() == code)
        {
            notes.add(&entry.code.span(), Some(code), "there is such a product already");
        }
        let mut reader = Reader { notes, benchmarks: &benchmarks, code };
        products.extend(reader.product(entry));
    }
    products
}

fn benchmark(entry: &BenchmarkEntry, notes: &mut Notes<'_>) -> Benchmark {
    let code = entry.code.get_ref();
    let mut values: BTreeMap<NaiveDate, Rate> = BTreeMap::new();
    if entry.values.is_empty() {
        notes.add(&entry.code.span(), Some(code), "a benchmark needs a value");
    }
    for value in &entry.values {
        let from = date(value.effective_from.get_ref());
        if from.is_none() {
            notes.add(&value.effective_from.span(), Some(code), "that is no date of the calendar");
        }
        let rate = Rate::parse_percent(value.percent.get_ref());
        if let Err(error) = rate {
            notes.add(&value.percent.span(), Some(code), error.to_string());
        }
        let (Some(from), Ok(rate)) = (from, rate) else { continue };
        if values.last_key_value().is_some_and(|(last, _)| *last >= from) {
            notes.add(&value.effective_from.span(), Some(code), "dates must grow");
        }
        values.insert(from, rate);
    }
    Benchmark { code: code.clone(), values }
}

/// A date without a time.
fn date(value: &Datetime) -> Option<NaiveDate> {
    let date = value.date.filter(|_| value.time.is_none() && value.offset.is_none())?;
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
}
