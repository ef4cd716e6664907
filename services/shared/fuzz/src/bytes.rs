//! What a card scheme sends, each kind of bytes read alone and with what must hold of it. Whatever is read is written again
//! to what means the same, and no card number and no PIN is printed. That a refusal repeats nothing needs no looking for: these
//! errors hold names of fields and no text.

#![expect(clippy::expect_used, reason = "a target panics when something is wrong")]

use std::fmt::Debug;

use kernel::Currency;
use scheme::clearing::{self, Line};
use scheme::settlement::SettlementReport;
use scheme::{
    AesKey, ClearPin, Deframer, Message, Mti, OriginalData, Pan, PinBlock, PresentedPin,
    TripleDesKey, Wanted, pin, table, words,
};

use crate::now;

/// Reads bytes. Panics when something that must hold does not.
pub(crate) type Read = fn(&[u8]);

/// Good bytes, from which to begin.
pub(crate) type Seeds = fn() -> Vec<Vec<u8>>;

/// Every kind of bytes, by name, with good ones.
pub(crate) const READERS: [(&str, Read, Seeds); 6] = [
    ("iso8583.message", message, messages),
    ("iso8583.frames", frames, streams),
    ("iso8583.original-data", original_data, originals),
    ("pin.block", pin_block, pin_blocks),
    ("clearing.line", clearing_line, clearing_lines),
    ("settlement.report", settlement_report, settlement_reports),
];

const NUMBER: &str = "6225880212345678";

fn message(bytes: &[u8]) {
    match Message::decode(bytes) {
        Ok(message) => whole(&message),
        Err(error) => error.before.as_deref().into_iter().for_each(whole),
    }
}

/// A message that was read: it is written to the same, and everything that looks into it comes to an end.
fn whole(message: &Message) {
    let bytes = message.encode().expect("what was read can be written");
    assert_eq!(Message::decode(&bytes).as_ref(), Ok(message), "written, it is another one");
    // With other secrets of the same lengths it prints the same: so it prints none.
    let mut other = message.clone();
    for element in table::ELEMENTS.iter().filter(|element| element.secret) {
        if let Some(value) = message.get(element.number) {
            other.set(element.number, vec![b'0'; value.len()]);
        }
    }
    assert_eq!(format!("{other:?}"), format!("{message:?}"), "a secret is printed");
    let _ =
        (message.missing(), words::pin(message), words::cvv2(message), words::available(message));
    if let Ok(wanted) = Wanted::of(message, "156") {
        let mut again = Message::new(Mti::AUTHORIZATION);
        wanted.write(&mut again, if wanted.abroad { "840" } else { "156" });
        assert_eq!(Wanted::of(&again, "156"), Ok(wanted), "what is wanted is said otherwise");
    }
    if let Ok((minor, currency)) = words::amount(message) {
        let mut again = Message::new(Mti::AUTHORIZATION);
        words::set_amount(&mut again, minor, currency).expect("it was said");
        assert_eq!(words::amount(&again), Ok((minor, currency)));
    }
    let answer = message.answer(scheme::ResponseCode::FORMAT_ERROR);
    assert!(answer.encode().is_ok(), "its answer cannot be written");
    let _ = (OriginalData::of(message), OriginalData::named_in(message));
}

/// However a stream is cut, the same messages come out of it, and little waits for its end.
fn frames(bytes: &[u8]) {
    let (cut, stream) = bytes
        .split_first()
        .map_or((1, bytes), |(cut, stream)| (usize::from(*cut).saturating_add(1), stream));
    let taken = |cut: usize| {
        let mut deframer = Deframer::new();
        let mut found = Vec::new();
        for piece in stream.chunks(cut.max(1)) {
            deframer.push(piece);
            loop {
                match deframer.next_frame() {
                    Ok(Some(message)) => found.push(message),
                    Ok(None) => break,
                    Err(_) => return (found, true),
                }
            }
            assert!(deframer.waiting() <= scheme::LARGEST_FRAME + 2, "too much waits");
        }
        (found, false)
    };
    let in_pieces = taken(cut);
    assert_eq!(in_pieces, taken(stream.len()), "cuts matter");
    for one in &in_pieces.0 {
        message(one);
        let framed = scheme::frame(one).expect("it came in a frame");
        assert_eq!(framed.get(2..), Some(one.as_slice()));
    }
}

fn original_data(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(data) = OriginalData::parse(text) {
        assert_eq!(data.to_text(), text, "written, it is another one");
        if let Some(at) = scheme::transmission_time(&data.transmitted, now()) {
            assert_eq!(scheme::transmission_text(at), data.transmitted);
        }
        assert_eq!(scheme::institution(&data.acquirer).as_ref(), Some(&data.acquirer));
    }
}

/// A number of 12 to 19 digits by the first byte, a key by the next 24, and the rest is a block.
fn pin_block(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Some((key, block)) = rest.split_at_checked(24) else { return };
    let length = usize::from(first % 8).saturating_add(12);
    let digits: String = key.iter().take(length).map(|byte| char::from(b'0' + byte % 10)).collect();
    let pan = Pan::parse(&digits).expect("it has 12 to 19 digits");
    if let (Ok(PinBlock::Format0(block)), Ok(key)) =
        (PinBlock::format0(block), TripleDesKey::from_bytes(key))
    {
        for (read, clear) in [
            (pin::decode_format0(&block, &pan), block),
            (pin::decipher_format0(&key, &block, &pan), key.decrypt_block(block)),
        ] {
            if let Ok(found) = hidden(read) {
                assert_eq!(
                    pin::encode_format0(&found, &pan),
                    clear,
                    "written, it is another block"
                );
            }
        }
    }
    if let (Ok(PinBlock::Format4(block)), Ok(key)) =
        (PinBlock::format4(block), AesKey::from_bytes(key))
    {
        let _ = hidden(pin::decipher_format4(&key, &block, &pan));
        if let Ok(found) = hidden(pin::decode_format4(&block)) {
            let random = block.last_chunk().copied().unwrap_or_default();
            assert_eq!(pin::encode_format4(&found, random), block, "written, it is another block");
            let enciphered = pin::encipher_format4(&key, &found, &pan, random);
            assert_eq!(pin::decipher_format4(&key, &enciphered, &pan), Ok(found));
        }
    }
}

fn hidden<E: Debug>(read: Result<ClearPin, E>) -> Result<ClearPin, E> {
    let printed = format!("{read:?}");
    if let Ok(pin) = &read {
        assert!(!printed.contains(pin.expose()), "a PIN is printed");
    }
    read
}

fn clearing_line(bytes: &[u8]) {
    let Ok(line) = clearing::parse_line(bytes) else { return };
    let written = clearing::write_line(&line).expect("what was read can be written");
    assert_eq!(written.as_bytes(), bytes, "written, it is another line");
    if let Line::Record(record) = &line {
        // With another number of the same last four digits it prints the same: so it prints no more of it.
        let mut other = record.clone();
        let number = format!("{:0>19}", record.pan.last_four());
        other.pan = Pan::parse(&number).expect("nineteen digits");
        assert_eq!(format!("{other:?}"), format!("{record:?}"), "a number is printed");
    }
}

fn settlement_report(bytes: &[u8]) {
    let Ok(report) = SettlementReport::parse(bytes) else { return };
    let written = report.write().expect("what was read can be written");
    assert_eq!(written.as_bytes(), bytes, "written, it is another report");
    let _ = report.sums();
}

fn request() -> Message {
    let wanted = Wanted {
        kind: scheme::Kind::Purchase,
        channel: scheme::Channel::Pos,
        abroad: false,
        merchant_category: "5411".to_owned(),
    };
    let mut message = Message::new(Mti::AUTHORIZATION);
    wanted.write(&mut message, "156");
    message.set(2, NUMBER).set(7, "1123130501").set(11, "42").set(14, "2911").set(32, "12345");
    message.set(37, "632713000042").set(41, "T1");
    words::set_amount(&mut message, 12_345, Currency::CNY).expect("it can be said");
    words::set_cvv2(&mut message, "123");
    words::set_pin(
        &mut message,
        PresentedPin { block: PinBlock::Format0([0xAB; 8]), key_index: 0 },
    );
    message
}

fn messages() -> Vec<Vec<u8>> {
    let mut advice = request();
    let original = OriginalData::of(&advice).expect("it names itself");
    advice.set_mti(Mti::REVERSAL_ADVICE);
    advice.remove(48).set(90, original.to_text());
    let pin = PresentedPin { block: PinBlock::Format4([0xCD; 16]), key_index: 1 };
    words::set_pin(&mut advice, pin);
    let mut balance = request().answer(scheme::ResponseCode::APPROVED);
    words::set_available(&mut balance, -5, Currency::CNY).expect("it can be said");
    balance.set(38, "123456").set(63, "019508f0-4a3b-7c5d-8e6f-0123456789ab");
    let mut echo = Message::new(Mti::NETWORK_MANAGEMENT);
    echo.set(7, "1123130501").set(11, "1").set(70, words::ECHO);
    [request(), advice, balance, echo].iter().filter_map(|message| message.encode().ok()).collect()
}

fn streams() -> Vec<Vec<u8>> {
    let framed =
        messages().iter().filter_map(|message| scheme::frame(message).ok()).collect::<Vec<_>>();
    let together = [[6].as_slice(), &scheme::KEEP_ALIVE, &framed.concat()].concat();
    framed.into_iter().map(|one| [[0].as_slice(), &one].concat()).chain([together]).collect()
}

fn originals() -> Vec<Vec<u8>> {
    OriginalData::of(&request()).into_iter().map(|data| data.to_text().into_bytes()).collect()
}

fn pin_blocks() -> Vec<Vec<u8>> {
    let key: Vec<u8> = (1..=24).collect();
    let short = [0x04, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let long = [[0x44, 0x12, 0x34, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA], [7; 8]].concat();
    vec![[&[0], key.as_slice(), &short].concat(), [&[7], key.as_slice(), &long].concat()]
}

fn clearing_lines() -> Vec<Vec<u8>> {
    let record = "R00000000000000000000042006225880212345678   000000012345CNY00000012345T1      632713000007\
                  00004220261123130501123456W-000000037";
    let lines = [
        "HCLEARING01CUP-20261123-001                        20261123",
        record,
        "T000000001000000000012345000000000000000-000000000000037",
    ];
    lines.map(|line| line.as_bytes().to_vec()).to_vec()
}

fn settlement_reports() -> Vec<Vec<u8>> {
    let report = "HSETTLING01CUP-20261123-CNY                        2026112420261123CNY\n\
                  S0000000000000000000004220000000012345-000000037\n\
                  T000000001000000000000000000000000012345-000000000000037\n";
    vec![report.as_bytes().to_vec()]
}
