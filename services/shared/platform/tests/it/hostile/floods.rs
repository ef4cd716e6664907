//! Frames that are in order, and too many of them.

use std::time::Duration;

use super::attacked::Attacked;
use super::wire::{
    CONTINUATION, END_HEADERS, END_STREAM, Ended, HEADERS, PING, RST_STREAM, SETTINGS, Wire,
    call_headers, frame, greeting, header_block,
};

const LIMIT: Duration = Duration::from_secs(10);

async fn connect(server: &Attacked) -> Wire {
    let mut wire = Wire::connect(server.calls, Some("channel/mobile")).await.unwrap();
    wire.send(&greeting(&[])).await.unwrap();
    wire
}

/// Sends until everything is sent, or the other side does not take any more. Answers how much was taken.
async fn pour(wire: &mut Wire, chunk: impl Fn(u32) -> Vec<u8>, chunks: u32) -> u32 {
    for index in 0..chunks {
        if wire.send(&chunk(index)).await.is_err() {
            return index;
        }
    }
    chunks
}

#[tokio::test]
async fn ten_thousand_calls_that_are_taken_back_at_once_do_no_harm() {
    let server = Attacked::start().await;
    let block = call_headers(&[]);

    for _ in 0..5 {
        let mut wire = connect(&server).await;
        let hundred = |index: u32| {
            let streams = (0..100).map(|call| 2 * (100 * index + call) + 1);
            let frames = streams.flat_map(|stream| {
                let open = frame(HEADERS, END_HEADERS, stream, &block);
                [open, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
            });
            frames.collect()
        };
        pour(&mut wire, hundred, 100).await;
    }

    server.stood(64).await;
}

#[tokio::test]
async fn headers_that_never_end_are_cut_off() {
    let server = Attacked::start().await;
    let mut wire = connect(&server).await;
    wire.send(&frame(HEADERS, 0, 1, &call_headers(&[]))).await.unwrap();
    let more = frame(CONTINUATION, 0, 1, &header_block(&[("x-filler", &"x".repeat(16_000))]));

    let taken = pour(&mut wire, |_| more.clone(), 10_000).await;

    // What is on its way when the server hangs up is some hundreds of kibibytes.
    assert!(taken < 1_000, "{taken} frames of 16 KiB were taken");
    server.stood(32).await;
}

#[tokio::test]
async fn empty_continuations_are_cut_off() {
    let server = Attacked::start().await;
    let mut wire = connect(&server).await;
    wire.send(&frame(HEADERS, 0, 1, &[])).await.unwrap();
    let thousand = frame(CONTINUATION, 0, 1, &[]).repeat(1_000);

    let taken = pour(&mut wire, |_| thousand.clone(), 2_000).await;

    assert!(taken < 1_000, "{taken} thousand frames were taken");
    server.stood(32).await;
}

#[tokio::test]
async fn pings_and_settings_whose_answers_nobody_reads_do_no_harm() {
    let server = Attacked::start().await;
    let pings = frame(PING, 0, 0, &[7; 8]).repeat(1_000);
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]).repeat(1_000);

    for flood in [pings, settings] {
        // Without reading, until the server takes no more or so many are sent.
        let mut wire = connect(&server).await;
        pour(&mut wire, |_| flood.clone(), 200).await;
    }

    server.stood(64).await;
}

#[tokio::test]
async fn large_headers_are_refused_and_small_ones_that_unfold_too() {
    let server = Attacked::start().await;
    let large = call_headers(&[("x-filler", &"x".repeat(14_000)), ("x-more", &"x".repeat(1_900))]);
    let many: Vec<(String, String)> = (0..400).map(|i| (format!("x-{i}"), "x".into())).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // An entry of the table of 4,000 bytes, and then one byte, index 62, for each time that it is meant.
    let mut bomb = call_headers(&[]);
    bomb.extend([0x40, 4, b'b', b'o', b'm', b'b', 0x7f, 0xa1, 0x1e]);
    bomb.extend([b'x'; 4_000]);
    bomb.extend([0xbe; 8_000]);

    for (what, block) in [("large", large), ("many", call_headers(&many)), ("a bomb", bomb)] {
        let mut wire = connect(&server).await;
        let (first, rest) = block.split_at(block.len().min(16_000));
        let frames =
            [frame(HEADERS, END_STREAM, 1, first), frame(CONTINUATION, END_HEADERS, 1, rest)];
        wire.send(&frames.concat()).await.unwrap();
        let ended = wire.ended(1, LIMIT).await;
        // Refused as HTTP does (431), or not talked to any more.
        assert!(ended.is_some(), "{what}");
        assert_ne!(ended, Some(Ended::Closed), "{what}: without a word");
    }

    server.stood(32).await;
}

#[tokio::test]
async fn a_caller_who_never_reads_does_not_fill_the_memory() {
    let server = Attacked::start().await;
    let block = call_headers(&[]);
    let body = super::wire::message(0, 0, &[]);

    for _ in 0..20 {
        // No window for answers, and more calls than may be open.
        let mut wire = Wire::connect(server.calls, Some("channel/mobile")).await.unwrap();
        let mut bytes = greeting(&[(4, 0)]);
        for stream in (1..6_001).step_by(2) {
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &block));
            bytes.extend(frame(0, END_STREAM, stream, &body));
        }
        wire.send(&bytes).await.ok();
    }

    server.stood(96).await;
}
