//! The card service with its keys in an HSM: SoftHSM, which is PKCS#11 without the hardware, with a token of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proto::card::v1 as pb;
use scheme::{ClearPin, TripleDesKey, pin};
use tempfile::TempDir;
use tonic::Code;

use crate::support::*;

/// The key of the scheme for blocks of format 0.
const OLD_ZONE_KEY: &str = "5a3f08c1d27e694b83f0a61c4e9d7b25";

/// A token of a test.
struct Hsm {
    directory: TempDir,
    module: PathBuf,
}

impl Hsm {
    /// An empty token with the label `cards`.
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let tokens = directory.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(directory.path().join("softhsm2.conf"), settings).unwrap();
        let hsm = Self { directory, module: module() };
        let mut making = Command::new("softhsm2-util");
        making.args(["--init-token", "--free", "--label", "cards", "--so-pin", "87654321"]);
        let made = making.args(["--pin", "12345678"]).envs([hsm.variable()]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        hsm
    }

    fn variable(&self) -> (&'static str, PathBuf) {
        ("SOFTHSM2_CONF", self.directory.path().join("softhsm2.conf"))
    }

    /// The section of settings.
    fn section(&self) -> String {
        format!(
            "\n[keys.pkcs11]\nmodule = \"{}\"\ntoken_label = \"cards\"\npin = \"12345678\"\n",
            self.module.display()
        )
    }

    /// Runs the card program on this token.
    fn card(&self, arguments: &[&str], files: &[&Path]) -> Output {
        let mut card = Command::new(env!("CARGO_BIN_EXE_card"));
        for (argument, file) in arguments[1..].iter().zip(files) {
            card.args([Path::new(argument), file]);
        }
        let mut whole = Command::new(card.get_program());
        whole.arg(arguments[0]).args(card.get_args()).envs([self.variable()]).output().unwrap()
    }
}

fn module() -> PathBuf {
    let triples = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let folders = triples.chain(["/usr/lib64".into(), "/usr/lib".into()]);
    let mut files = folders.flat_map(|folder| {
        ["softhsm/libsofthsm2.so", "pkcs11/libsofthsm2.so"].map(|file| folder.join(file))
    });
    let found = files.find(|file| file.exists());
    assert!(found.is_some(), "SoftHSM is not here: install the package softhsm2 (make hsm)");
    found.unwrap()
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts.concat()
}

/// The settings of a service with keys in software, with a second zone key.
fn in_software(settings: &str) -> String {
    let old = format!("old = {{ algorithm = \"3des\", hex = \"{OLD_ZONE_KEY}\" }}, zone = {{");
    settings.replacen("zone = {", &old, 1)
}

/// The same with keys in an HSM.
fn in_hsm(settings: &str, hsm: &Hsm) -> String {
    let kept = settings.lines().filter(|line| {
        !line.starts_with("pin_verification_key_hex") && !line.starts_with("card_verification")
    });
    let zone = "zone_pin_keys = { old = { algorithm = \"3des\" }, \
                zone = { algorithm = \"aes\", label = \"zone of 2026\" } }";
    let kept = kept.map(|line| if line.starts_with("zone_pin_keys") { zone } else { line });
    let kept = kept.collect::<Vec<_>>().join("\n");
    kept.replace("provider = \"software\"", "provider = \"pkcs11\"") + &hsm.section()
}

fn in_format_0(plastic: &Plastic, digits: &str) -> pb::PinBlock {
    let key = TripleDesKey::from_hex(OLD_ZONE_KEY).unwrap();
    let digits = ClearPin::parse(digits).unwrap();
    pb::PinBlock {
        format: pb::PinBlockFormat::Iso0.into(),
        block: pin::encipher_format0(&key, &digits, &plastic.pan).to_vec(),
        key_name: "old".into(),
    }
}

fn verifying(plastic: &Plastic, block: pb::PinBlock) -> pb::VerifyPinRequest {
    let (request_id, card_id) = (request_id(), plastic.card_id.clone());
    pb::VerifyPinRequest { request_id, card_id, pin: Some(block) }
}

#[tokio::test]
async fn card_keys_that_are_moved_to_an_hsm_and_back_make_the_same_pins_and_cvv2s() {
    let hsm = Hsm::start();
    let mut service = Service::start().await;
    let variable = format!("SOFTHSM2_CONF={}", hsm.variable().1.display());
    let software = in_software(&service.settings());
    service.restart_with(&software, &variable).await;
    let before = service.active().await;
    let files = ["software.toml", "hsm.toml"].map(|name| service.directory().join(name));
    let with_hsm = in_hsm(&software, &hsm);
    std::fs::write(&files[0], &software).unwrap();
    std::fs::write(&files[1], &with_hsm).unwrap();
    let [from, to] = [files[0].as_path(), files[1].as_path()];

    let moved = hsm.card(&["move-keys", "--from", "--to"], &[from, to]);
    assert!(moved.status.success(), "{}", said(&moved));
    let again = hsm.card(&["move-keys", "--from", "--to"], &[from, to]);
    assert!(!again.status.success() && said(&again).contains("already"), "{}", said(&again));
    let values = [from, to].map(|file| hsm.card(&["check-values", "--config"], &[file]));
    assert!(values[1].status.success(), "{}", said(&values[1]));
    assert_eq!(values[0].stdout, values[1].stdout);
    assert_eq!(said(&values[0]).lines().count(), 4);

    // What was made with keys in software is right with keys in the HSM.
    service.restart_with(&with_hsm, &variable).await;
    let mut client = service.client();
    client.verify_pin(verifying(&before, before.pin(PIN))).await.unwrap();
    client.verify_pin(verifying(&before, in_format_0(&before, PIN))).await.unwrap();
    assert_refused(client.verify_pin(verifying(&before, before.pin("8052"))).await, "PIN_WRONG");
    assert_eq!(shown(&service, &before).await, before.cvv2);
    let bought = pb::AuthorizeRequest { cvv2: before.cvv2.clone(), ..before.purchase(100) };
    let bought = service.scheme().authorize(bought).await.unwrap().into_inner();
    assert_eq!(bought.authorization.unwrap().response_code, "00");
    let after = service.active().await;
    let simple = pb::SetPinRequest {
        request_id: request_id(),
        card_id: after.card_id.clone(),
        new_pin: Some(after.pin("1234")),
    };
    assert_refused(service.teller().set_pin(simple).await, "PIN_TOO_SIMPLE");
    let torn = pb::PinBlock { block: vec![7; 16], ..after.pin(PIN) };
    assert!(service.client().verify_pin(verifying(&after, torn)).await.is_err());

    // And the other way round.
    service.restart_with(&software, &variable).await;
    service.client().verify_pin(verifying(&after, in_format_0(&after, PIN))).await.unwrap();
    assert_eq!(shown(&service, &after).await, after.cvv2);
}

async fn shown(service: &Service, plastic: &Plastic) -> String {
    let (request_id, card_id) = (request_id(), plastic.card_id.clone());
    let request = pb::RevealCardRequest { request_id, card_id };
    service.client().reveal_card(request).await.unwrap().into_inner().cvv2
}

#[tokio::test]
async fn card_keys_in_an_hsm_that_went_away_make_no_pin_wrong_and_serve_after_a_restart() {
    let hsm = Hsm::start();
    let mut service = Service::start().await;
    let variable = format!("SOFTHSM2_CONF={}", hsm.variable().1.display());
    let software = in_software(&service.settings());
    let with_hsm = in_hsm(&software, &hsm) + "sessions = 1\n";
    let files = ["software.toml", "hsm.toml"].map(|name| service.directory().join(name));
    std::fs::write(&files[0], &software).unwrap();
    std::fs::write(&files[1], &with_hsm).unwrap();
    let moved = hsm.card(&["move-keys", "--from", "--to"], &[&files[0], &files[1]]);
    assert!(moved.status.success(), "{}", said(&moved));
    service.restart_with(&with_hsm, &variable).await;
    let plastic = service.active().await;
    let mut client = service.client();

    let (tokens, away) = ["tokens", "away"].map(|name| hsm.directory.path().join(name)).into();
    std::fs::rename(&tokens, &away).unwrap();
    let unanswered = client.verify_pin(verifying(&plastic, plastic.pin(PIN))).await;
    std::fs::rename(&away, &tokens).unwrap();

    let code = unanswered.unwrap_err().code();
    assert!(code != Code::FailedPrecondition && code != Code::InvalidArgument, "{code:?}");
    for what in ["the HSM failed", "there is no session with the HSM"] {
        assert!(service.log().contains(what), "{}", service.log());
    }
    // SoftHSM gives up a token whose files were away for as long as the process lives.
    service.stop().await;
    service.restart().await;
    service.client().verify_pin(verifying(&plastic, plastic.pin(PIN))).await.unwrap();
    assert_eq!(service.card(&plastic.card_id).await.wrong_pins, 0);
}

#[tokio::test]
async fn an_hsm_without_all_card_keys_is_named_with_what_is_missing() {
    let hsm = Hsm::start();
    let service = Service::start().await;
    let software = in_software(&service.settings());
    let with_hsm = in_hsm(&software, &hsm);
    let file = service.directory().join("hsm.toml");
    for (from, to, name) in [
        ("", "", "keys.pkcs11.pin_verification_key: the token \"cards\" has no secret key"),
        ("\"12345678\"", "\"00000000\"", "keys.pkcs11.pin:"),
        ("\"cards\"", "\"cars\"", "keys.pkcs11.token_label:"),
        ("libsofthsm2.so", "libsofthsm0.so", "keys.pkcs11.module:"),
    ] {
        std::fs::write(&file, with_hsm.replacen(from, to, 1)).unwrap();
        let refused = hsm.card(&["check-values", "--config"], &[&file]);
        assert!(!refused.status.success());
        assert!(said(&refused).contains(name), "{name}: {}", said(&refused));
    }
}

#[tokio::test]
async fn a_zone_key_that_the_gateway_names_is_among_the_card_keys() {
    let service = Service::start().await;
    let said = service.refused_to_start("pin_keys = [\"zone\"]", "pin_keys = [\"zones\"]").await;
    assert!(said.contains("gateway.pin_keys") && said.contains("zones"), "{said}");
}
