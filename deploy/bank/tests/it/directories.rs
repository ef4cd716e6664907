//! Which directories can hold a bank.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{Place, run};

#[test]
fn a_directory_with_somebodys_files_is_refused_and_left_alone() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir()).unwrap();
    std::fs::write(place.dir().join("thesis.txt"), "three years of work").unwrap();

    let said = place.up(&[]);

    assert_eq!(said.code, Some(3));
    assert!(said.error.contains("is not empty and holds no bank"), "{}", said.error);
    assert_eq!(std::fs::read_dir(place.dir()).unwrap().count(), 1);
}

#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir().parent().unwrap()).unwrap();
    std::fs::write(place.dir(), "").unwrap();

    let said = place.up(&[]);

    assert_eq!(said.code, Some(3));
    assert!(said.error.contains("is not a directory"), "{}", said.error);
}

#[test]
fn an_empty_directory_is_used_and_stays_empty_when_the_start_fails() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir()).unwrap();

    let said = place.up(&["--min-free-mb", "999999999"]);

    assert_eq!(said.code, Some(3));
    assert_eq!(std::fs::read_dir(place.dir()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_cannot_be_created_is_an_environment_error() {
    let place = Place::new();
    let below_a_file = place.binaries().join("deposit/bank");

    let binaries = place.binaries();
    let arguments =
        ["up", "--bin-dir", binaries.to_str().unwrap(), "--dir", below_a_file.to_str().unwrap()];

    let said = run(&arguments);

    assert_eq!(said.code, Some(3));
    assert!(said.error.contains("cannot create"), "{}", said.error);
}

#[test]
fn a_directory_that_a_living_supervisor_holds_is_refused_with_its_own_code() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir()).unwrap();
    let lock = File::create(place.dir().join("run.lock")).unwrap();
    lock.lock().unwrap();

    let said = place.up(&[]);

    assert_eq!(said.code, Some(4));
    assert!(said.error.contains("already running"), "{}", said.error);
}

#[test]
fn a_bank_of_another_version_is_refused() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir()).unwrap();
    File::create(place.dir().join("run.lock")).unwrap();
    std::fs::write(place.dir().join("bank.json"), r#"{"version": 9}"#).unwrap();

    let said = place.up(&[]);

    assert_eq!(said.code, Some(3));
    assert!(said.error.contains("another version of bank (9"), "{}", said.error);
}

#[test]
fn a_start_that_is_interrupted_stops_what_it_started_and_removes_the_directory() {
    let place = Place::new();
    let child = Command::new(env!("CARGO_BIN_EXE_bank"))
        .args(["up", "--dir", place.dir().to_str().unwrap()])
        .args(["--bin-dir", place.binaries().to_str().unwrap()])
        .args(["--min-free-mb", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bank = testkit::process::Identity::of(child.id().try_into().unwrap()).unwrap();
    while !place.dir().join("postgres/primary/PG_VERSION").exists() {
        std::thread::yield_now();
    }

    bank.signal(testkit::process::Signal::SIGINT);
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: interrupted\n");
    assert!(place.is_untouched());
}
