//! Rules on documents, reference pages and what is left behind.

use crate::Fixture;

const REFUSALS: (&str, &str) = (
    "services/loan/src/domain/rejection.rs",
    "//! Refusals.\n#[error(\"no\")]\nfn code() -> &'static str {\n    \"LOAN_UNKNOWN\"\n}",
);

const SETTINGS: (&str, &str) = (
    "services/loan/src/config.rs",
    "//! Settings.\n#[derive(Deserialize)]\npub struct Config {\n    /// Days.\n    pub grace_days: u16,\n}",
);

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        rule: "links",
        says: "a link to a file that is not there",
        files: &[("docs/tour.md", "# Tour\n\nSee [the map](architecture/map.md).")],
        found: Some(("docs/tour.md", 3)),
    },
    Fixture {
        rule: "links",
        says: "a link out of the repository",
        files: &[("README.md", "[up](../other/README.md)")],
        found: Some(("README.md", 1)),
    },
    Fixture {
        rule: "links",
        says: "links to files, folders, headings, the web; code is not read",
        files: &[
            (
                "docs/tour.md",
                "[a](../README.md#run) [b](flows) [c](#here) [d](https://example.com/x) `[e](f)`\n```\n[g](h)\n```",
            ),
            ("README.md", "[tour](docs/tour.md)"),
            ("docs/flows/transfer.md", "[tour](../tour.md)"),
        ],
        found: None,
    },
    Fixture {
        rule: "error-reference",
        says: "a refusal that the reference does not explain",
        files: &[REFUSALS, ("docs/reference/errors.md", "| `LOAN_UNKNOWN_TO_US` |")],
        found: Some(("services/loan/src/domain/rejection.rs", 4)),
    },
    Fixture {
        rule: "error-reference",
        says: "a reason of the platform that the reference does not explain",
        files: &[(
            "services/shared/platform/src/traffic/mod.rs",
            "//! Traffic.\nconst R: &str = \"RATE_LIMITED\";",
        )],
        found: Some(("services/shared/platform/src/traffic/mod.rs", 2)),
    },
    Fixture {
        rule: "error-reference",
        says: "a refusal that the reference explains",
        files: &[REFUSALS, ("docs/reference/errors.md", "| `LOAN_UNKNOWN` |")],
        found: None,
    },
    Fixture {
        rule: "configuration-reference",
        says: "a setting that the reference does not mention",
        files: &[SETTINGS, ("docs/reference/configuration.md", "grace")],
        found: Some(("services/loan/src/config.rs", 5)),
    },
    Fixture {
        rule: "configuration-reference",
        says: "a setting of the platform that the reference does not mention",
        files: &[(
            "services/shared/platform/src/config.rs",
            "//! Settings.\n#[derive(Deserialize)]\npub struct LaneConfig {\n    pub lanes: u16,\n}",
        )],
        found: Some(("services/shared/platform/src/config.rs", 4)),
    },
    Fixture {
        rule: "configuration-reference",
        says: "a setting that the reference mentions",
        files: &[SETTINGS, ("docs/reference/configuration.md", "| `grace_days` |")],
        found: None,
    },
    Fixture {
        rule: "unfinished",
        says: "a note to oneself",
        files: &[("docs/tour.md", concat!("# Tour\n\nTO", "DO: write this"))],
        found: Some(("docs/tour.md", 3)),
    },
    Fixture {
        rule: "unfinished",
        says: "a function to be written",
        files: &[("loadtest/src/lib.rs", concat!("//! Load.\nfn f() { to", "do!() }"))],
        found: Some(("loadtest/src/lib.rs", 2)),
    },
    Fixture {
        rule: "machine-paths",
        says: "a path of one machine",
        files: &[("docs/tour.md", concat!("Run `/ho", "me/me/bank up`."))],
        found: Some(("docs/tour.md", 1)),
    },
    Fixture {
        rule: "machine-paths",
        says: "a registry of one machine",
        files: &[(
            "Cargo.lock",
            "[[package]]\nsource = \"registry+https://mirror.example.com/index\"",
        )],
        found: Some(("Cargo.lock", 2)),
    },
    Fixture {
        rule: "machine-paths",
        says: "paths that only look like it, and the registry that everybody has",
        files: &[
            (
                "docs/tour.md",
                "See https://example.com/home/x and docs/work/y, $HOME/root/z, /var/lib/thincore.",
            ),
            ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""),
        ],
        found: None,
    },
];
