//! Messages, cards and PINs at random.

use proptest::prelude::*;
use scheme::table::{self, Element, Kind, Length};
use scheme::{ClearPin, Message, Mti, Pan};

/// The bytes that two digits each stand for.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Digits in upper case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

pub(crate) fn pan() -> impl Strategy<Value = Pan> {
    "[0-9]{12,19}".prop_map(|text| Pan::parse(&text).unwrap())
}

pub(crate) fn pin() -> impl Strategy<Value = ClearPin> {
    "[0-9]{4,12}".prop_map(|text| ClearPin::parse(&text).unwrap())
}

/// A message that can be encoded: any type, any of the elements, any value that the table allows.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let values: Vec<_> = table::ELEMENTS.iter().map(|e| proptest::option::of(value(e))).collect();
    ("[0-9]{4}", values).prop_map(|(mti, values)| {
        let mut message = Message::new(Mti::parse(&mti).unwrap());
        for (element, value) in table::ELEMENTS.iter().zip(values) {
            if let Some(value) = value {
                message.set(element.number, value);
            }
        }
        message
    })
}

fn value(element: &Element) -> BoxedStrategy<Vec<u8>> {
    let length = match element.length {
        Length::Fixed(length) => length..=length,
        Length::Two(longest) | Length::Three(longest) => 0..=longest.min(60),
    };
    let byte = match element.kind {
        Kind::Bytes => any::<u8>().boxed(),
        kind => {
            let alphabet: Vec<u8> = (0..=u8::MAX).filter(|byte| kind.takes(*byte)).collect();
            prop::sample::select(alphabet).boxed()
        }
    };
    proptest::collection::vec(byte, length).boxed()
}
