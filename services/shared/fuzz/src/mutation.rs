//! Changes good input into input that is nearly good: fields of a message by its descriptor, and bytes.

use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// Text at which readers stumble.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\0",
    "0",
    "-1",
    "+1",
    "9223372036854775808",
    "1000000000000000",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-7fff-bfff-ffffffffffff",
    "2026-02-30",
    "deposit:0:0/0",
    "cny",
    "\u{202e}\u{200b}\u{1f4b0}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "'; DROP TABLE accounts; --",
];
const NUMBERS: [i64; 8] = [0, 1, -1, i64::MIN, i64::MAX, i32::MIN as i64, i32::MAX as i64, 1_000];

/// A message with some of its fields changed, as bytes, some of which may be changed too.
pub(crate) fn of_message(valid: &DynamicMessage, rng: &mut StdRng) -> Vec<u8> {
    let mut message = valid.clone();
    for _ in 0..rng.random_range(1..=4) {
        change(&mut message, rng);
    }
    let bytes = message.encode_to_vec();
    if rng.random_ratio(1, 4) { of_bytes(bytes, rng) } else { bytes }
}

fn change(message: &mut DynamicMessage, rng: &mut StdRng) {
    let fields: Vec<_> = message.descriptor().fields().collect();
    let Some(field) = pick(&fields, rng) else { return };
    if rng.random_ratio(1, 8) {
        message.clear_field(field);
    } else {
        change_value(message.get_field_mut(field), rng);
    }
}

fn change_value(value: &mut Value, rng: &mut StdRng) {
    match value {
        Value::String(text) => change_text(text, rng),
        Value::Bytes(bytes) => *bytes = of_bytes(bytes.to_vec(), rng).into(),
        Value::I64(number) => *number = any_number(rng),
        Value::U64(number) => *number = any_number(rng).cast_unsigned(),
        Value::I32(number) | Value::EnumNumber(number) => {
            *number = i32::try_from(any_number(rng)).unwrap_or(i32::MIN);
        }
        Value::U32(number) => *number = u32::try_from(any_number(rng)).unwrap_or(u32::MAX),
        Value::Bool(flag) => *flag = !*flag,
        Value::Message(inner) => change(inner, rng),
        Value::List(items) => change_list(items, rng),
        Value::F32(_) | Value::F64(_) | Value::Map(_) => (),
    }
}

fn change_list(items: &mut Vec<Value>, rng: &mut StdRng) {
    match rng.random_range(0..4) {
        0 => items.clear(),
        1 => {
            // Around the limits of the contract.
            let times = *pick(&[2, 7, 999, 1_000, 1_001], rng).unwrap_or(&2);
            if let Some(first) = items.first().cloned() {
                *items = vec![first; times];
            }
        }
        _ => {
            let at = rng.random_range(0..items.len().max(1));
            if let Some(item) = items.get_mut(at) {
                change_value(item, rng);
            }
        }
    }
}

fn change_text(text: &mut String, rng: &mut StdRng) {
    match rng.random_range(0..5) {
        0 if text.len() < 1_000 => *text = text.repeat(rng.random_range(2..300)),
        1 => *text = text.to_uppercase(),
        2 => {
            let bytes = of_bytes(text.clone().into_bytes(), rng);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => pick(&TEXTS, rng).copied().unwrap_or_default().clone_into(text),
    }
}

fn any_number(rng: &mut StdRng) -> i64 {
    let known = pick(&NUMBERS, rng).copied().unwrap_or_default();
    if rng.random_ratio(1, 3) { rng.random() } else { known }
}

/// Bytes with some of them changed, added or taken away.
pub(crate) fn of_bytes(mut bytes: Vec<u8>, rng: &mut StdRng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.random()),
            2 => {
                let again: Vec<u8> = bytes.iter().skip(at).copied().take(64).collect();
                bytes.splice(at..at, again);
            }
            3 => {
                let mut noise = vec![0; rng.random_range(1..32)];
                rng.fill_bytes(&mut noise);
                bytes.splice(at..at, noise);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8_u8);
                }
            }
        }
    }
    bytes
}

fn pick<'a, T>(from: &'a [T], rng: &mut StdRng) -> Option<&'a T> {
    from.get(rng.random_range(0..from.len().max(1)))
}
