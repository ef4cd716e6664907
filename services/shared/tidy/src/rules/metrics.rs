//! What is counted, what is said of it, and what alerts and dashboards ask for are the same metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, is_test_file, line_of, words};
use crate::{Finding, Tree};

const PAGE: &str = "docs/reference/metrics.md";
const ALERTS: &str = "deploy/observability/alerts.yml";
const ALERT_TESTS: &str = "deploy/observability/alerts_test.yml";
const SECTIONS: &str = "docs/operations/alerts.md";
const KINDS: [&str; 3] = ["counter", "gauge", "histogram"];
/// A class of traffic, which alerts ask for as a label, and which begins like the metrics of a service.
const A_CLASS: &str = "card_authorization";
/// What Prometheus adds to the name of a histogram.
const SERIES: [&str; 3] = ["_bucket", "_count", "_sum"];

/// A metric that stands somewhere: what kind it is said to be, and where.
struct Place {
    name: String,
    kind: &'static str,
    line: usize,
}

/// Where a crate says what its metrics are.
fn is_catalogue(path: &str) -> bool {
    let platform = path == "services/shared/platform/src/telemetry/metrics.rs";
    platform || (path.starts_with("services/") && path.ends_with("/src/signals.rs"))
}

/// Whatever is counted under a name that is written out has a description.
pub(super) fn described(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let catalogue = catalogue(tree);
    let code = |path: &str| path.starts_with("services/") && !is_test_file(path);
    for (path, text) in tree.files_ending(".rs").filter(|(path, _)| code(path)) {
        for place in places(text, "!(") {
            if catalogue.get(&place.name) != Some(&place.kind) {
                let message = format!(
                    "`{}` is described nowhere as a {}; add it to the crate's list of metrics",
                    place.name, place.kind
                );
                findings.push(Finding::new(path, place.line, message));
            }
        }
    }
    findings
}

/// The page has every metric, as what it is, and none that is not there.
pub(super) fn reference(tree: &Tree) -> Vec<Finding> {
    let (mut findings, page) = (Vec::new(), page(tree));
    for (path, text) in tree.files().filter(|(path, _)| is_catalogue(path)) {
        for Place { name, kind, line } in places(text, "(") {
            if page.get(name.as_str()).is_none_or(|(said, _)| *said != kind) {
                let message = format!("{PAGE} has no row of the {kind} `{name}`: what it tells");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    let catalogue = catalogue(tree);
    for (name, (_, line)) in page.iter().filter(|(name, _)| !catalogue.contains_key(**name)) {
        let message = format!("no crate has a metric `{name}` in its list; take the row out");
        findings.push(Finding::new(PAGE, *line, message));
    }
    findings
}

/// What alerts and dashboards ask for is on the page.
pub(super) fn asked_for(tree: &Tree) -> Vec<Finding> {
    let (mut findings, page) = (Vec::new(), page(tree));
    let families: BTreeSet<&str> = page.keys().filter_map(|name| family(name)).collect();
    let asks = |path: &str| {
        let name = path.strip_prefix("deploy/observability/").unwrap_or_default();
        name.starts_with("alerts") || name.starts_with("dashboards/")
    };
    for (path, text) in tree.files().filter(|(path, _)| asks(path)) {
        let ours =
            words(text).filter(|word| family(word.text).is_some_and(|f| families.contains(f)));
        let ours = ours.filter(|word| word.text != A_CLASS);
        for word in ours {
            let base = SERIES.iter().find_map(|series| word.text.strip_suffix(series));
            let known = page.contains_key(word.text)
                || base
                    .and_then(|base| page.get(base))
                    .is_some_and(|(kind, _)| *kind == "histogram");
            if !known {
                let message = format!("{PAGE} has no metric `{}`; ask for one that is", word.text);
                findings.push(Finding::new(path, word.line, message));
            }
        }
    }
    findings
}

/// Each alert has a section that says what to do, and a test that sees it come and stay away.
pub(super) fn alerts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (sections, tests) = (tree.text(SECTIONS), tree.text(ALERT_TESTS));
    let lines = tree.text(ALERTS).unwrap_or_default().lines().enumerate();
    for (at, name) in
        lines.filter_map(|(at, line)| Some((at, line.trim().strip_prefix("- alert: ")?)))
    {
        let has = |text: Option<&str>, wanted: &str| {
            text.unwrap_or_default().lines().filter(|line| line.trim() == wanted).count()
        };
        if has(sections, &format!("### {name}")) != 1 {
            let message = format!("{SECTIONS} has no section `{name}`: what it means, what to do");
            findings.push(Finding::new(ALERTS, at + 1, message));
        } else if has(tests, &format!("- alertname: {name}")) < 2 {
            let message = format!("{ALERT_TESTS} does not see `{name}` both come and stay away");
            findings.push(Finding::new(ALERTS, at + 1, message));
        }
    }
    findings
}

/// `rpc` of `rpc_requests_total`.
fn family(name: &str) -> Option<&str> {
    name.split_once('_').map(|(family, _)| family).filter(|family| !family.is_empty())
}

/// Kind by name, of all crates.
fn catalogue(tree: &Tree) -> BTreeMap<String, &'static str> {
    let lists = tree.files().filter(|(path, _)| is_catalogue(path));
    lists.flat_map(|(_, text)| places(text, "(")).map(|place| (place.name, place.kind)).collect()
}

/// Names in quotes behind `counter(`, `gauge(` or `histogram(`, or behind their macros.
fn places(text: &str, opening: &str) -> Vec<Place> {
    // One byte for each character, so that a place in the code is the same place in the text.
    let text: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    let code = Source::parse(&text).without_tests().code;
    let mut found = Vec::new();
    for kind in KINDS {
        let call = format!("{kind}{opening}");
        for (at, _) in code.match_indices(&call) {
            let alone = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let rest = text[at + call.len()..].trim_start();
            if let Some(name) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next())
                && alone
            {
                found.push(Place { name: name.to_owned(), kind, line: line_of(&text, at) });
            }
        }
    }
    found
}

/// The rows of the page: kind and line by name.
fn page(tree: &Tree) -> BTreeMap<&str, (&str, usize)> {
    let lines = tree.text(PAGE).unwrap_or_default().lines().enumerate();
    let rows = lines.filter_map(|(at, line)| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().strip_suffix('`')?;
        let kind = cells.next()?.trim().split(',').next()?;
        KINDS.contains(&kind).then_some((name, (kind, at + 1)))
    });
    rows.collect()
}
