//! Which general-ledger account stands for which part of which product: read from the chart of accounts that the bank
//! ships. And those that stand for all loans or all cards together, which the chart does not say, since no single product
//! controls them.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

const CHART: &str = include_str!("../../../../accounting/books/chart.toml");

/// What no single product controls: account, for [`Control::product`], and part.
const OF_ALL: [(&str, &str, &str); 7] = [
    ("1304", "all loans", "provision"),
    ("9101", "all loans", "memo"),
    ("9102", "all loans", "written off"),
    ("3002", "all loans", "settlement"),
    ("3001", "all cards", "clearing"),
    ("1003", "all cards", "settled"),
    ("122102", "all cards", "difference"),
];

/// An account of the general ledger, and what it sums up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Control {
    pub(super) gl_account: String,
    pub(super) product: String,
    #[serde(default = "principal")]
    pub(super) part: String,
}

fn principal() -> String {
    "principal".to_owned()
}

/// The part of the chart that the tie-out needs.
#[derive(Deserialize)]
struct Chart {
    control: Vec<Control>,
}

/// The control accounts of the chart.
pub(super) fn controls() -> anyhow::Result<Vec<Control>> {
    let chart: Chart = toml::from_str(CHART).context("cannot read the chart of accounts")?;
    ensure!(!chart.control.is_empty(), "the chart of accounts has no control account");
    Ok(chart.control)
}

/// What else follows from loans and cards.
pub(super) fn of_all() -> impl Iterator<Item = Control> {
    OF_ALL.into_iter().map(|(gl_account, product, part)| Control {
        gl_account: gl_account.to_owned(),
        product: product.to_owned(),
        part: part.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOANS: &str = include_str!("../../../../loan/books/products.toml");
    const CARDS: &str = include_str!("../../../../card/books/products.toml");

    fn controls_a(product: &str, part: &str) -> bool {
        let controls = controls().unwrap();
        controls.iter().any(|control| control.product == product && control.part == part)
    }

    #[test]
    fn the_chart_controls_the_current_account() {
        assert!(controls_a("CURRENT", "principal"));
    }

    fn codes(products: &str) -> Vec<String> {
        let products: toml::Table = toml::from_str(products).unwrap();
        let codes = products["product"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|product| product["code"].as_str().unwrap().into()).collect();
        assert!(!codes.is_empty());
        codes
    }

    #[test]
    fn the_chart_controls_both_parts_of_every_loan_product() {
        for code in codes(LOANS) {
            for part in ["principal", "interest"] {
                assert!(controls_a(&code, part), "{part} of {code}");
            }
        }
    }

    #[test]
    fn the_chart_controls_what_the_holders_of_every_card_product_owe() {
        for code in codes(CARDS) {
            assert!(controls_a(&code, "principal"), "{code}");
        }
    }

    #[test]
    fn the_accounts_of_all_loans_and_cards_are_in_the_chart_and_control_nothing_else() {
        let chart: toml::Table = toml::from_str(CHART).unwrap();
        let accounts = chart["account"].as_array().unwrap();

        for control in of_all() {
            let code = control.gl_account.as_str();
            assert!(
                accounts.iter().any(|account| account["code"].as_str() == Some(code)),
                "{code}"
            );
            assert!(!controls().unwrap().iter().any(|other| other.gl_account == code), "{code}");
        }
    }
}
