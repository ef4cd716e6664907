//! Rules on metrics: code, lists, the reference page, alerts and dashboards.

use crate::Fixture;

const LIST: (&str, &str) = (
    "services/loan/src/signals.rs",
    "//! Metrics (计).\nconst METRICS: &[Metric] = &[\n    counter(\n        \"loan_repaid_total\", Unit::Count, \"Repayments.\"),\n    histogram(\"loan_age_seconds\", Unit::Seconds, \"Age.\"),\n];",
);

const PAGE: (&str, &str) = (
    "docs/reference/metrics.md",
    "# Metrics\n\n| `loan_repaid_total` | counter, repayments | none |\n| `loan_age_seconds` | histogram, seconds | none |",
);

const ALERT: (&str, &str) =
    ("deploy/observability/alerts.yml", "rules:\n  - alert: LoansOld\n    expr: up == 0");

const ALERT_TESTS: (&str, &str) = (
    "deploy/observability/alerts_test.yml",
    "tests:\n  - alertname: LoansOld\n    exp_alerts: []\n  - alertname: LoansOld\n    exp_alerts: [{}]",
);

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        rule: "metrics-described",
        says: "something is counted that no list has",
        files: &[
            LIST,
            (
                "services/loan/src/jobs.rs",
                "//! Jobs.\nfn f() {\n    metrics::counter!(\n        \"loan_lost_total\").increment(1);\n}",
            ),
        ],
        found: Some(("services/loan/src/jobs.rs", 3)),
    },
    Fixture {
        rule: "metrics-described",
        says: "a counter is set like a gauge",
        files: &[
            LIST,
            (
                "services/loan/src/jobs.rs",
                "//! J.\nfn f() {\n    gauge!(\"loan_repaid_total\");\n}",
            ),
        ],
        found: Some(("services/loan/src/jobs.rs", 3)),
    },
    Fixture {
        rule: "metrics-described",
        says: "what is counted is in the list; comments and tests do not count",
        files: &[
            LIST,
            (
                "services/loan/src/jobs.rs",
                "//! gauge!(\"a\")\nfn f() {\n    metrics::counter!(\"loan_repaid_total\");\n}\n#[cfg(test)]\nmod tests {\n    fn f() { counter!(\"b\"); }\n}",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "metrics-reference",
        says: "a metric that the page does not have",
        files: &[
            LIST,
            ("docs/reference/metrics.md", "| `loan_age_seconds` | histogram, seconds | none |"),
        ],
        found: Some(("services/loan/src/signals.rs", 3)),
    },
    Fixture {
        rule: "metrics-reference",
        says: "a metric that the page has as something else",
        files: &[
            LIST,
            (
                "docs/reference/metrics.md",
                "| `loan_repaid_total` | counter, repayments | none |\n| `loan_age_seconds` | gauge, seconds | none |",
            ),
        ],
        found: Some(("services/loan/src/signals.rs", 5)),
    },
    Fixture {
        rule: "metrics-reference",
        says: "a page with every metric, as what it is",
        files: &[PAGE, LIST],
        found: None,
    },
    Fixture {
        rule: "metrics-reference",
        says: "a page with a metric that no crate has",
        files: &[(PAGE.0, "# M\n\n| `loan_gone_total` | counter, loans | none |")],
        found: Some(("docs/reference/metrics.md", 3)),
    },
    Fixture {
        rule: "metrics-asked-for",
        says: "an alert on a metric that is not there",
        files: &[
            PAGE,
            ("deploy/observability/alerts.yml", "groups:\n- expr: rate(loan_paid_total[5m])"),
        ],
        found: Some(("deploy/observability/alerts.yml", 2)),
    },
    Fixture {
        rule: "metrics-asked-for",
        says: "a dashboard on the buckets of a counter",
        files: &[
            PAGE,
            ("deploy/observability/dashboards/a.json", "{\"expr\": \"loan_repaid_total_bucket\"}"),
        ],
        found: Some(("deploy/observability/dashboards/a.json", 1)),
    },
    Fixture {
        rule: "metrics-asked-for",
        says: "alerts and dashboards on metrics of the page, and words of other families",
        files: &[
            PAGE,
            (
                "deploy/observability/alerts.yml",
                "expr: sum by (served_by) (rate(loan_age_seconds_bucket[5m]))",
            ),
            ("deploy/observability/dashboards/a.json", "{\"expr\": \"loan_repaid_total\"}"),
            ("deploy/observability/prometheus.yml", "loan_file: a"),
        ],
        found: None,
    },
    Fixture {
        rule: "alerts",
        says: "an alert that nobody is told about",
        files: &[ALERT, ALERT_TESTS, ("docs/operations/alerts.md", "### LoansLate\n")],
        found: Some(("deploy/observability/alerts.yml", 2)),
    },
    Fixture {
        rule: "alerts",
        says: "an alert that was only seen to come",
        files: &[
            ALERT,
            ("deploy/observability/alerts_test.yml", "  - alertname: LoansOld\n"),
            ("docs/operations/alerts.md", "### LoansOld\n"),
        ],
        found: Some(("deploy/observability/alerts.yml", 2)),
    },
    Fixture {
        rule: "alerts",
        says: "an alert with a section and a test",
        files: &[ALERT, ALERT_TESTS, ("docs/operations/alerts.md", "# Alerts\n\n### LoansOld\n")],
        found: None,
    },
];
