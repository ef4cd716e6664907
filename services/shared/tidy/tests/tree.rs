//! The repository itself keeps every rule.

use std::fmt::Write as _;
use std::path::Path;

use tidy::{RULES, Tree};

#[test]
fn the_repository_keeps_every_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let tree = Tree::load(&root).expect("the repository can be read");

    let mut report = String::new();
    for rule in RULES {
        for finding in (rule.check)(&tree) {
            writeln!(report, "{finding} [{}]", rule.name).expect("a string takes all");
        }
    }

    assert!(report.is_empty(), "tidy found:\n{report}");
}
