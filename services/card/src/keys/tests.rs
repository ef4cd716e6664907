//! Keys in software against values of psec, and what settings of keys are refused.

use aws_lc_rs::hmac;
use platform::config::{Problems, Validate as _};
use scheme::{AesKey, ClearPin, Pan, PinBlock, TripleDesKey, pin};

use super::config::{KeysConfig, digest_key};
use super::software::CardVerificationKey;
use super::{EncryptedPin, pvv};
use crate::domain::Expiry;

const SHORT: &str = "0123456789abcdeffedcba9876543210";
const OTHER: &str = "00112233445566778899aabbccddeeff";

fn keys(text: &str) -> KeysConfig {
    toml::from_str(text).unwrap()
}

/// Settings with these two keys and `zone` for format 0.
fn software(pin_key: &str, card_key: &str) -> KeysConfig {
    keys(&format!(
        "provider = \"software\"\npin_verification_key_hex = \"{pin_key}\"\n\
         card_verification_key_hex = \"{card_key}\"\n\
         zone_pin_keys = {{ zone = {{ algorithm = \"3des\", hex = \"{OTHER}\" }} }}\n"
    ))
}

fn rows(kind: &str) -> Vec<[&'static str; 4]> {
    let lines = include_str!("../../tests/vectors/verification.tsv").lines();
    let fields = lines.filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    let rows = fields.map(Iterator::collect::<Vec<_>>).filter(|row| row[0] == kind);
    rows.map(|row| row[1..].try_into().unwrap()).collect()
}

fn problems(text: &str) -> String {
    let mut problems = Problems::default();
    keys(text).problems(&mut problems);
    format!("{problems:?}")
}

#[test]
fn pin_verification_values_are_those_of_psec() {
    let rows = rows("pvv");
    assert_eq!(rows.len(), 40);
    let zone = TripleDesKey::from_hex(OTHER).unwrap();
    for [key, number, digits, value] in rows {
        let (pan, digits) = (Pan::parse(number).unwrap(), ClearPin::parse(digits).unwrap());
        let block = PinBlock::Format0(pin::encipher_format0(&zone, &digits, &pan));
        let given = EncryptedPin { block, key_name: "zone".to_owned() };
        let keys = software(key, SHORT).open().unwrap();

        let verification = keys.new_verification(&given, &pan).unwrap();

        let digest = hmac::Key::new(hmac::HMAC_SHA256, &digest_key(key));
        let whole = format!("{number}/{}", digits.expose());
        let digest = hmac::sign(&digest, whole.as_bytes());
        assert_eq!(&verification.expose()[..4], value.as_bytes(), "{number}");
        assert_eq!(&verification.expose()[4..], &digest.as_ref()[..8], "{number}");
        assert!(keys.verify(&given, &pan, &verification).unwrap());
    }
}

#[test]
fn card_verification_values_are_those_of_psec() {
    let rows = rows("cvv2");
    assert_eq!(rows.len(), 32);
    for [key, number, expiry, value] in rows {
        let keys = software(SHORT, key).open().unwrap();
        let (pan, expiry) = (Pan::parse(number).unwrap(), Expiry::parse(expiry).unwrap());
        assert_eq!(keys.cvv2(&pan, expiry).unwrap().expose(), value, "{number}");
    }
}

/// The example that payment documentation commonly prints, of a magnetic stripe: the method is the same.
#[test]
fn the_card_verification_value_of_the_common_example_is_made() {
    let key = CardVerificationKey::new(SHORT).unwrap();
    let pan = Pan::parse("4123456789012345").unwrap();
    let (first, second) = pvv::cvv_blocks(&pan, "8701", "101").unwrap();
    assert_eq!(pvv::decimalised(key.encrypt(first, second), 3), "561");
}

#[test]
fn letters_count_less_ten_after_all_digits() {
    assert_eq!(pvv::decimalised([0xAB, 0xC1, 0xDE, 0xFA, 0xBC, 0xD2, 0xEF, 0xAB], 4), "1201");
    assert_eq!(pvv::decimalised([0xFE; 8], 3), "545");
}

#[test]
fn key_check_values_are_those_of_psec() {
    let (des, aes) = (rows("3des"), rows("aes"));
    assert_eq!((des.len(), aes.len()), (20, 21));
    for [key, _, _, value] in des {
        let checked = software(key, SHORT).open().unwrap().check_values().unwrap();
        let checked = checked.into_iter().find(|one| one.name == "pin_verification_key");
        assert_eq!(checked.unwrap().value, value.to_uppercase());
    }
    for [key, _, _, value] in aes {
        assert_eq!(AesKey::from_hex(key).unwrap().key_check_value(), value.to_uppercase());
    }
}

const PKCS11: &str = "provider = \"pkcs11\"\nzone_pin_keys = { zone = { algorithm = \"aes\" } }\n\
    [pkcs11]\nmodule = \"/usr/lib/hsm.so\"\ntoken_label = \"cards\"\npin = \"1234\"\n";

#[test]
fn keys_in_an_hsm_need_no_digits_and_have_labels() {
    assert_eq!(problems(PKCS11), format!("{:?}", Problems::default()));
    let config = keys(PKCS11);
    assert_eq!(config.zone_pin_keys["zone"].label("zone"), "zone");
    assert_eq!(config.pkcs11.unwrap().pin_digest_key, "pin_digest_key");
}

#[test]
fn settings_of_another_provider_are_refused_by_name() {
    let text = format!("pin_verification_key_hex = \"{SHORT}\"\n{PKCS11}");
    assert!(problems(&text).contains("keys.pin_verification_key_hex"));
    let text = format!("card_verification_key_hex = \"{SHORT}\"\n{PKCS11}");
    assert!(problems(&text).contains("keys.card_verification_key_hex"));
    let text = PKCS11.replace("\"aes\"", &format!("\"aes\", hex = \"{OTHER}\""));
    assert!(problems(&text).contains("keys.zone_pin_keys.zone.hex"));
    let text = "provider = \"pkcs11\"\nzone_pin_keys = {}";
    assert!(problems(text).contains("keys.pkcs11"));
    for (from, to, name) in [
        ("/usr/lib/", "", "keys.pkcs11.module"),
        ("\"cards\"", "\"\"", "keys.pkcs11.token_label"),
        ("\"1234\"", "\"\"", "keys.pkcs11.pin"),
        ("pin = ", "sessions = 0\npin = ", "keys.pkcs11.sessions"),
        ("pin = ", "pin_digest_key = \"\"\npin = ", "keys.pkcs11.pin_digest_key"),
        ("\"aes\"", "\"aes\", label = \"\"", "keys.zone_pin_keys.zone.label"),
    ] {
        assert!(problems(&PKCS11.replace(from, to)).contains(name), "{name}");
    }

    let right = format!(
        "provider = \"software\"\npin_verification_key_hex = \"{SHORT}\"\n\
         card_verification_key_hex = \"{SHORT}\"\n\
         zone_pin_keys = {{ zone = {{ algorithm = \"aes\", hex = \"{OTHER}\" }} }}\n"
    );
    assert_eq!(problems(&right), format!("{:?}", Problems::default()));
    let hsm = PKCS11.split_once("[pkcs11]").unwrap().1;
    assert!(problems(&format!("{right}[pkcs11]{hsm}")).contains("keys.pkcs11"));
    let labelled = right.replace("\"aes\"", "\"aes\", label = \"zone\"");
    assert!(problems(&labelled).contains("keys.zone_pin_keys.zone.label"));
    let missing = right.replace(&format!("pin_verification_key_hex = \"{SHORT}\"\n"), "");
    assert!(problems(&missing).contains("keys.pin_verification_key_hex"));
    let missing = right.replace(&format!(", hex = \"{OTHER}\""), "");
    assert!(problems(&missing).contains("keys.zone_pin_keys.zone.hex"));
}
