//! A service that cannot keep the books does not start, and says everything that is wrong.

use std::process::Command;

use tempfile::TempDir;
use testkit::certificates::Authority;

fn serve(settings: &str) -> (bool, String) {
    let directory = TempDir::new().unwrap();
    let config = directory.path().join("accounting.toml");
    let tls = Authority::of_this_process().tls_section(directory.path(), "service/accounting");
    std::fs::write(&config, format!("{settings}{}", tls.unwrap())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_accounting"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

fn settings(books: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\noperations_listen = \"127.0.0.1:0\"\n\
         [database]\nnodes = [\"postgres://accounting_app@127.0.0.1:1/accounting\"]\n\
         [clients]\ndeposit = \"https://127.0.0.1:1\"\nloan = \"https://127.0.0.1:1\"\n\
         card = \"https://127.0.0.1:1\"\n[books]\n{books}"
    )
}

#[test]
fn books_that_do_not_fit_together_keep_the_service_from_starting() {
    let directory = TempDir::new().unwrap();
    let rules = directory.path().join("rules.toml");
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/books/chart.toml");
    let shipped = include_str!("../../books/rules.toml");
    let wrong =
        shipped.replace("\"3001\"", "\"3999\"").replace("\"CASH_WITHDRAWN\"", "\"CASH_LOST\"");
    std::fs::write(&rules, wrong).unwrap();

    let (started, said) = serve(&settings(&format!(
        "chart_file = \"{chart}\"\nrules_file = \"{}\"\nfirst_business_date = \"2026-11-23\"\n",
        rules.display()
    )));

    assert!(!started);
    for problem in [
        "rules.toml:23: rule CASH_LOST from 2020-01-01: there is no such event",
        "rules.toml:44: rule HOLD_CAPTURED from 2020-01-01: account 3999 is not in the chart",
    ] {
        assert!(said.contains(problem), "{problem} in {said}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_all_named() {
    let (started, said) = serve(&settings(
        "chart_file = \"/nowhere/chart.toml\"\nrules_file = 7\nfirst_business_date = \"today\"\nsources = []\n",
    ));

    assert!(!started);
    for key in ["books.rules_file", "books.first_business_date", "books.sources"] {
        assert!(said.contains(key), "{key} in {said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (started, said) = serve(&settings(
        "chart_file = \"/nowhere/chart.toml\"\nrules_file = \"/nowhere/rules.toml\"\n\
         first_business_date = \"2026-11-23\"\n",
    ));

    assert!(!started);
    assert!(said.contains("cannot read /nowhere/chart.toml"), "{said}");
}
