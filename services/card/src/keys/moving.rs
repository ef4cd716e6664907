//! Moves keys from the settings into an HSM, once: so that PINs and CVV2s stay what they are.

use std::collections::BTreeMap;

use cryptoki::object::{Attribute, KeyType, ObjectClass};
use zeroize::Zeroizing;

use super::config::{BadKey, KeysConfig, Provider, ZoneAlgorithm, digest_key, given};
use super::pkcs11::{
    self, CARD_VERIFICATION, CARD_VERIFICATION_LEFT, PIN_DIGEST, PIN_VERIFICATION,
};
use super::token::{self, Access, blocking};

/// What an object on the token is made of.
struct Material {
    of: KeyType,
    value: Zeroizing<Vec<u8>>,
}

/// Makes, on the token of some settings, the objects that these name, from the keys of others. They are sensitive and
/// cannot be taken out again. Answers their labels.
///
/// # Errors
/// One side is not what it should be, the names or algorithms of zone keys differ, or there already is a key with one of
/// the labels: then nothing is made.
pub fn move_keys(from: &KeysConfig, to: &KeysConfig) -> Result<Vec<String>, BadKey> {
    if from.provider != Provider::Software {
        return Err(BadKey::new("provider", "of the first settings must be software".to_owned()));
    }
    let Some(config) = to.pkcs11.as_ref().filter(|_| to.provider == Provider::Pkcs11) else {
        return Err(BadKey::new("provider", "of the second settings must be pkcs11".to_owned()));
    };
    let mut materials = materials(from)?;
    let names = |keys: &KeysConfig| -> Vec<_> {
        keys.zone_pin_keys.iter().map(|(name, key)| (name.clone(), key.algorithm)).collect()
    };
    if names(from) != names(to) {
        let why = "must be the same names and algorithms in both settings".to_owned();
        return Err(BadKey::new("zone_pin_keys", why));
    }
    blocking(|| {
        let module = token::load(config)?;
        let session = token::log_in(&module, config, Access::Writing)?;
        let wanted = pkcs11::wanted(config, &to.zone_pin_keys);
        for one in &wanted {
            let failed = |error| BadKey::new(&one.setting, format!("{error}"));
            if token::count(&session, &one.label).map_err(failed)? > 0 {
                let why = format!("the token already has a key labelled {:?}", one.label);
                return Err(BadKey::new(&one.setting, why));
            }
        }
        for one in &wanted {
            let Some(material) = materials.remove(&one.setting) else { continue };
            session.create_object(&template(&one.label, &material)).map_err(|error| {
                BadKey::new(&one.setting, format!("the token does not take it: {error}"))
            })?;
        }
        Ok(wanted.into_iter().map(|one| one.label).collect())
    })
}

fn materials(from: &KeysConfig) -> Result<BTreeMap<String, Material>, BadKey> {
    let pin = given("pin_verification_key_hex", from.pin_verification_key_hex.as_ref())?;
    let card = given("card_verification_key_hex", from.card_verification_key_hex.as_ref())?;
    let card = bytes(card);
    let left = Zeroizing::new(card.iter().take(8).copied().collect::<Vec<u8>>());
    let digest = Zeroizing::new(digest_key(pin).to_vec());
    let mut all = BTreeMap::from([
        (PIN_VERIFICATION.to_owned(), des(&bytes(pin))),
        (PIN_DIGEST.to_owned(), Material { of: KeyType::GENERIC_SECRET, value: digest }),
        (CARD_VERIFICATION.to_owned(), des(&card)),
        (CARD_VERIFICATION_LEFT.to_owned(), des(&left)),
    ]);
    for (name, key) in &from.zone_pin_keys {
        let setting = format!("zone_pin_keys.{name}");
        let value = bytes(given(&setting, key.hex.as_ref())?);
        let material = match key.algorithm {
            ZoneAlgorithm::TripleDes => des(&value),
            ZoneAlgorithm::Aes => Material { of: KeyType::AES, value },
        };
        all.insert(setting, material);
    }
    Ok(all)
}

fn des(key: &[u8]) -> Material {
    Material { of: KeyType::DES3, value: triple(key) }
}

fn template(label: &str, material: &Material) -> Vec<Attribute> {
    let signs = material.of == KeyType::GENERIC_SECRET;
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(material.of),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(signs),
        Attribute::Encrypt(!signs),
        Attribute::Decrypt(!signs),
        Attribute::Value(material.value.to_vec()),
    ]
}

/// Three parts of a Triple DES key, from one, two or three, with odd parity as PKCS#11 wants it.
fn triple(key: &[u8]) -> Zeroizing<Vec<u8>> {
    let odd = |byte: &u8| {
        let seven = byte & 0xFE;
        if seven.count_ones().is_multiple_of(2) { seven | 1 } else { seven }
    };
    Zeroizing::new(key.iter().cycle().take(24).map(odd).collect())
}

/// Settings were checked when they were read, so there is nothing else than digits.
fn bytes(hex: &str) -> Zeroizing<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    Zeroizing::new(pairs.collect())
}
