//! Rules on crates, layers and files.

use crate::Fixture;

const KERNEL: (&str, &str) = ("services/shared/kernel/Cargo.toml", "[package]\nname = \"kernel\"");
const PLATFORM: (&str, &str) =
    ("services/shared/platform/Cargo.toml", "[package]\nname = \"platform\"");
const CARD: (&str, &str) = ("services/card/Cargo.toml", "[package]\nname = \"card\"");
const SCHEME: (&str, &str) = ("services/shared/scheme/Cargo.toml", "[package]\nname = \"scheme\"");
const TESTKIT: (&str, &str) =
    ("services/shared/testkit/Cargo.toml", "[package]\nname = \"testkit\"");

/// 501 lines.
const LONG: &str = {
    const TEXT: [u8; 501] = [b'\n'; 501];
    match str::from_utf8(&TEXT) {
        Ok(text) => text,
        Err(_) => "",
    }
};

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        rule: "crate-dependencies",
        says: "the kernel depends on the platform",
        files: &[
            PLATFORM,
            (
                "services/shared/kernel/Cargo.toml",
                "[package]\nname = \"kernel\"\n[dependencies]\nplatform.workspace = true",
            ),
        ],
        found: Some(("services/shared/kernel/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the kernel depends on a crate that does input and output",
        files: &[(
            "services/shared/kernel/Cargo.toml",
            "[package]\nname = \"kernel\"\n[dependencies]\ntokio.workspace = true",
        )],
        found: Some(("services/shared/kernel/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the platform depends on a service",
        files: &[
            CARD,
            (
                "services/shared/platform/Cargo.toml",
                "[package]\nname = \"platform\"\n[dependencies]\ncard.workspace = true",
            ),
        ],
        found: Some(("services/shared/platform/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the contract depends on the kernel",
        files: &[
            KERNEL,
            (
                "proto/Cargo.toml",
                "[package]\nname = \"proto\"\n[build-dependencies]\nkernel.workspace = true",
            ),
        ],
        found: Some(("proto/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "a service depends on another",
        files: &[
            CARD,
            (
                "services/loan/Cargo.toml",
                "[package]\nname = \"loan\"\n[dependencies]\ncard = { path = \"../card\" }",
            ),
        ],
        found: Some(("services/loan/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "a service depends on the testkit for more than its tests",
        files: &[
            TESTKIT,
            (
                "services/loan/Cargo.toml",
                "[package]\nname = \"loan\"\n[dependencies]\ntestkit.workspace = true",
            ),
        ],
        found: Some(("services/loan/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the language of card schemes depends on a crate that does input and output",
        files: &[(
            "services/shared/scheme/Cargo.toml",
            "[package]\nname = \"scheme\"\n[dependencies]\ntokio.workspace = true",
        )],
        found: Some(("services/shared/scheme/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "a service that no scheme talks to knows what schemes say",
        files: &[
            SCHEME,
            (
                "services/loan/Cargo.toml",
                "[package]\nname = \"loan\"\n[dependencies]\nscheme.workspace = true",
            ),
        ],
        found: Some(("services/loan/Cargo.toml", 4)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the card service on what schemes say, and that on the kernel: as it should be",
        files: &[
            KERNEL,
            (
                "services/shared/scheme/Cargo.toml",
                "[package]\nname = \"scheme\"\n[dependencies]\nkernel.workspace = true",
            ),
            (
                "services/card/Cargo.toml",
                "[package]\nname = \"card\"\n[dependencies]\nkernel.workspace = true\nscheme.workspace = true",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "crate-dependencies",
        says: "a crate stands where no crate is expected",
        files: &[("services/shared/extras/Cargo.toml", "[package]\nname = \"extras\"")],
        found: Some(("services/shared/extras/Cargo.toml", 1)),
    },
    Fixture {
        rule: "crate-dependencies",
        says: "the platform on the contract, for the operations service",
        files: &[
            KERNEL,
            ("proto/Cargo.toml", "[package]\nname = \"proto\""),
            (
                "services/shared/platform/Cargo.toml",
                "[package]\nname = \"platform\"\n[dependencies]\nkernel.workspace = true\nproto.workspace = true",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "crate-dependencies",
        says: "a service on kernel, platform and proto, its tests on the testkit: as it should be",
        files: &[
            KERNEL,
            PLATFORM,
            TESTKIT,
            ("proto/Cargo.toml", "[package]\nname = \"proto\""),
            (
                "services/loan/Cargo.toml",
                "[package]\nname = \"loan\"\n[dependencies]\nkernel.workspace = true\n\
                 platform.workspace = true\nproto.workspace = true\n[dev-dependencies]\ntestkit.workspace = true",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "versions-at-the-root",
        says: "a crate has a version of its own in mind",
        files: &[(
            "proto/Cargo.toml",
            "[package]\nname = \"proto\"\n[dependencies]\nprost = \"0.14\"",
        )],
        found: Some(("proto/Cargo.toml", 4)),
    },
    Fixture {
        rule: "pure-domain",
        says: "the domain waits",
        files: &[("services/loan/src/domain/loan.rs", "//! Loans.\n\npub async fn due() {}")],
        found: Some(("services/loan/src/domain/loan.rs", 3)),
    },
    Fixture {
        rule: "pure-domain",
        says: "the domain computes with floats",
        files: &[("services/loan/src/domain/loan.rs", "//! Loans.\npub const RATE: f64 = 0.05;")],
        found: Some(("services/loan/src/domain/loan.rs", 2)),
    },
    Fixture {
        rule: "pure-domain",
        says: "the domain holds a clock",
        files: &[("services/loan/src/domain/loan.rs", "//! Loans.\nuse kernel::Clock;")],
        found: Some(("services/loan/src/domain/loan.rs", 2)),
    },
    Fixture {
        rule: "pure-domain",
        says: "only comments, literals and tests name what is forbidden",
        files: &[
            (
                "services/loan/src/domain/loan.rs",
                "//! No async, no f64.\nconst A: &str = \"async\";\n#[cfg(test)]\nmod t { use kernel::Clock; }\n",
            ),
            ("services/loan/src/domain/properties.rs", "//! Properties.\nuse kernel::Clock;"),
        ],
        found: None,
    },
    Fixture {
        rule: "pure-kernel",
        says: "the kernel computes with floats",
        files: &[("services/shared/kernel/src/rate.rs", "//! Rates.\npub struct Rate(f32);")],
        found: Some(("services/shared/kernel/src/rate.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "a command knows SQL",
        files: &[(
            "services/loan/src/commands/disburse.rs",
            "//! Disburses.\nfn run() { sqlx::query(\"\"); }",
        )],
        found: Some(("services/loan/src/commands/disburse.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "main knows SQL",
        files: &[("services/loan/src/main.rs", "//! Loan.\nuse sqlx::PgPool;")],
        found: Some(("services/loan/src/main.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "a command knows gRPC",
        files: &[("services/loan/src/commands/disburse.rs", "//! Disburses.\nuse tonic::Status;")],
        found: Some(("services/loan/src/commands/disburse.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "the store knows the contract",
        files: &[("services/loan/src/store/read.rs", "//! Reads.\nuse proto::loan::v1 as pb;")],
        found: Some(("services/loan/src/store/read.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "the domain knows the platform",
        files: &[("services/loan/src/domain/loan.rs", "//! Loans.\nuse platform::db;")],
        found: Some(("services/loan/src/domain/loan.rs", 2)),
    },
    Fixture {
        rule: "layers",
        says: "each layer uses what is its own",
        files: &[
            (
                "services/loan/src/api/mod.rs",
                "//! RPCs.\nuse tonic::Status;\nuse proto::loan::v1 as pb;",
            ),
            ("services/loan/src/store/read.rs", "//! Reads.\nfn f() { sqlx::query(\"\"); }"),
            (
                "services/loan/src/lib.rs",
                "//! Loan.\npub static M: sqlx::migrate::Migrator = sqlx::migrate!();",
            ),
            ("services/loan/src/commands/mod.rs", "//! Writes.\nuse platform::lanes::Book;"),
        ],
        found: None,
    },
    Fixture {
        rule: "platform-contract",
        says: "the platform knows a service's messages",
        files: &[(
            "services/shared/platform/src/outbox.rs",
            "//! Delivers.\nuse proto::accounting::v1::EventBatch;",
        )],
        found: Some(("services/shared/platform/src/outbox.rs", 2)),
    },
    Fixture {
        rule: "platform-contract",
        says: "the platform serves its own contract, and its tests call a bank",
        files: &[
            (
                "services/shared/platform/src/traffic/operations.rs",
                "//! Limits.\nuse proto::operations::v1 as pb;",
            ),
            (
                "services/shared/platform/src/policy.rs",
                "//! Policies.\n#[cfg(test)]\nmod tests {\n    use proto::deposit::v1 as pb;\n}",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "status-home",
        says: "an RPC builds its own Status",
        files: &[(
            "services/loan/src/api/mod.rs",
            "//! RPCs.\nfn no() -> Status { tonic::Status::not_found(\"\") }",
        )],
        found: Some(("services/loan/src/api/mod.rs", 2)),
    },
    Fixture {
        rule: "status-home",
        says: "a parser uses the platform's builders",
        files: &[(
            "services/loan/src/api/parse.rs",
            "//! Parses.\nuse platform::status::{FieldViolation, invalid_argument};",
        )],
        found: Some(("services/loan/src/api/parse.rs", 2)),
    },
    Fixture {
        rule: "status-home",
        says: "a client decides what its caller is told",
        files: &[(
            "services/loan/src/clients/deposit.rs",
            "//! Deposit.\nfn no() -> Status { Status::unavailable(\"\") }",
        )],
        found: Some(("services/loan/src/clients/deposit.rs", 2)),
    },
    Fixture {
        rule: "status-home",
        says: "statuses built at home, passed on by an RPC, and of an answer that cannot be read",
        files: &[
            (
                "services/loan/src/api/status.rs",
                "//! Statuses.\nfn no() -> Status { Status::not_found(\"\") }",
            ),
            (
                "services/loan/src/api/mod.rs",
                "//! RPCs.\nuse platform::status::FieldViolation;\nfn f() -> Status { status::no() }",
            ),
            (
                "services/loan/src/clients/deposit.rs",
                "//! Deposit.\nfn no() -> Status { Status::internal(\"\") }",
            ),
            (
                "services/loan/src/domain/loan.rs",
                "//! Loans.\nconst S: LoanStatus = LoanStatus::default();",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "service-tree",
        says: "a service has no README.md",
        files: &[
            ("services/loan/migrations/0001_loans.sql", ""),
            ("services/loan/src/main.rs", ""),
            ("services/loan/src/lib.rs", ""),
            ("services/loan/src/config.rs", ""),
            ("services/loan/src/api/mod.rs", ""),
            ("services/loan/src/api/parse.rs", ""),
            ("services/loan/src/api/reply.rs", ""),
            ("services/loan/src/api/status.rs", ""),
            ("services/loan/src/commands/mod.rs", ""),
            ("services/loan/src/domain/mod.rs", ""),
            ("services/loan/src/store/mod.rs", ""),
            ("services/loan/tests/it/main.rs", ""),
        ],
        found: Some(("services/loan/README.md", 1)),
    },
    Fixture {
        rule: "file-length",
        says: "a file is longer than one sitting",
        files: &[("loadtest/src/lib.rs", LONG)],
        found: Some(("loadtest/src/lib.rs", 501)),
    },
    Fixture {
        rule: "file-header",
        says: "a file does not say what it is for",
        files: &[("loadtest/src/lib.rs", "use std::fmt;")],
        found: Some(("loadtest/src/lib.rs", 1)),
    },
    Fixture {
        rule: "file-names",
        says: "a file is named for nothing",
        files: &[("loadtest/src/time_utils.rs", "//! Times.")],
        found: Some(("loadtest/src/time_utils.rs", 1)),
    },
    Fixture {
        rule: "file-names",
        says: "a folder is named for nothing",
        files: &[("services/shared/common/README.md", "")],
        found: Some(("services/shared/common/README.md", 1)),
    },
    Fixture {
        rule: "file-names",
        says: "a module is named for nothing",
        files: &[("loadtest/src/lib.rs", "//! Load.\nmod helpers {}")],
        found: Some(("loadtest/src/lib.rs", 2)),
    },
    Fixture {
        rule: "file-names",
        says: "the contract's package of shared messages keeps its name",
        files: &[
            ("proto/bank/common/v1/money.proto", ""),
            ("proto/src/lib.rs", "//! Contract.\npub mod common {}"),
        ],
        found: None,
    },
];
