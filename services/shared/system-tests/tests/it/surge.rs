//! A short surge: four times what a bank can do whose capacity is pinned. What is asked here must hold on a busy machine
//! too; how well the bank does is measured by `loadtest run surge`.

use loadtest::stop::Stop;
use loadtest::surge::mix::Class;
use loadtest::surge::report::recovered_after;
use loadtest::surge::run::{Plan, run};

use crate::support::*;

/// Of the card authorizations. On a quiet machine all of them are answered in time.
const CARDS: f64 = 0.9;
/// Of what was answered in time before the overload.
const AS_BEFORE: f64 = 0.9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_four_times_its_load_a_bank_serves_cards_loses_nothing_and_recovers() {
    let plan = Plan { bin_dir: Some(binaries()), ..Plan::quick().unwrap() };

    let report = Box::pin(run(&plan, &Stop::new())).await.unwrap();

    assert_eq!((report.unresolved, report.troubles), (0, Vec::<String>::new()));
    let audit = report.audit.unwrap();
    assert!(audit.passed, "{:#?}", audit.checks);
    let mode = &report.modes[0];
    let (calm, overload) = (mode.at(80).unwrap(), mode.highest().unwrap());
    assert!(overload.shed > 0, "nobody was turned away: it was no overload");
    let (cards, payments) =
        (overload.success(Class::CardAuthorization), overload.success(Class::Payment));
    assert!(cards >= CARDS && cards > payments, "{cards} of the cards, {payments} of the payments");
    let recovery = mode.recovery.as_ref().unwrap();
    let after = recovered_after(&recovery.timeline, AS_BEFORE * calm.goodness());
    assert!(after.is_some(), "{:?}", recovery.timeline);
}
