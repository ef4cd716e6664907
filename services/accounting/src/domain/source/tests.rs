use super::*;
use crate::domain::{EventKind, Part, Side};

const CHART: &str = include_str!("../../../books/chart.toml");
const RULES: &str = include_str!("../../../books/rules.toml");

/// Two accounts, one of them the control account of CURRENT.
const SMALL_CHART: &str = r#"
[[account]]
code = "1001"
name = "Cash"
name_zh = "现金"
type = "asset"
normal_side = "debit"

[[account]]
code = "2011"
name = "Deposits"
name_zh = "存款"
type = "liability"
normal_side = "credit"

[[account]]
code = "9001"
name = "Safe custody"
name_zh = "代保管"
type = "memo"
normal_side = "debit"
on_balance_sheet = false

[[control]]
product = "CURRENT"
gl_account = "2011"
"#;

const DEPOSITED: &str = r#"
[[rule]]
event = "CASH_DEPOSITED"
effective_from = 2026-01-01
lines = [
    { side = "debit", account = "1001", amount = "PRINCIPAL" },
    { side = "credit", account = "control(product)", amount = "PRINCIPAL" },
]
"#;

fn chart_text(text: &str) -> SourceText<'_> {
    SourceText { name: "chart.toml", text }
}

fn rules_text(text: &str) -> SourceText<'_> {
    SourceText { name: "rules.toml", text }
}

fn problems(chart: &str, rules: &str) -> Vec<String> {
    let problems = load(chart_text(chart), rules_text(rules)).unwrap_err();
    problems.0.iter().map(Problem::to_string).collect()
}

fn problems_of_rules(rules: &str) -> Vec<String> {
    problems(SMALL_CHART, rules)
}

#[test]
fn the_books_of_this_bank_load() {
    let rulebook = load(chart_text(CHART), rules_text(RULES)).unwrap();

    assert_eq!(
        rulebook.chart().control("CURRENT", Part::Principal).map(|a| a.code().to_owned()),
        Some("2011".into())
    );
    assert_eq!(rulebook.chart().find("1001").map(|a| a.name_zh.as_str()), Some("库存现金"));
    assert_eq!(rulebook.chart().find("1001").map(|a| a.normal_side), Some(Side::Debit));
}

#[test]
fn the_books_of_this_bank_have_a_rule_for_every_event() {
    for kind in EventKind::ALL {
        let heading = format!("event = \"{}\"", kind.code());

        assert!(RULES.contains(&heading), "{heading}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_one_problem_with_its_line() {
    let found = problems(SMALL_CHART, "[[rule]]\nevent = CASH\n");

    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("rules.toml:2: "), "{found:?}");
}

#[test]
fn a_field_that_does_not_exist_is_a_problem() {
    let found = problems_of_rules(&DEPOSITED.replace("effective_from", "since"));

    assert!(found[0].starts_with("rules.toml:4: "), "{found:?}");
}

#[test]
fn a_line_on_an_account_outside_the_chart_is_named() {
    let found = problems_of_rules(&DEPOSITED.replace("1001", "1999"));

    assert_eq!(
        found,
        ["rules.toml:6: rule CASH_DEPOSITED from 2026-01-01: account 1999 is not in the chart"]
    );
}

#[test]
fn a_rule_that_does_not_balance_is_named() {
    let found = problems_of_rules(&DEPOSITED.replace("credit", "debit"));

    assert_eq!(
        found,
        ["rules.toml:3: rule CASH_DEPOSITED from 2026-01-01: \
          PRINCIPAL is debited 2 times and credited 0 times"]
    );
}

#[test]
fn a_second_rule_for_the_same_event_product_and_date_is_named() {
    let found = problems_of_rules(&format!("{DEPOSITED}{DEPOSITED}"));

    assert_eq!(
        found,
        ["rules.toml:11: rule CASH_DEPOSITED from 2026-01-01: there is such a rule already"]
    );
}

#[test]
fn a_product_without_a_control_account_is_named() {
    let rules = DEPOSITED.replace("effective_from", "product = \"TERM\"\neffective_from");

    assert_eq!(
        problems_of_rules(&rules),
        ["rules.toml:4: rule CASH_DEPOSITED of TERM from 2026-01-01: \
          product TERM has no control account for principal"]
    );
}

#[test]
fn booking_a_control_account_past_its_product_is_named() {
    let found = problems_of_rules(&DEPOSITED.replace("control(product)", "2011"));

    assert_eq!(
        found,
        ["rules.toml:7: rule CASH_DEPOSITED from 2026-01-01: \
          2011 is a control account: book it through control(product)"]
    );
}

#[test]
fn mixing_the_balance_sheet_with_memoranda_is_named() {
    let found = problems_of_rules(&DEPOSITED.replace("1001", "9001"));

    assert_eq!(
        found,
        ["rules.toml:3: rule CASH_DEPOSITED from 2026-01-01: \
          mixes accounts on and off the balance sheet"]
    );
}

#[test]
fn words_that_mean_nothing_are_all_named() {
    let rules = r#"
[[rule]]
event = "CASH_FOUND"
effective_from = 2026-01-01T00:00:00
lines = [
    { side = "left", account = "1001", amount = "HALF" },
]
"#;

    let rule = "rule CASH_FOUND from 2026-01-01T00:00:00";
    assert_eq!(
        problems_of_rules(rules),
        [
            format!("rules.toml:3: {rule}: there is no such event"),
            format!("rules.toml:4: {rule}: effective_from must be a date, such as 2026-01-01"),
            format!("rules.toml:6: {rule}: \"left\" is neither debit nor credit"),
            format!("rules.toml:6: {rule}: there is no amount HALF"),
        ]
    );
}

#[test]
fn everything_wrong_with_a_chart_is_named_at_once() {
    let chart = r#"
[[account]]
code = "10-01"
name = "Cash"
name_zh = "现金"
type = "asset"
normal_side = "debit"

[[account]]
code = "2011"
name = ""
name_zh = "存款"
type = "debt"
normal_side = "right"

[[account]]
code = "9001"
name = "Safe custody"
name_zh = "代保管"
type = "memo"
normal_side = "debit"

[[control]]
product = "CURRENT"
gl_account = "2012"
"#;
    let found = problems(chart, "");

    assert_eq!(
        found,
        [
            "chart.toml:3: \"10-01\" is no account code: 1 to 16 digits",
            "chart.toml:11: account 2011 has an empty name",
            "chart.toml:13: \"debt\" is no type of account",
            "chart.toml:14: \"right\" is neither debit nor credit",
            "chart.toml:20: account 9001: memo accounts, and only they, are off the balance sheet",
            "chart.toml:25: control account 2012 of CURRENT is not in the chart",
            "rules.toml:1: there is no rule",
        ]
    );
}

#[test]
fn accounts_and_controls_that_repeat_are_named() {
    let more = r#"
[[account]]
code = "1001"
name = "More cash"
name_zh = "现金"
type = "asset"
normal_side = "debit"

[[control]]
product = "TERM"
gl_account = "2011"

[[control]]
product = "CURRENT"
gl_account = "1001"
"#;
    let found = problems(&format!("{SMALL_CHART}{more}"), DEPOSITED);

    assert_eq!(
        found,
        [
            "chart.toml:29: account 1001 is in the chart twice",
            "chart.toml:37: account 2011 already controls another product or part",
            "chart.toml:40: product CURRENT already has a control account for principal",
        ]
    );
}

/// A loan product beside CURRENT, controlled in two parts.
const LOANS: &str = r#"
[[account]]
code = "1303"
name = "Loans"
name_zh = "贷款"
type = "asset"
normal_side = "debit"

[[account]]
code = "1132"
name = "Interest receivable"
name_zh = "应收利息"
type = "asset"
normal_side = "debit"

[[control]]
product = "CONSUMER"
gl_account = "1303"

[[control]]
product = "CONSUMER"
part = "interest"
gl_account = "1132"
"#;

const ACCRUED: &str = r#"
[[rule]]
event = "LOAN_INTEREST_ACCRUED"
product = "CONSUMER"
effective_from = 2026-01-01
lines = [
    { side = "debit", account = "control(product, interest)", amount = "INTEREST" },
    { side = "credit", account = "1001", amount = "INTEREST" },
]
"#;

#[test]
fn a_product_may_be_controlled_in_two_parts() {
    let chart = format!("{SMALL_CHART}{LOANS}");

    let rulebook = load(chart_text(&chart), rules_text(ACCRUED)).unwrap();

    let controls: Vec<_> = rulebook
        .chart()
        .controls()
        .map(|(product, part, account)| (product.to_owned(), part, account.code().to_owned()))
        .collect();
    let expected = [
        ("CONSUMER".to_owned(), Part::Principal, "1303".to_owned()),
        ("CONSUMER".to_owned(), Part::Interest, "1132".to_owned()),
        ("CURRENT".to_owned(), Part::Principal, "2011".to_owned()),
    ];
    assert_eq!(controls, expected);
}

#[test]
fn parts_that_do_not_exist_or_stand_alone_or_repeat_are_named() {
    let chart =
        |from, to| problems(&format!("{SMALL_CHART}{}", LOANS.replacen(from, to, 1)), ACCRUED);
    let no_part = "part = \"interest\"";

    assert_eq!(
        chart(no_part, "part = \"fees\"")[0],
        "chart.toml:48: \"fees\" is neither principal nor interest"
    );
    assert_eq!(
        chart(no_part, "")[0],
        "chart.toml:47: product CONSUMER already has a control account for principal"
    );
    let alone = chart("gl_account = \"1303\"", "part = \"interest\"\ngl_account = \"1303\"");
    assert!(
        alone.contains(
            &"chart.toml:43: product CONSUMER has no control account for principal".into()
        ),
        "{alone:?}"
    );
}

#[test]
fn a_rule_that_books_a_part_which_its_product_has_not_is_named() {
    let chart = format!("{SMALL_CHART}{LOANS}");
    let found = problems(&chart, &ACCRUED.replace("CONSUMER", "CURRENT"));

    assert_eq!(
        found,
        ["rules.toml:4: rule LOAN_INTEREST_ACCRUED of CURRENT from 2026-01-01: \
          product CURRENT has no control account for interest"]
    );
}

#[test]
fn interest_receivable_is_booked_through_its_product_only() {
    let chart = format!("{SMALL_CHART}{LOANS}");
    let found = problems(&chart, &ACCRUED.replace("control(product, interest)", "1132"));

    assert_eq!(
        found,
        ["rules.toml:7: rule LOAN_INTEREST_ACCRUED of CONSUMER from 2026-01-01: \
          1132 is a control account: book it through control(product)"]
    );
}
