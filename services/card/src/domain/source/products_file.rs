//! The products' file: its form, and each product as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::Currency;
use serde::Deserialize;
use toml::Spanned;

use super::Notes;
use crate::domain::{Bin, Bucket, Limit, Limits, Product, Switches};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductsFile {
    #[serde(default)]
    product: Vec<ProductEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductEntry {
    code: Spanned<String>,
    currency: Spanned<String>,
    bin: Spanned<BinEntry>,
    validity_years: Spanned<u32>,
    authorization_days: Spanned<u32>,
    preauthorization_days: Spanned<u32>,
    switches: SwitchesEntry,
    #[serde(default)]
    restricted: Vec<Spanned<String>>,
    limits: Spanned<BTreeMap<String, LimitEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BinEntry {
    digits: String,
    length: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
struct SwitchesEntry {
    atm: bool,
    pos: bool,
    online: bool,
    contactless: bool,
    abroad: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitEntry {
    transaction: Option<i64>,
    day: Option<i64>,
    day_count: Option<i32>,
    month: Option<i64>,
}

/// So many serials a range must have.
const LEAST_SERIAL_DIGITS: u32 = 6;

/// Reads all products; those with problems are left out.
pub(super) fn products(notes: &mut Notes<'_>) -> Vec<Arc<Product>> {
    let file: ProductsFile = match toml::from_str(notes.source.text) {
        Ok(file) => file,
        Err(error) => {
            notes.add(&error.span().unwrap_or_default(), None, error.message());
            return Vec::new();
        }
    };
    if file.product.is_empty() {
        notes.add(&(0..0), None, "there is no product");
    }
    let mut products: Vec<Arc<Product>> = Vec::new();
    for entry in &file.product {
        let Some(product) = product(entry, notes) else { continue };
        let (at, code) = (entry.code.span(), Some(product.code.as_str()));
        if products.iter().any(|other| other.code == product.code) {
            notes.add(&at, code, "the code is used twice");
        }
        let begins = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
        if products.iter().any(|other| begins(&other.bin.digits, &product.bin.digits)) {
            notes.add(&entry.bin.span(), code, "its numbers overlap those of another product");
        }
        products.push(Arc::new(product));
    }
    products
}

fn product(entry: &ProductEntry, notes: &mut Notes<'_>) -> Option<Product> {
    let before = notes.problems.len();
    let code = entry.code.get_ref();
    let about = Some(code.as_str());
    let named = (1..=20).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if !named {
        notes.add(&entry.code.span(), about, "a code is 1 to 20 capital letters and '_'");
    }
    let currency = Currency::parse(entry.currency.get_ref()).ok();
    if currency.is_none() {
        notes.add(&entry.currency.span(), about, "not a currency (ISO 4217)");
    }
    let bin = bin(&entry.bin, about, notes);
    let mut between = |value: &Spanned<u32>, most: u32, what: &str| {
        if !(1..=most).contains(value.get_ref()) {
            notes.add(&value.span(), about, format!("{what} must be 1 to {most}"));
        }
    };
    between(&entry.validity_years, 10, "validity_years");
    between(&entry.authorization_days, 60, "authorization_days");
    between(&entry.preauthorization_days, 60, "preauthorization_days");
    let limits = limits(&entry.limits, about, notes);
    let mut restricted = BTreeSet::new();
    for category in &entry.restricted {
        let digits = category.get_ref();
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            notes.add(&category.span(), about, "a merchant category is four digits");
        }
        restricted.insert(digits.clone());
    }
    let SwitchesEntry { atm, pos, online, contactless, abroad } = entry.switches;
    let product = Product {
        code: code.clone(),
        currency: currency?,
        bin,
        validity_years: *entry.validity_years.get_ref(),
        authorization_days: *entry.authorization_days.get_ref(),
        preauthorization_days: *entry.preauthorization_days.get_ref(),
        switches: Switches { atm, pos, online, contactless, abroad },
        limits,
        restricted,
    };
    (notes.problems.len() == before).then_some(product)
}

fn bin(entry: &Spanned<BinEntry>, about: Option<&str>, notes: &mut Notes<'_>) -> Bin {
    let BinEntry { digits, length } = entry.get_ref();
    let bin = Bin { digits: digits.clone(), length: *length };
    let formed = (6..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !formed {
        notes.add(&entry.span(), about, "the digits of a range are 6 to 8");
    } else if !(16..=19).contains(length) {
        notes.add(&entry.span(), about, "a number has 16 to 19 digits");
    } else if bin.serial_digits() < LEAST_SERIAL_DIGITS {
        notes.add(&entry.span(), about, "the range has no room for a million cards");
    }
    bin
}

fn limits(
    entry: &Spanned<BTreeMap<String, LimitEntry>>,
    about: Option<&str>,
    notes: &mut Notes<'_>,
) -> Limits {
    let mut limits = Limits::new();
    let at = entry.span();
    for (name, limit) in entry.get_ref() {
        let LimitEntry { transaction, day, day_count, month } = *limit;
        let Some(bucket) = Bucket::from_code(name) else {
            notes.add(&at, about, format!("{name} is no bucket"));
            continue;
        };
        if [transaction, day, month].into_iter().flatten().any(|minor| minor < 0)
            || day_count.is_some_and(|count| count < 0)
        {
            notes.add(&at, about, format!("a limit of {name} is negative"));
        }
        let grows = |less: Option<i64>, more: Option<i64>| {
            less.zip(more).is_none_or(|(less, more)| less <= more)
        };
        if !grows(transaction, day) || !grows(day, month) || !grows(transaction, month) {
            notes.add(&at, about, format!("{name}: transaction, day and month must not fall"));
        }
        limits.insert(
            bucket,
            Limit { transaction_minor: transaction, day_minor: day, day_count, month_minor: month },
        );
    }
    limits
}
