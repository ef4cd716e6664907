//! The same tree in every service, so that whoever knows one finds their way in all.

use crate::{Finding, Tree};

const REQUIRED: [(&str, &str); 13] = [
    ("README.md", "what it owns, its RPCs, tables and invariants, on one page"),
    ("migrations", "its tables, with the reason for each"),
    ("src/main.rs", "the whole program on one screen"),
    ("src/lib.rs", "the map"),
    ("src/config.rs", "every setting, its default and consequence"),
    ("src/api/mod.rs", "an RPC is parse, one call, reply"),
    ("src/api/parse.rs", "from the contract's types to ours"),
    ("src/api/reply.rs", "from our types to the contract's"),
    ("src/api/status.rs", "the only place that builds a Status"),
    ("src/commands/mod.rs", "the writes"),
    ("src/domain/mod.rs", "the decisions, pure"),
    ("src/store/mod.rs", "the only place that knows SQL"),
    ("tests/it/main.rs", "tests on a real Postgres and real sockets"),
];

pub(super) fn service_tree(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in tree.services() {
        for (wanted, what) in REQUIRED {
            let path = format!("services/{service}/{wanted}");
            if !tree.has(&path) {
                let message = format!("every service has {wanted} ({what}); add it to {service}");
                findings.push(Finding::new(&path, 1, message));
            }
        }
    }
    findings
}
