//! The keys of PINs on their way: those that the bank's configuration shares with the scheme and with channels.
//!
//! A laboratory's liberty: the simulator reads them from the configuration of the bank that it tests. A bank whose keys are
//! in a hardware module has none there, and then no PIN is sent.

use std::path::Path;

use anyhow::{Context as _, bail};
use proto::card::v1 as pb;
use scheme::words::PresentedPin;
use scheme::{AesKey, ClearPin, Pan, PinBlock, TripleDesKey, pin};
use serde::Deserialize;

/// The keys.
#[derive(Debug, Default)]
pub struct ZoneKeys(Vec<ZoneKey>);

#[derive(Debug)]
struct ZoneKey {
    name: String,
    /// As data element 53 numbers it; absent where it is for channels alone.
    index: Option<u8>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    TripleDes(TripleDesKey),
    Aes(AesKey),
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    gateway: OfGateway,
}

#[derive(Default, Deserialize)]
struct Keys {
    #[serde(default)]
    zone_pin_keys: toml::Table,
}

#[derive(Default, Deserialize)]
struct OfGateway {
    #[serde(default)]
    pin_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Entry {
    algorithm: String,
    hex: Option<String>,
}

impl ZoneKeys {
    /// Those in the configuration of a card service.
    pub fn of(config: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(config)
            .with_context(|| format!("cannot read {}", config.display()))?;
        Self::parse(&text).with_context(|| format!("cannot read the keys in {}", config.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let Config { keys, gateway } = toml::from_str(text)?;
        let mut found = Vec::new();
        for (name, entry) in keys.zone_pin_keys {
            let Entry { algorithm, hex } = entry.try_into()?;
            // One that is in a hardware module is not ours to use.
            let Some(hex) = hex else { continue };
            let key = if algorithm == "aes" {
                Key::Aes(AesKey::from_hex(&hex)?)
            } else {
                Key::TripleDes(TripleDesKey::from_hex(&hex)?)
            };
            let place = gateway.pin_keys.iter().position(|one| *one == name);
            let index = place.map(u8::try_from).transpose()?;
            found.push(ZoneKey { name, index, key });
        }
        Ok(Self(found))
    }

    /// Whether a PIN can be sent to the gateway in this format, 0 or 4.
    pub fn has(&self, format: u8) -> bool {
        self.of_format(format).is_some()
    }

    /// A PIN as the scheme presents it, in format 0 or 4.
    pub fn present(&self, format: u8, digits: &str, pan: &Pan) -> anyhow::Result<PresentedPin> {
        let key = self.of_format(format).context("the bank has no key for such PINs")?;
        let block = key.encipher(digits, pan)?;
        Ok(PresentedPin { block, key_index: key.index.unwrap_or_default() })
    }

    /// A PIN as a channel sends it.
    pub fn sent(&self, digits: &str, pan: &Pan) -> anyhow::Result<pb::PinBlock> {
        let key = self.of_channels().context("the bank has no key for PINs")?;
        let block = key.encipher(digits, pan)?;
        let format = match block {
            PinBlock::Format0(_) => pb::PinBlockFormat::Iso0,
            PinBlock::Format4(_) => pb::PinBlockFormat::Iso4,
        };
        Ok(pb::PinBlock {
            format: format.into(),
            block: block.as_bytes().to_vec(),
            key_name: key.name.clone(),
        })
    }

    /// One that is not the scheme's, where there is one; the stronger one of two.
    fn of_channels(&self) -> Option<&ZoneKey> {
        let rank = |key: &&ZoneKey| (key.index.is_some(), matches!(key.key, Key::TripleDes(_)));
        self.0.iter().min_by_key(rank)
    }

    fn of_format(&self, format: u8) -> Option<&ZoneKey> {
        let fits = |key: &&ZoneKey| match key.key {
            Key::TripleDes(_) => format == 0,
            Key::Aes(_) => format == 4,
        };
        self.0.iter().filter(|key| key.index.is_some()).find(fits)
    }
}

impl ZoneKey {
    fn encipher(&self, digits: &str, pan: &Pan) -> anyhow::Result<PinBlock> {
        let Ok(clear) = ClearPin::parse(digits) else { bail!("a PIN has 4 to 12 digits") };
        Ok(match &self.key {
            Key::TripleDes(key) => PinBlock::Format0(pin::encipher_format0(key, &clear, pan)),
            Key::Aes(key) => {
                PinBlock::Format4(pin::encipher_format4(key, &clear, pan, rand::random()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        [keys]
        provider = "software"
        [keys.zone_pin_keys.first]
        algorithm = "triple-des"
        hex = "0123456789abcdeffedcba9876543210"
        [keys.zone_pin_keys.second]
        algorithm = "aes"
        hex = "00112233445566778899aabbccddeeff"
        [keys.zone_pin_keys.channels]
        algorithm = "aes"
        hex = "ffeeddccbbaa99887766554433221100"
        [gateway]
        listen = "127.0.0.1:1"
        pin_keys = ["second", "first"]
    "#;

    #[test]
    fn a_pin_is_encrypted_under_the_key_that_the_gateway_numbers() {
        let keys = ZoneKeys::parse(CONFIG).unwrap();
        let pan = Pan::with_check_digit("621234000000001").unwrap();

        let old = keys.present(0, "2580", &pan).unwrap();
        let new = keys.present(4, "2580", &pan).unwrap();

        assert_eq!((old.key_index, old.block.as_bytes().len()), (1, 8));
        assert_eq!((new.key_index, new.block.as_bytes().len()), (0, 16));
        assert_eq!(keys.sent("2580", &pan).unwrap().key_name, "channels");
    }

    #[test]
    fn a_bank_without_keys_takes_no_pins() {
        let keys = ZoneKeys::parse("[server]\nlisten = \"x\"").unwrap();

        assert!(!keys.has(0) && !keys.has(4));
        let pan = Pan::with_check_digit("621234000000001").unwrap();
        assert!(keys.present(4, "2580", &pan).is_err());
    }
}
