//! Which general-ledger account controls which product: read from the chart of accounts that the bank ships.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

const CHART: &str = include_str!("../../../../accounting/books/chart.toml");

/// A control account and the product whose accounts it sums up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Control {
    pub(super) gl_account: String,
    pub(super) product: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_controls_the_current_account() {
        let controls = controls().unwrap();

        assert!(controls.iter().any(|control| control.product == "CURRENT"), "{controls:?}");
    }
}
