//! Exit codes and error lines.

use std::net::TcpListener;

use crate::support::{Place, run};

fn is_one_line(error: &str) -> bool {
    error.starts_with("error: ") && error.trim_end().lines().count() == 1
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let help =
        std::process::Command::new(env!("CARGO_BIN_EXE_bank")).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();

    assert!(help.status.success());
    for word in ["up", "status", "verify", "certificate", "down", "Exit codes:"] {
        assert!(text.contains(word), "{word} is missing from {text}");
    }
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    assert_eq!(run(&["up", "--no-such-option"]).code, Some(2));
}

#[test]
fn options_that_make_no_sense_are_usage_errors_and_touch_nothing() {
    let place = Place::new();
    let nonsense: [&[&str]; 9] = [
        &["--replicas", "99"],
        &["--trace-ratio", "1.5"],
        &["--otlp", "collector:4317"],
        &["--base-port", "80"],
        &["--first-business-date", "2026-02-30"],
        &["--set", "deposit.lanes.lanes"],
        &["--set", "mortgage.lanes.lanes=4"],
        &["--set", "deposit.lanes.lanes=many"],
        &["--set", "deposit.lanes=4"],
    ];

    for arguments in nonsense {
        let said = place.up(arguments);

        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.error);
    }
    assert!(place.is_untouched());
}

#[test]
fn a_setting_that_the_bank_itself_decides_is_refused_by_name() {
    let place = Place::new();

    for taken in ["deposit.server.listen", "loan.books.products_file"] {
        let setting = format!("{taken}=\"127.0.0.1:1\"");

        let said = place.up(&["--min-free-mb", "1", "--set", &setting]);

        assert_eq!(said.code, Some(2), "{}", said.error);
        assert!(is_one_line(&said.error), "{}", said.error);
        assert!(said.error.contains(taken), "{}", said.error);
        assert!(place.is_untouched());
    }
}

#[test]
fn a_missing_service_binary_is_named_with_what_builds_it() {
    let place = Place::new();
    std::fs::remove_file(place.binaries().join("deposit")).unwrap();

    let said = place.up(&[]);

    assert_eq!(said.code, Some(3));
    assert!(is_one_line(&said.error), "{}", said.error);
    assert!(said.error.contains("binary of deposit") && said.error.contains("cargo build"));
    assert!(place.is_untouched());
}

#[test]
fn a_full_disk_is_refused_before_anything_is_written() {
    let place = Place::new();

    let said = place.up(&["--min-free-mb", "999999999"]);

    assert_eq!(said.code, Some(3));
    assert!(is_one_line(&said.error), "{}", said.error);
    assert!(said.error.contains("the disk is nearly full"), "{}", said.error);
    assert!(place.is_untouched());
}

#[test]
fn a_busy_port_is_named() {
    let place = Place::new();
    let base = testkit::port::free(1).unwrap()[0];
    let _busy = TcpListener::bind(("127.0.0.1", base + 1)).unwrap();

    let said = place.up(&["--base-port", &base.to_string()]);

    assert_eq!(said.code, Some(3));
    assert!(said.error.contains(" of 127.0.0.1 is in use"), "{}", said.error);
    assert!(place.is_untouched());
}

#[test]
fn a_failed_detached_start_relays_its_line_and_code() {
    let place = Place::new();

    let said = place.up(&["--detach", "--min-free-mb", "999999999"]);

    assert_eq!(said.code, Some(3));
    assert!(is_one_line(&said.error), "{}", said.error);
    assert!(place.is_untouched());
}

/// The stand-ins for the services cannot be executed, so Postgres is up when the start fails.
#[test]
fn a_start_that_fails_late_stops_what_it_started_and_removes_the_directory() {
    let place = Place::new();

    let said = place.up(&["--min-free-mb", "1"]);

    assert_eq!(said.code, Some(3), "{}", said.error);
    assert!(is_one_line(&said.error), "{}", said.error);
    assert!(said.error.contains("cannot start"), "{}", said.error);
    assert!(place.is_untouched());
}

#[test]
fn commands_on_a_directory_without_a_bank_say_how_to_start_one() {
    let place = Place::new();

    let commands: [(&str, &[&str]); 4] =
        [("status", &[]), ("verify", &[]), ("down", &[]), ("certificate", &["teller/1"])];
    for (command, more) in commands {
        let said = place.run(command, more);

        assert_eq!(said.code, Some(5), "{command}");
        assert!(is_one_line(&said.error), "{}", said.error);
        assert!(said.error.contains("bank up --dir"), "{}", said.error);
    }
}
