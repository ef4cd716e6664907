//! A short hunt at random over every target; `make fuzz` goes on for as long as one likes.

use std::path::Path;
use std::time::Duration;

use fuzz::{Target, hunt, targets};

/// How many inputs each target gets.
const INPUTS: u32 = 300;
/// How long one may take, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_short_hunt_finds_nothing() {
    let crashes = Path::new(env!("CARGO_MANIFEST_DIR")).join("crashes");
    let seed = rand::random();

    for target in targets().unwrap() {
        let crash = hunt::random(&target, (seed, INPUTS), LIMIT, &crashes).unwrap();
        assert!(crash.is_none(), "{}, seed {seed}: {crash:?}", target.name);
    }
}

#[test]
fn a_hunt_finds_what_breaks_a_target_and_saves_it() {
    let fragile = Target::other("fragile", |bytes| assert!(bytes.len() < 20, "too long"));
    let directory = tempfile::tempdir().unwrap();

    let crash = hunt::random(&fragile, (7, 10_000), LIMIT, directory.path()).unwrap().unwrap();

    assert_eq!(crash.problem, "panic: too long");
    let saved = hunt::saved(directory.path()).unwrap();
    assert_eq!(saved.len(), 1);
    let (name, path, bytes) = &saved[0];
    assert_eq!((name.as_str(), path), ("fragile", &crash.saved));
    assert_eq!(hunt::feed(&fragile, bytes, LIMIT), Some("panic: too long".to_owned()));
}

#[test]
fn input_that_takes_too_long_is_found() {
    let slow = Target::other("slow", |_| std::thread::sleep(Duration::from_millis(20)));

    let problem = hunt::feed(&slow, &[], Duration::from_millis(1)).unwrap();

    assert!(problem.starts_with("took "), "{problem}");
}
