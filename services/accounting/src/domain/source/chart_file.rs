//! The chart's file.

use serde::Deserialize;
use toml::Spanned;

use super::{Notes, SourceText};
use crate::domain::chart::{Account, AccountType, Chart, GlAccount, Part};
use crate::domain::journal::Side;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChartFile {
    #[serde(default)]
    account: Vec<AccountEntry>,
    #[serde(default)]
    control: Vec<ControlEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    code: Spanned<String>,
    name: Spanned<String>,
    name_zh: Spanned<String>,
    #[serde(rename = "type")]
    account_type: Spanned<String>,
    normal_side: Spanned<String>,
    #[serde(default = "on_balance_sheet")]
    on_balance_sheet: bool,
}

const fn on_balance_sheet() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlEntry {
    product: Spanned<String>,
    part: Option<Spanned<String>>,
    gl_account: Spanned<String>,
}

/// `debit` or `credit`, as both files write it.
pub(super) fn side(text: &str) -> Option<Side> {
    match text {
        "debit" => Some(Side::Debit),
        "credit" => Some(Side::Credit),
        _ => None,
    }
}

/// The chart, as far as it can be read.
pub(super) fn chart(source: SourceText<'_>, notes: &mut Notes) -> Chart {
    let mut chart = Chart::default();
    let Some(file) = notes.parse::<ChartFile>(source) else { return chart };
    if file.account.is_empty() {
        notes.add(source, &(0..0), "the chart has no account");
    }
    for entry in &file.account {
        if let Some(account) = account(entry, source, notes) {
            let at = entry.code.span();
            let code = account.code.clone();
            if chart.accounts.insert(code.clone(), account).is_some() {
                notes.add(source, &at, format!("account {code} is in the chart twice"));
            }
        }
    }
    for entry in &file.control {
        control(entry, &mut chart, source, notes);
    }
    incomplete(&file.control, &chart, source, notes);
    chart
}

fn account(entry: &AccountEntry, source: SourceText<'_>, notes: &mut Notes) -> Option<Account> {
    let before = notes.0.len();
    let code = entry.code.get_ref();
    if code.is_empty() || code.len() > 16 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        notes.add(
            source,
            &entry.code.span(),
            format!("{code:?} is no account code: 1 to 16 digits"),
        );
    }
    for name in [&entry.name, &entry.name_zh] {
        if name.get_ref().trim().is_empty() {
            notes.add(source, &name.span(), format!("account {code} has an empty name"));
        }
    }
    let type_code = entry.account_type.get_ref();
    let account_type = AccountType::from_code(type_code);
    if account_type.is_none() {
        notes.add(
            source,
            &entry.account_type.span(),
            format!("{type_code:?} is no type of account"),
        );
    }
    if let Some(account_type) = account_type
        && (account_type == AccountType::Memo) == entry.on_balance_sheet
    {
        let message =
            format!("account {code}: memo accounts, and only they, are off the balance sheet");
        notes.add(source, &entry.account_type.span(), message);
    }
    let normal = entry.normal_side.get_ref();
    let normal_side = side(normal);
    if normal_side.is_none() {
        notes.add(
            source,
            &entry.normal_side.span(),
            format!("{normal:?} is neither debit nor credit"),
        );
    }
    if notes.0.len() > before {
        return None;
    }
    Some(Account {
        code: GlAccount::from_code(code),
        name: entry.name.get_ref().clone(),
        name_zh: entry.name_zh.get_ref().clone(),
        account_type: account_type?,
        normal_side: normal_side?,
        on_balance_sheet: entry.on_balance_sheet,
    })
}

fn control(entry: &ControlEntry, chart: &mut Chart, source: SourceText<'_>, notes: &mut Notes) {
    let (product, code) = (entry.product.get_ref(), entry.gl_account.get_ref());
    if product.is_empty() {
        notes.add(source, &entry.product.span(), "a control account needs a product");
        return;
    }
    let Some(part) = part(entry, source, notes) else { return };
    if !chart.accounts.contains_key(code.as_str()) {
        let message = format!("control account {code} of {product} is not in the chart");
        notes.add(source, &entry.gl_account.span(), message);
        return;
    }
    if chart.is_control(code) {
        let message = format!("account {code} already controls another product or part");
        notes.add(source, &entry.gl_account.span(), message);
        return;
    }
    if chart.control(product, part).is_some() {
        let message =
            format!("product {product} already has a control account for {}", part.code());
        notes.add(source, &entry.product.span(), message);
        return;
    }
    let parts = chart.controls.entry(product.clone()).or_default();
    parts.insert(part, GlAccount::from_code(code));
}

fn part(entry: &ControlEntry, source: SourceText<'_>, notes: &mut Notes) -> Option<Part> {
    let Some(named) = &entry.part else { return Some(Part::default()) };
    let part = Part::from_code(named.get_ref());
    if part.is_none() {
        let message = format!("{:?} is neither principal nor interest", named.get_ref());
        notes.add(source, &named.span(), message);
    }
    part
}

/// Interest is owed on something: a product is not controlled by its interest alone.
fn incomplete(controls: &[ControlEntry], chart: &Chart, source: SourceText<'_>, notes: &mut Notes) {
    for entry in controls {
        let product = entry.product.get_ref();
        let known = chart.controls.contains_key(product);
        if known && chart.control(product, Part::Principal).is_none() {
            let message = format!("product {product} has no control account for principal");
            notes.add(source, &entry.product.span(), message);
        }
    }
}
