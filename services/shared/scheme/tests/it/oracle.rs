//! Against other implementations: `tests/oracle` has what psec and pyiso8583 make, and the scripts that made it.

use scheme::pin::{decipher_format0, decipher_format4, encipher_format0, encipher_format4};
use scheme::{AesKey, ClearPin, Message, Mti, Pan, TripleDesKey};

use crate::some::{bytes, hex};

fn lines(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

#[test]
fn pin_blocks_and_key_check_values_are_those_of_psec() {
    let mut cases = 0;
    for line in lines(include_str!("../oracle/pin.tsv")) {
        let [format, key, pan, pin, random, block, check_value] = line[..] else {
            panic!("seven fields: {line:?}");
        };
        let (pan, pin) = (Pan::parse(pan).unwrap(), ClearPin::parse(pin).unwrap());
        let (made, read, value) = if format == "0" {
            let key = TripleDesKey::from_hex(key).unwrap();
            let made = encipher_format0(&key, &pin, &pan);
            (hex(&made), decipher_format0(&key, &made, &pan), key.key_check_value())
        } else {
            let key = AesKey::from_hex(key).unwrap();
            let made = encipher_format4(&key, &pin, &pan, bytes(random).try_into().unwrap());
            (hex(&made), decipher_format4(&key, &made, &pan), key.key_check_value())
        };

        assert_eq!(made, block.to_uppercase(), "{line:?}");
        assert_eq!(read.as_ref(), Ok(&pin), "{line:?}");
        assert_eq!(value, check_value.to_uppercase(), "{line:?}");
        cases += 1;
    }
    assert_eq!(cases, 75);
}

#[test]
fn messages_are_those_of_pyiso8583() {
    let mut cases = 0;
    for line in lines(include_str!("../oracle/message.tsv")) {
        let [encoded, mti, elements @ ..] = line.as_slice() else {
            panic!("two fields and elements: {line:?}");
        };
        let mut expected = Message::new(Mti::parse(mti).unwrap());
        for element in elements {
            let (number, value) = element.split_once('=').unwrap();
            expected.set(number.parse().unwrap(), bytes(value));
        }

        assert_eq!(Message::decode(&bytes(encoded)).as_ref(), Ok(&expected), "{line:?}");
        assert_eq!(hex(&expected.encode().unwrap()), encoded.to_uppercase(), "{line:?}");
        cases += 1;
    }
    assert_eq!(cases, 60);
}
