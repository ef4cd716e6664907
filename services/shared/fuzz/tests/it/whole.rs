//! The targets are all there, and each gets as far as its service does.

use std::time::{Duration, Instant};

use fuzz::{Target, services, targets};

#[test]
fn every_request_of_the_contract_is_fed() {
    let requests = targets().unwrap().into_iter().filter(Target::reads_requests);
    let names: Vec<String> = requests.map(|target| target.name).collect();

    // The one of each service that moves or guards most; `targets` fails where any is missing.
    for name in [
        "deposit.Transfer",
        "customer.RegisterCustomer",
        "loan.RepayLoan",
        "card.Authorize",
        "accounting.PostEvents",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    assert_eq!(services().unwrap().len(), 6);
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn every_target_accepts_its_valid_request() {
    // Otherwise what lies behind the first refusal is never reached.
    let targets = targets().unwrap();
    let requests = targets.iter().filter(|target| target.reads_requests());
    let refused: Vec<&str> = requests
        .filter(|target| !target.seeds().iter().any(|seed| target.accepts(seed)))
        .map(|target| target.name.as_str())
        .collect();

    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn everything_that_a_scheme_sends_is_fed() {
    let targets = targets().unwrap();
    for name in [
        "iso8583.message",
        "iso8583.frames",
        "iso8583.original-data",
        "pin.block",
        "clearing.line",
        "settlement.report",
    ] {
        let target = targets.iter().find(|target| target.name == name).unwrap();
        let seeds = target.seeds();
        assert!(!seeds.is_empty(), "{name} begins nowhere");
        for seed in &seeds {
            target.run(seed);
        }
    }
}

#[test]
fn large_messages_are_read_in_bounded_time() {
    for target in targets().unwrap() {
        for bytes in target.largest() {
            assert!(bytes.len() <= 1 << 20, "{} has {} bytes", target.name, bytes.len());
            let started = Instant::now();
            target.accepts(&bytes);
            let took = started.elapsed();
            // Unoptimized and beside other tests; what grows with the square of the size takes minutes.
            assert!(took < Duration::from_secs(20), "{} took {took:?}", target.name);
        }
    }
}
