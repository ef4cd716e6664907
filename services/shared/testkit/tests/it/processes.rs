//! Child processes: identity, stopping, killing.

use std::path::Path;
use std::time::Duration;

use testkit::environment::temporary_directory;
use testkit::process::{Identity, Program, how_it_ended, last_words};

fn shell(directory: &Path, script: &str) -> Program {
    let mut program = Program::new("script", Path::new("/bin/sh"), &directory.join("log"));
    program.args = vec!["-c".to_owned(), script.to_owned()];
    program
}

#[tokio::test]
async fn a_process_that_ignores_the_polite_signal_is_killed_after_the_limit() {
    let directory = temporary_directory("testkit-").unwrap();
    let script = "trap '' TERM; echo set; while :; do sleep 0.05; done";
    let mut stubborn = shell(directory.path(), script).spawn().unwrap();
    while last_words(&directory.path().join("log")) != "set" {
        tokio::task::yield_now().await;
    }

    let polite = stubborn.stop(Duration::from_millis(200)).await.unwrap();

    assert!(!polite);
    assert!(!stubborn.identity().is_alive());
}

#[tokio::test]
async fn a_dropped_handle_ends_its_process() {
    let directory = temporary_directory("testkit-").unwrap();
    let running = shell(directory.path(), "exec sleep 60").spawn().unwrap();
    let identity = running.identity();

    drop(running);

    assert!(!identity.is_alive());
}

#[tokio::test]
async fn an_identity_with_another_start_time_is_another_process_and_is_not_signalled() {
    let directory = temporary_directory("testkit-").unwrap();
    let mut running = shell(directory.path(), "exec sleep 60").spawn().unwrap();
    let earlier = Identity { started_ticks: 1, ..running.identity() };

    let signalled = earlier.signal(testkit::process::Signal::SIGKILL);

    assert!(!signalled);
    assert!(running.try_exited().unwrap().is_none());
}

#[tokio::test]
async fn how_a_process_ended_is_said_in_words() {
    let directory = temporary_directory("testkit-").unwrap();
    let mut failing = shell(directory.path(), "exit 3").spawn().unwrap();
    let mut killed = shell(directory.path(), "exec sleep 60").spawn().unwrap();

    let failed = failing.exited().await.unwrap();
    killed.kill9().await.unwrap();

    assert_eq!(how_it_ended(failed), "ended with exit code 3");
    assert_eq!(how_it_ended(killed.exited().await.unwrap()), "was killed by signal 9");
}

#[tokio::test]
async fn the_last_words_of_a_log_are_its_last_failure_on_one_line() {
    let directory = temporary_directory("testkit-").unwrap();
    let log = directory.path().join("log");
    let text = "starting\nError: the settings cannot be used:\n  lanes: too many\n  listen: taken\nbye\n\nStack backtrace:\n 0: error\n";
    std::fs::write(&log, text).unwrap();

    let words = last_words(&log);

    assert_eq!(words, "Error: the settings cannot be used: lanes: too many listen: taken");
}

#[tokio::test]
async fn the_last_words_of_a_json_log_are_message_and_cause() {
    let directory = temporary_directory("testkit-").unwrap();
    let log = directory.path().join("log");
    let text = r#"{"level":"WARN","error":"no primary","message":"not delivered"}"#;
    std::fs::write(&log, text).unwrap();

    let words = last_words(&log);

    assert_eq!(words, "not delivered: no primary");
}
