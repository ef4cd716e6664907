//! PIN blocks and keys against published examples.

use proptest::prelude::*;
use scheme::pin::{
    decipher_format0, decipher_format4, decode_format0, decode_format4, encipher_format0,
    encipher_format4, encode_format0, encode_format4, pan_block_format4,
};
use scheme::{AesKey, ClearPin, KeyError, Pan, PinBlock, PinError, TripleDesKey};

use crate::some::{self, bytes, hex};

fn number(text: &str) -> Pan {
    Pan::parse(text).unwrap()
}

fn secret(text: &str) -> ClearPin {
    ClearPin::parse(text).unwrap()
}

/// EFTlab, Complete list of PIN-blocks in payments, the example of ISO-0.
#[test]
fn format_0_is_that_of_the_published_example() {
    let pan = number("43219876543210987");

    let block = encode_format0(&secret("1234"), &pan);

    assert_eq!(hex(&block), "0412AC89ABCDEF67");
    assert_eq!(decode_format0(&block, &pan), Ok(secret("1234")));
}

/// EFTlab's example of ISO-4, and the two in the documentation of psec 1.3.0.
#[test]
fn format_4_is_that_of_published_examples() {
    let cases = [
        (
            "C1D0F8FB4958670DBA40AB1F3752EF0D",
            "432198765432109870",
            "CC17F65586BFD0953010226C4FC5B3CA",
        ),
        (
            "00112233445566778899AABBCCDDEEFF",
            "1234567890123456",
            "7CDF645C86CAF763AE34637A66997534",
        ),
        (
            "00112233445566778899AABBCCDDEEFF",
            "1234567890123456",
            "E4BE5B623AF7E006AC319E5B93544564",
        ),
    ];
    for (key, pan, block) in cases {
        let key = AesKey::from_hex(key).unwrap();
        let block = bytes(block).try_into().unwrap();

        assert_eq!(decipher_format4(&key, &block, &number(pan)), Ok(secret("1234")));
    }
    assert_eq!(
        hex(&pan_block_format4(&number("112233445566778899"))),
        "61122334455667788990000000000000"
    );
    assert_eq!(
        hex(&encode_format4(&secret("1234"), [0x54; 8])),
        "441234AAAAAAAAAA5454545454545454"
    );
}

/// FIPS 197, appendix C; NIST SP 800-67, appendix B; RFC 4493, section 4, example 2.
#[test]
fn the_ciphers_are_those_of_the_standards() {
    let plain: [u8; 16] = bytes("00112233445566778899AABBCCDDEEFF").try_into().unwrap();
    let cases = [
        ("000102030405060708090A0B0C0D0E0F", "69C4E0D86A7B0430D8CDB78070B4C55A"),
        ("000102030405060708090A0B0C0D0E0F1011121314151617", "DDA97CA4864CDFE06EAF70A0EC0D7191"),
        (
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "8EA2B7CA516745BFEAFC49904B496089",
        ),
    ];
    for (key, expected) in cases {
        let key = AesKey::from_hex(key).unwrap();
        let encrypted = key.encrypt_block(plain);

        assert_eq!(hex(&encrypted), expected);
        assert_eq!(key.decrypt_block(encrypted), plain);
    }

    let key = TripleDesKey::from_hex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123").unwrap();
    let encrypted = key.encrypt_block(*b"The qufc");
    assert_eq!(hex(&encrypted), "A826FD8CE53B855F");
    assert_eq!(&key.decrypt_block(encrypted), b"The qufc");

    let key = AesKey::from_hex("2B7E151628AED2A6ABF7158809CF4F3C").unwrap();
    let mac = key.cmac_of_block(bytes("6BC1BEE22E409F96E93D7E117393172A").try_into().unwrap());
    assert_eq!(hex(&mac), "070A16B46B4D4144F79BDD9DD04A287C");
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    assert_eq!(TripleDesKey::from_hex("0123456789ABCDEF").unwrap_err(), KeyError::Length);
    assert_eq!(TripleDesKey::from_hex("0123").unwrap_err(), KeyError::Length);
    assert_eq!(TripleDesKey::from_hex("").unwrap_err(), KeyError::Length);
    // The parts differ in parity only: no more than DES.
    let weak = TripleDesKey::from_hex("0123456789ABCDEF0022446688AACCEE");
    assert_eq!(weak.unwrap_err(), KeyError::Weak);
    assert_eq!(AesKey::from_hex("001122").unwrap_err(), KeyError::Length);
    assert_eq!(AesKey::from_hex("0g").unwrap_err(), KeyError::NotHex);
    assert_eq!(AesKey::from_hex("００").unwrap_err(), KeyError::NotHex);
}

#[test]
fn no_key_and_no_pin_is_printed() {
    let des = TripleDesKey::from_hex("0123456789ABCDEFFEDCBA9876543210").unwrap();
    let aes = AesKey::from_hex("00112233445566778899AABBCCDDEEFF").unwrap();
    let block = PinBlock::format0(&[7; 8]).unwrap();

    let printed = format!("{des:?} {aes:?} {:?} {block:?}", secret("1234"));

    assert_eq!(printed, "TripleDesKey(****) AesKey(****) ClearPin(****) PinBlock::Format0(****)");
}

/// Length, format, fill, and a digit that is none.
#[test]
fn a_block_that_is_laid_out_otherwise_is_no_pin() {
    let pan = number("0000000000000");
    for block in [
        "0312AFFFFFFFFFFF",
        "0D12345678901234",
        "1412344FFFFFFFFF",
        "041234FFFFFFFFF0",
        "0412A4FFFFFFFFFF",
        "0F12345678901234",
    ] {
        let block = bytes(block).try_into().unwrap();
        assert_eq!(decode_format0(&block, &pan), Err(PinError::NotABlock));
    }
    let block = bytes("441234AAAAAAAAABFFFFFFFFFFFFFFFF").try_into().unwrap();
    assert_eq!(decode_format4(&block), Err(PinError::NotABlock));
    assert_eq!(PinBlock::format4(&[0; 8]), Err(PinError::Length));
    assert_eq!(ClearPin::parse("123"), Err(PinError::NotAPin));
    assert_eq!(ClearPin::parse("1234567890123"), Err(PinError::NotAPin));
}

proptest! {
    #[test]
    fn what_is_enciphered_is_deciphered(pin in some::pin(), pan in some::pan(), random: [u8; 8], key: [u8; 16]) {
        let aes = AesKey::from_bytes(&key).unwrap();
        let block = encipher_format4(&aes, &pin, &pan, random);
        prop_assert_eq!(decipher_format4(&aes, &block, &pan), Ok(pin.clone()));

        let des = TripleDesKey::from_bytes(&key);
        prop_assume!(des.is_ok());
        let des = des.unwrap();
        let block = encipher_format0(&des, &pin, &pan);
        prop_assert_eq!(decipher_format0(&des, &block, &pan), Ok(pin));
    }

    #[test]
    fn a_block_of_format_4_is_bound_to_its_card(pin in some::pin(), pan in some::pan(), other in some::pan(), random: [u8; 8]) {
        prop_assume!(pan != other);
        let key = AesKey::from_bytes(&[7; 16]).unwrap();

        let block = encipher_format4(&key, &pin, &pan, random);

        prop_assert_ne!(decipher_format4(&key, &block, &other), Ok(pin));
    }

    #[test]
    fn whatever_block_comes_is_a_pin_or_none(block: [u8; 16], short: [u8; 8], pan in some::pan()) {
        if let Ok(pin) = decode_format4(&block) {
            let random = block[8..].try_into().unwrap();
            prop_assert_eq!(encode_format4(&pin, random), block);
        }
        if let Ok(pin) = decode_format0(&short, &pan) {
            prop_assert_eq!(encode_format0(&pin, &pan), short);
        }
    }
}
