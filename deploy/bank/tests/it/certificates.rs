//! Certificates on disk: whose they are, who can read them, which wishes are refused. The system tests use them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use bank::{BankFile, Certificates, IDENTITIES, State};
use testkit::certificates::expiry;

use crate::support::Place;

/// A directory as a stopped bank leaves it, as far as `bank certificate` looks.
fn stopped(place: &Place) {
    let dir = place.dir();
    std::fs::create_dir_all(dir.join("tls")).unwrap();
    let certificates =
        Certificates { authority: dir.join("tls/ca.pem"), identities: BTreeMap::new() };
    let file = BankFile {
        version: 2,
        dir: dir.clone(),
        state: State::Stopped,
        boot_id: String::new(),
        supervisor: None,
        first_business_date: "2026-11-23".parse().unwrap(),
        nodes: Vec::new(),
        services: BTreeMap::new(),
        certificates: Some(certificates),
    };
    std::fs::write(dir.join("bank.json"), serde_json::to_string(&file).unwrap()).unwrap();
}

#[test]
fn a_certificate_is_issued_for_as_long_as_asked_and_only_its_owner_can_read_it() {
    let place = Place::new();
    stopped(&place);

    let said = place.run("certificate", &["teller/0042", "--days", "7", "--json"]);

    assert_eq!(said.code, Some(0), "{}", said.error);
    let issued: serde_json::Value = serde_json::from_str(&said.output).unwrap();
    assert_eq!(issued["identity"], "teller/0042");
    for (what, name) in
        [("certificate", "teller-0042.pem"), ("key", "teller-0042.key"), ("authority", "ca.pem")]
    {
        let path = place.dir().join("tls").join(name);
        assert_eq!(issued[what], path.to_str().unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let text = std::fs::read_to_string(place.dir().join("tls/teller-0042.pem")).unwrap();
    let until = expiry(&text).unwrap();
    assert_eq!(issued["not_after"].as_str().unwrap()[..19], until.to_rfc3339()[..19]);
}

#[test]
fn a_certificate_is_renewed_under_the_same_authority() {
    let place = Place::new();
    stopped(&place);
    let read = |name: &str| std::fs::read_to_string(place.dir().join("tls").join(name)).unwrap();
    place.run("certificate", &["operator/1"]);
    let before = (read("operator-1.pem"), read("operator-1.key"), read("ca.pem"));

    let said = place.run("certificate", &["operator/1"]);

    assert!(said.output.starts_with("operator/1, good until 20"), "{}", said.output);
    assert_ne!(read("operator-1.pem"), before.0);
    assert_ne!(read("operator-1.key"), before.1);
    assert_eq!(read("ca.pem"), before.2);
}

#[test]
fn wishes_that_make_no_sense_are_usage_errors_and_issue_nothing() {
    let place = Place::new();
    stopped(&place);
    let nonsense: [(&[&str], &str); 7] = [
        (&["teller"], "KIND/NAME"),
        (&["admin/1"], "the kinds are channel, teller"),
        (&["service/mortgage"], "the services are customer"),
        (&["teller/../../etc"], "a name consists of"),
        (&["teller/Ada"], "a name consists of"),
        (&["teller/1", "--days", "0"], "--days must be between 1 and 365"),
        (&["teller/1", "--days", "366"], "--days must be between 1 and 365"),
    ];

    for (arguments, why) in nonsense {
        let said = place.run("certificate", arguments);

        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.error);
        assert!(said.error.contains(why), "{arguments:?}: {}", said.error);
    }
    assert_eq!(std::fs::read_dir(place.dir().join("tls")).unwrap().count(), 0);
}

#[test]
fn an_authority_without_its_key_is_reported_with_what_to_do() {
    let place = Place::new();
    stopped(&place);
    place.run("certificate", &["teller/1"]);
    std::fs::remove_file(place.dir().join("tls/ca.key")).unwrap();

    let said = place.run("certificate", &["teller/1"]);

    assert_eq!(said.code, Some(1));
    assert!(said.error.contains("ca.key") && said.error.contains("bank up"), "{}", said.error);
}

#[test]
fn every_identity_of_a_new_bank_may_be_renewed_by_hand() {
    let place = Place::new();
    stopped(&place);

    for identity in IDENTITIES {
        let said = place.run("certificate", &[identity]);

        assert_eq!(said.code, Some(0), "{identity}: {}", said.error);
    }
}
