//! Which crate may depend on which: `kernel ← platform ← service`, `proto ← service`, and services meet only in
//! the contract. The platform knows the contract for the operations service, which every service has and which is the
//! platform's own; the rule `layers` keeps it from knowing more. `kernel ← scheme ← card`: what card schemes say is pure, and
//! known to the one service that hears it and to what plays the scheme.

use toml::{Table, Value};

use crate::{Finding, Tree};

/// Crates that are pure: no input, no output, no time of their own.
const PURE: [&str; 2] = ["services/shared/kernel", "services/shared/scheme"];
/// Crates that a pure crate has no use for.
const NOT_FOR_PURE: [&str; 7] = ["axum", "prost", "serde", "sqlx", "tokio", "tonic", "tracing"];

/// What the crate in a folder may depend on, for its code and additionally for its tests.
struct Allowed {
    code: &'static [&'static str],
    tests: &'static [&'static str],
}

fn allowed(folder: &str) -> Option<Allowed> {
    let allowed = match folder {
        "proto" | "services/shared/kernel" | "services/shared/tidy" => {
            Allowed { code: &[], tests: &[] }
        }
        "services/shared/scheme" => Allowed { code: &["kernel"], tests: &[] },
        "services/shared/platform" => Allowed { code: &["kernel", "proto"], tests: &["testkit"] },
        "services/shared/testkit" => Allowed { code: &["kernel", "platform", "proto"], tests: &[] },
        "services/shared/system-tests" => Allowed {
            code: &[],
            tests: &["bank", "kernel", "loadtest", "platform", "proto", "scheme", "testkit"],
        },
        // It feeds the services' own readers, and is no part of any of them.
        "services/shared/fuzz" => Allowed {
            code: &[
                "accounting",
                "card",
                "customer",
                "deposit",
                "kernel",
                "loan",
                "platform",
                "proto",
                "scheme",
            ],
            tests: &[],
        },
        "deploy/bank" => Allowed { code: &["kernel", "platform", "proto", "testkit"], tests: &[] },
        "loadtest" => Allowed {
            code: &["bank", "kernel", "platform", "proto", "scheme", "testkit"],
            tests: &[],
        },
        // The only service that a scheme talks to.
        "services/card" => {
            Allowed { code: &["kernel", "platform", "proto", "scheme"], tests: &["testkit"] }
        }
        service if service.strip_prefix("services/").is_some_and(|name| !name.contains('/')) => {
            Allowed { code: &["kernel", "platform", "proto"], tests: &["testkit"] }
        }
        _ => return None,
    };
    Some(allowed)
}

struct Manifest<'a> {
    path: &'a str,
    text: &'a str,
    table: Table,
}

impl Manifest<'_> {
    fn folder(&self) -> &str {
        self.path.trim_end_matches("Cargo.toml").trim_end_matches('/')
    }

    fn name(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// Name and specification of each dependency, and whether only tests have it.
    fn dependencies(&self) -> Vec<(&str, &Value, bool)> {
        let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
        let targets = self.table.get("target").and_then(Value::as_table).into_iter().flatten();
        let tables =
            targets.filter_map(|(_, target)| target.as_table()).chain(std::iter::once(&self.table));
        let mut found = Vec::new();
        for (table, kind) in tables.flat_map(|table| kinds.map(|kind| (table, kind))) {
            let listed = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            found.extend(
                listed.map(|(name, value)| (name.as_str(), value, kind == "dev-dependencies")),
            );
        }
        found
    }

    fn finding(&self, dependency: &str, message: String) -> Finding {
        let mut lines = self.text.lines();
        let line = lines.position(|line| line.starts_with(dependency)).map_or(1, |at| at + 1);
        Finding::new(self.path, line, message)
    }
}

fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    let parsed = tree.files_ending("Cargo.toml").filter_map(|(path, text)| {
        // Cargo itself says so when a manifest cannot be read.
        Some(Manifest { path, text, table: text.parse().ok()? })
    });
    parsed.filter(|manifest| manifest.table.contains_key("package")).collect()
}

pub(super) fn between_crates(tree: &Tree) -> Vec<Finding> {
    let manifests = manifests(tree);
    let ours: Vec<&str> = manifests.iter().filter_map(Manifest::name).collect();
    let mut findings = Vec::new();
    for manifest in &manifests {
        let Some(allowed) = allowed(manifest.folder()) else {
            let message = "a crate in a new place: say in tidy's dependencies.rs what it may use";
            findings.push(Finding::new(manifest.path, 1, message));
            continue;
        };
        for (name, _, for_tests) in manifest.dependencies() {
            let fine = allowed.code.contains(&name) || for_tests && allowed.tests.contains(&name);
            if ours.contains(&name) && !fine {
                findings.push(manifest.finding(
                    name,
                    format!(
                        "{} must not depend on {name}: allowed are {:?} and for tests {:?}; services meet only in proto",
                        manifest.folder(), allowed.code, allowed.tests
                    ),
                ));
            }
            if PURE.contains(&manifest.folder()) && NOT_FOR_PURE.contains(&name) {
                let message = format!("this crate is pure: keep {name} in the one that needs it");
                findings.push(manifest.finding(name, message));
            }
        }
    }
    findings
}

pub(super) fn versions_at_the_root(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        for (name, value, _) in manifest.dependencies() {
            if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                findings.push(manifest.finding(
                    name,
                    format!(
                        "write `{name}.workspace = true` and its version in the root Cargo.toml"
                    ),
                ));
            }
        }
    }
    findings
}
