//! Which general-ledger account stands for which part of which product: read from the chart of accounts that the bank
//! ships. And those that stand for all loans together, which the chart does not say, since no single product controls
//! them.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

const CHART: &str = include_str!("../../../../accounting/books/chart.toml");

/// What no single product controls, for [`Control::product`].
const ALL_LOANS: &str = "all loans";
/// Account and part.
const OF_ALL_LOANS: [(&str, &str); 4] =
    [("1304", "provision"), ("9101", "memo"), ("9102", "written off"), ("3002", "settlement")];

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

/// What else follows from loans.
pub(super) fn of_all_loans() -> impl Iterator<Item = Control> {
    OF_ALL_LOANS.into_iter().map(|(gl_account, part)| Control {
        gl_account: gl_account.to_owned(),
        product: ALL_LOANS.to_owned(),
        part: part.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTS: &str = include_str!("../../../../loan/books/products.toml");

    fn controls_a(product: &str, part: &str) -> bool {
        let controls = controls().unwrap();
        controls.iter().any(|control| control.product == product && control.part == part)
    }

    #[test]
    fn the_chart_controls_the_current_account() {
        assert!(controls_a("CURRENT", "principal"));
    }

    #[test]
    fn the_chart_controls_both_parts_of_every_loan_product() {
        let products: toml::Table = toml::from_str(PRODUCTS).unwrap();
        let codes = products["product"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|product| product["code"].as_str().unwrap()).collect();

        assert!(!codes.is_empty());
        for code in codes {
            for part in ["principal", "interest"] {
                assert!(controls_a(code, part), "{part} of {code}");
            }
        }
    }

    #[test]
    fn the_accounts_of_all_loans_are_in_the_chart_and_control_nothing_else() {
        let chart: toml::Table = toml::from_str(CHART).unwrap();
        let accounts = chart["account"].as_array().unwrap();

        for control in of_all_loans() {
            let code = control.gl_account.as_str();
            assert!(
                accounts.iter().any(|account| account["code"].as_str() == Some(code)),
                "{code}"
            );
            assert!(!controls().unwrap().iter().any(|other| other.gl_account == code), "{code}");
        }
    }
}
