//! Every rule bites: for each there are small trees that break it, and the finding is where the break is.
//!
//! Beside them stand trees that look suspicious and are fine, so that a rule does not learn to bite everybody.

mod code;
mod contract;
mod documents;
mod metrics;
mod schema;

use tidy::{RULES, Tree};

/// A small tree and what one rule has to say about it.
struct Fixture {
    rule: &'static str,
    /// What is wrong with the tree, or right, as a sentence.
    says: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// Where the only finding is; `None` where there must be none.
    found: Option<(&'static str, usize)>,
}

fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    [code::FIXTURES, contract::FIXTURES, documents::FIXTURES, metrics::FIXTURES, schema::FIXTURES]
        .into_iter()
        .flatten()
}

#[test]
fn every_rule_finds_exactly_what_breaks_it() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let rule =
            RULES.iter().find(|rule| rule.name == fixture.rule).expect("the fixture's rule exists");
        let findings = (rule.check)(&Tree::of(fixture.files));
        let places: Vec<(&str, usize)> =
            findings.iter().map(|finding| (finding.path.as_str(), finding.line)).collect();
        if places != fixture.found.into_iter().collect::<Vec<_>>() {
            wrong.push(format!("{}: {}: found {findings:#?}", fixture.rule, fixture.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_fixture_that_breaks_it() {
    let toothless = RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|name| !fixtures().any(|fixture| fixture.rule == *name && fixture.found.is_some()));
    assert_eq!(
        toothless.collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "rules that nothing shows to bite"
    );
}

#[test]
fn every_message_tells_how_to_mend() {
    for fixture in fixtures().filter(|fixture| fixture.found.is_some()) {
        let rule =
            RULES.iter().find(|rule| rule.name == fixture.rule).expect("the fixture's rule exists");
        for finding in (rule.check)(&Tree::of(fixture.files)) {
            let words = finding.message.split_whitespace().count();
            assert!(words >= 5, "too short to help: {finding}");
        }
    }
}

#[test]
fn no_two_rules_have_one_name() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}
