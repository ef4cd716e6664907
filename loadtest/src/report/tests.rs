//! A report of a made-up run, for the tests of its renderings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use testkit::invariants::{Books, Check, RunIds};
use uuid::Uuid;

use super::*;
use crate::meter::{Meter, Outcome, Sample, histogram};
use crate::run::Plan;
use crate::scenario::Scenario;
use crate::watch::Watched;

/// Three seconds of transfers with one query beside each.
pub(crate) fn finished() -> Finished {
    let meter = Meter::new().unwrap();
    for n in 0..30_u64 {
        let sample = Sample {
            operation: Operation::Transfer,
            outcome: if n == 7 { Outcome::Refused } else { Outcome::Posted },
            latency: Duration::from_millis(n + 1),
            lag: Duration::from_micros(100),
            ended: Duration::from_millis(n * 100),
        };
        meter.count(&sample);
        let outcome = Outcome::Answered { from_replica: n % 5 != 0, stale: false };
        meter.count(&Sample { operation: Operation::GetBalance, outcome, ..sample });
    }
    let scenario = Arc::new(Scenario::load("transfer").unwrap());
    let pace = Pace::Rate { per_second: 10, poisson: false };
    Finished {
        plan: Plan { scenario, pace, seconds: 3, queries: 10, in_flight_max: 100 },
        measured: meter.measured(),
        offered: 30,
        sending: Duration::from_secs(3),
        resolved: 0,
        unresolved: 0,
        watched: Watched {
            outbox_age: histogram().unwrap(),
            memory: Memory { services: 100.0, postgres: 900.0, total: 1_000.0 },
            cpu: Cpu::default(),
        },
        drained: Some(Duration::from_millis(12)),
        record: PathBuf::from("record"),
        ids: RunIds { first: Uuid::nil(), last: Uuid::max(), tag: [0; 4] },
        refusals: [("INSUFFICIENT_FUNDS".to_owned(), 1)].into(),
        troubles: Vec::new(),
        interrupted: false,
    }
}

/// A bank that is nowhere.
pub(crate) fn target() -> Target {
    let url = || "postgres://nowhere".to_owned();
    Target {
        dir: PathBuf::from("/nowhere"),
        deposit: "http://nowhere".to_owned(),
        customer: "http://nowhere".to_owned(),
        loan: "http://nowhere".to_owned(),
        card: "http://nowhere".to_owned(),
        iso8583: "nowhere:1".to_owned(),
        card_config: PathBuf::from("/nowhere"),
        accounting: "http://nowhere".to_owned(),
        books: Books {
            deposit_url: url(),
            loan_url: url(),
            card_url: url(),
            accounting_url: url(),
            customer_url: url(),
            audit_heads: Vec::new(),
        },
        admin_url: url(),
        services: Vec::new(),
        nodes: Vec::new(),
        sync_replicas: 1,
        tracing: false,
        mtls: false,
    }
}

/// The report of all that.
pub(crate) fn report() -> RunReport {
    let mut report = RunReport::of(&finished(), &target(), 2, "2026-11-23T00:00:00Z".to_owned());
    report.verify = Some(Audit::of(vec![Check {
        id: "V5",
        name: "what the client was answered is in the books",
        passed: false,
        examined: 30,
        violations: vec!["request <1>: lost & found".to_owned()],
    }]));
    report
}

#[test]
fn the_json_has_every_key_that_others_rely_on() {
    let json = serde_json::to_value(report()).unwrap();

    for key in [
        "scenario",
        "seconds",
        "offered",
        "acked",
        "refused",
        "shed",
        "failed",
        "unknown_resolved",
        "tps",
        "generator_lag_ms_p99",
        "outbox_age_ms_p99",
        "drained_ms",
        "sync_replicas",
        "tracing",
        "mtls",
    ] {
        assert!(json.get(key).is_some_and(|value| !value.is_null()), "{key}");
    }
    for key in ["p50", "p90", "p99", "p999", "max"] {
        assert!(json["latency_ms"]["transfer"][key].is_f64(), "{key}");
    }
    for key in ["total", "replica_share", "stale"] {
        assert!(json["queries"][key].is_number(), "{key}");
    }
    assert!(json["memory_mb"]["services"].is_f64() && json["memory_mb"]["postgres"].is_f64());
    assert_eq!(json["verify"]["passed"], false);
    assert_eq!(json["verify"]["checks"][0]["id"], "V5");
}

#[test]
fn figures_are_those_of_the_run() {
    let report = report();

    assert_eq!((report.offered, report.acked, report.refused), (30, 29, 1));
    assert!((report.tps - 9.7).abs() < 0.01, "{}", report.tps);
    assert!((report.queries.replica_share - 0.8).abs() < 1e-9);
    assert_eq!(report.latency_ms.keys().copied().collect::<Vec<_>>(), ["get_balance", "transfer"]);
}

#[test]
fn a_run_passes_only_if_its_audit_does_and_no_read_was_stale() {
    let failed = report();
    let good = RunReport { verify: None, ..report() };
    let mut stale = good.clone();
    stale.queries.stale = 1;
    let unresolved = RunReport { unknown_left: 1, ..good.clone() };

    assert!(good.passed());
    assert!(!failed.passed() && !stale.passed() && !unresolved.passed());
}
