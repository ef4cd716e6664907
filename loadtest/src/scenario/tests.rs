//! Every built-in scenario is valid, and each mistake is named by the key that it is about.

use super::*;

const GOOD: &str = r#"
    name = "mine"
    description = "for tests"
    [operations]
    transfer = 1
    [accounts]
    choice = "uniform"
    [amounts]
    min_minor = 1
    max_minor = 100
"#;

#[track_caller]
fn assert_refused(text: &str, about: &str) {
    let error = format!("{:#}", Scenario::parse(text).unwrap_err());
    assert!(error.contains(about), "{error}");
}

#[test]
fn the_built_in_scenarios_are_valid_and_carry_their_names() {
    for (name, _) in BUILT_IN {
        assert_eq!(Scenario::load(name).unwrap().name, name);
    }
}

#[test]
fn a_scenario_may_leave_the_queries_out() {
    assert_eq!(Scenario::parse(GOOD).unwrap().queries, Queries::default());
}

#[test]
fn an_unknown_scenario_is_refused_with_the_names_that_exist() {
    let error = Scenario::load("transfers").unwrap_err().to_string();
    assert!(error.contains("transfer, mixed, hot, cards"), "{error}");
}

#[test]
fn an_unknown_key_is_refused() {
    assert_refused(&GOOD.replace("transfer = 1", "transfers = 1"), "transfers");
    assert_refused(&GOOD.replace("max_minor", "most_minor"), "most_minor");
}

#[test]
fn a_wrong_type_is_refused_with_its_line() {
    assert_refused(&GOOD.replace("transfer = 1", "transfer = \"often\""), "line 5");
}

#[test]
fn a_scenario_that_asks_for_nothing_is_refused() {
    assert_refused(&GOOD.replace("transfer = 1", "transfer = 0"), "operations");
}

#[test]
fn captures_without_holds_are_refused() {
    assert_refused(&GOOD.replace("transfer = 1", "capture_hold = 1"), "need place_hold");
}

#[test]
fn prepayments_of_loans_that_are_never_paid_out_are_refused() {
    assert_refused(&GOOD.replace("transfer = 1", "prepay_loan = 1"), "need");
}

#[test]
fn completions_of_what_no_card_was_approved_are_refused() {
    assert_refused(&GOOD.replace("transfer = 1", "card_completion = 1"), "need card_purchase");
}

#[test]
fn only_a_scenario_with_cards_needs_some() {
    assert!(Scenario::load("cards").unwrap().needs_cards());
    assert!(!Scenario::load("hot").unwrap().needs_cards());
}

#[test]
fn only_a_scenario_with_loans_needs_some() {
    assert!(Scenario::load("mixed").unwrap().needs_loans());
    assert!(!Scenario::load("transfer").unwrap().needs_loans());
}

#[test]
fn amounts_that_are_not_positive_or_out_of_order_are_refused() {
    assert_refused(&GOOD.replace("min_minor = 1", "min_minor = 0"), "amounts");
    assert_refused(&GOOD.replace("min_minor = 1", "min_minor = 101"), "amounts");
}

#[test]
fn the_exponent_belongs_to_the_zipf_choice() {
    let zipf = GOOD.replace("uniform", "zipf");
    assert_refused(&zipf, "accounts.exponent");
    assert_refused(&zipf.replace("\"zipf\"", "\"zipf\"\nexponent = 4.0"), "accounts.exponent");
    assert_refused(
        &GOOD.replace("\"uniform\"", "\"uniform\"\nexponent = 1.0"),
        "accounts.exponent",
    );
}

#[test]
fn hot_accounts_need_a_number_and_a_share() {
    assert_refused(
        &format!("{GOOD}\n[accounts.hot]\naccounts = 0\ncredit_percent = 5"),
        "at least 1",
    );
    assert_refused(
        &format!("{GOOD}\n[accounts.hot]\naccounts = 1\ncredit_percent = 101"),
        "0 to 100",
    );
    assert_refused(&format!("{GOOD}\n[accounts.hot]\naccounts = 1"), "must be above 0");
}

#[test]
fn all_problems_are_told_at_once() {
    let text =
        GOOD.replace("transfer = 1", "transfer = 0").replace("min_minor = 1", "min_minor = 0");
    assert_refused(&text, "operations");
    assert_refused(&text, "amounts");
}
