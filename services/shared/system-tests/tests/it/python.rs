//! The gateway understands, and is understood by, an ISO 8583 codec that is not ours: a small scheme in Python, which
//! shares no code with the bank.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::issuing::SCHEME;
use crate::support::*;

const BALANCE: i64 = 100_000;
const AMOUNT: i64 = 12_300;

/// Where `make python` puts the codec.
fn codec() -> PathBuf {
    let codec = binaries().parent().unwrap().join("tools/python");
    assert!(
        codec.join("iso8583").is_dir(),
        "the ISO 8583 codec is not in {}: `make python` fetches it",
        codec.display()
    );
    codec
}

/// Runs the scheme, and answers what it was answered.
fn run(told: &Value) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python/scheme.py");
    let mut scheme = Command::new("python3")
        .arg("-B")
        .arg(script)
        .env("PYTHONPATH", codec())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    scheme.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = scheme.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_with_another_codec_signs_on_buys_and_takes_it_back() {
    // Before a bank is started for nothing.
    codec();
    let bank = Bank::start().await;
    let card = bank.card_holder(BALANCE).await;
    let file = bank.file();
    let certificates = file.certificates.clone().unwrap();
    let own = &certificates.identities[SCHEME];
    let told = json!({
        "gateway": file.service("card").unwrap().iso8583,
        "authority": certificates.authority,
        "certificate": own.certificate,
        "key": own.key,
        "card": { "number": card.number, "expiry": card.expiry },
        "amount_minor": AMOUNT,
        "too_much_minor": BALANCE,
    });

    let steps = tokio::task::spawn_blocking(move || run(&told)).await.unwrap();

    let told: Vec<_> = steps
        .iter()
        .map(|step| {
            let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
            (text("step"), text("type"), text("response_code"))
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        told,
        [
            ("before sign-on", "0110", "58"),
            ("sign-on", "0810", "00"),
            ("echo", "0810", "00"),
            ("purchase", "0110", "00"),
            ("purchase again", "0110", "00"),
            ("too much", "0110", "51"),
            ("reversal", "0410", "00"),
            ("reversal again", "0410", "00"),
            ("unknown card", "0110", "14"),
            ("sign-off", "0810", "00"),
        ]
    );
    assert!(steps.iter().all(|step| step["repeats_what_was_asked"] == true), "{steps:#?}");
    let of = |name: &str, key: &str| {
        steps.iter().find(|step| step["step"] == name).map(|step| step[key].clone()).unwrap()
    };
    assert_eq!(of("purchase", "approval_code"), of("purchase again", "approval_code"));
    assert_eq!(of("purchase", "reference"), of("purchase again", "reference"));
    let authorization = of("purchase", "reference");
    let authorization = bank.authorization_now(authorization.as_str().unwrap()).await;
    assert_eq!(authorization.status(), proto::card::v1::AuthorizationStatus::Reversed);
    assert_eq!(authorization.amount, Some(cny(AMOUNT)));
    bank.carried_out().await;
    assert_eq!(bank.balance(&card.account).await, (BALANCE, 0, BALANCE));
    bank.delivered().await;
    bank.audit().await;
}
