//! PINs as a channel or a cash machine sends them: encrypted under a zone key that it shares with the bank.

use proto::card::v1 as pb;
use rand::RngExt;
use scheme::{AesKey, ClearPin, Pan, TripleDesKey, pin};

use crate::support::*;

/// The zone keys of a bank: name, algorithm, hexadecimal digits.
fn zone_keys(bank: &Bank) -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(&bank.file().service("card").unwrap().config).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let keys = config["keys"]["zone_pin_keys"].as_table().unwrap();
    let text = |key: &toml::Value, name: &str| key[name].as_str().unwrap().to_owned();
    keys.iter()
        .map(|(name, key)| (name.clone(), text(key, "algorithm"), text(key, "hex")))
        .collect()
}

/// A PIN for the card of this number, in format 4.
pub fn pin_block(bank: &Bank, digits: &str, number: &str) -> pb::PinBlock {
    let keys = zone_keys(bank);
    let (key_name, _, hex) = keys.iter().find(|(_, algorithm, _)| algorithm == "aes").unwrap();
    let (clear, pan) = (ClearPin::parse(digits).unwrap(), Pan::parse(number).unwrap());
    let key = AesKey::from_hex(hex).unwrap();
    let block = pin::encipher_format4(&key, &clear, &pan, rand::rng().random());
    pb::PinBlock {
        format: pb::PinBlockFormat::Iso4.into(),
        block: block.to_vec(),
        key_name: key_name.clone(),
    }
}

/// The same in format 0.
pub fn pin_block_0(bank: &Bank, digits: &str, number: &str) -> pb::PinBlock {
    let keys = zone_keys(bank);
    let (key_name, _, hex) = keys.iter().find(|(_, algorithm, _)| algorithm != "aes").unwrap();
    let (clear, pan) = (ClearPin::parse(digits).unwrap(), Pan::parse(number).unwrap());
    let key = TripleDesKey::from_hex(hex).unwrap();
    let block = pin::encipher_format0(&key, &clear, &pan);
    pb::PinBlock {
        format: pb::PinBlockFormat::Iso0.into(),
        block: block.to_vec(),
        key_name: key_name.clone(),
    }
}
