//! Bytes that are no HTTP/2, and frames that break its rules.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::attacked::Attacked;
use super::wire::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Ended, GO_AWAY, HEADERS, PADDED, PING,
    PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Wire, call_headers,
    frame, greeting, header_block,
};

const LIMIT: Duration = Duration::from_secs(5);

fn noise(rng: &mut StdRng, length_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..length_max)];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[tokio::test]
async fn random_bytes_do_no_harm() {
    let server = Attacked::start().await;
    let seed = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    println!("seed {seed}");

    for round in 0..120 {
        let (address, identity) = match round % 3 {
            0 => (server.calls, Some("channel/mobile")),
            1 => (server.operations, Some("operator/1")),
            // Whoever has no certificate is let in here, to see whether the service lives.
            _ => (server.operations, None),
        };
        let mut wire = Wire::connect(address, identity).await.unwrap();
        if rng.random() {
            wire.send(PREFACE).await.ok();
        }
        for _ in 0..rng.random_range(1..8) {
            wire.send(&noise(&mut rng, 20_000)).await.ok();
        }
    }

    server.stood(64).await;
}

#[tokio::test]
async fn random_frames_do_no_harm() {
    let server = Attacked::start().await;
    let seed = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    println!("seed {seed}");

    for round in 0..200 {
        let (address, identity) = match round % 3 {
            0 | 1 => (server.calls, Some("channel/mobile")),
            _ => (server.operations, None),
        };
        let mut wire = Wire::connect(address, identity).await.unwrap();
        let mut bytes = greeting(&[]);
        let mut stream = 1;
        for _ in 0..rng.random_range(1..60) {
            let block = call_headers(&[]);
            let next = match rng.random_range(0..5) {
                0 => frame(HEADERS, END_HEADERS, stream, &block),
                1 => frame(DATA, rng.random(), stream, &noise(&mut rng, 300)),
                2 => {
                    // Broken somewhere.
                    let mut broken = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
                    let at = rng.random_range(0..broken.len());
                    broken[at] = rng.random();
                    broken
                }
                _ => {
                    let (kind, flags) = (rng.random_range(0..12), rng.random());
                    frame(kind, flags, rng.random_range(0..stream + 3), &noise(&mut rng, 64))
                }
            };
            bytes.extend(next);
            stream += 2 * u32::from(rng.random::<bool>());
        }
        wire.send(&bytes).await.ok();
        // Now and then wait for what the server makes of it.
        if round % 8 == 0 {
            wire.ended(1, Duration::from_millis(200)).await;
        }
    }

    server.stood(64).await;
}

/// What breaks a rule of HTTP/2, by the section of RFC 9113 that says so; each after a greeting.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let block = call_headers(&[]);
    let open = frame(HEADERS, END_HEADERS, 1, &block);
    let then = |next: Vec<u8>| [open.clone(), next].concat();
    let mut too_long = frame(DATA, 0, 1, &[]);
    too_long[..3].copy_from_slice(&[0xff, 0xff, 0xff]);
    let first = |bytes: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, bytes);
    vec![
        ("4.2: a frame longer than allowed", then(too_long)),
        ("5.1: data on a stream that is not open", frame(DATA, END_STREAM, 1, b"x")),
        ("5.1: a reset of a stream that is not open", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("5.1.1: a stream with an even number", frame(HEADERS, END_HEADERS, 2, &block)),
        (
            "5.1.1: streams going backwards",
            [frame(HEADERS, 5, 9, &block), frame(HEADERS, 5, 3, &block)].concat(),
        ),
        ("6.1: data without a stream", frame(DATA, 0, 0, b"x")),
        ("6.1: more padding than data", then(frame(DATA, PADDED, 1, &[200, 1]))),
        ("6.2: headers without a stream", frame(HEADERS, END_HEADERS, 0, &block)),
        ("6.2: something between headers", {
            [frame(HEADERS, 0, 1, &block), frame(PING, 0, 0, &[0; 8])].concat()
        }),
        ("6.3: a priority of the wrong length", frame(PRIORITY, 0, 1, &[0; 4])),
        ("6.4: a reset without a stream", frame(RST_STREAM, 0, 0, &[0; 4])),
        ("6.4: a reset of the wrong length", then(frame(RST_STREAM, 0, 1, &[0; 3]))),
        ("6.5: settings of the wrong length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("6.5: settings on a stream", frame(SETTINGS, 0, 1, &[])),
        ("6.5: acknowledged settings that say something", frame(SETTINGS, ACK, 0, &[0; 6])),
        ("6.5.2: a window too large", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("6.5.2: frames too large", frame(SETTINGS, 0, 0, &[0, 5, 0xff, 0xff, 0xff, 0xff])),
        ("6.6: a promise of a client", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("6.7: a ping of the wrong length", frame(PING, 0, 0, &[0; 7])),
        ("6.7: a ping on a stream", frame(PING, 0, 1, &[0; 8])),
        ("6.8: a farewell on a stream", frame(GO_AWAY, 0, 1, &[0; 8])),
        ("6.9: a window that does not grow", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("6.9: a window of the wrong length", frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
        ("6.9.1: a window too large", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("6.10: a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &block)),
        ("8.1.1: a body of another length", {
            let block = call_headers(&[("content-length", "9")]);
            [frame(HEADERS, END_HEADERS, 1, &block), frame(DATA, END_STREAM, 1, b"x")].concat()
        }),
        ("8.2: a header in upper case", first(&call_headers(&[("Upper", "x")]))),
        ("8.2.2: a header of the connection", first(&call_headers(&[("connection", "close")]))),
        ("8.3.1: no method", first(&header_block(&[(":scheme", "https"), (":path", "/")]))),
        ("8.3: a pseudo-header that there is not", first(&call_headers(&[(":other", "x")]))),
        ("7541 2.3.3: an index that is nothing", first(&[0xff, 0xff, 0x7f])),
        ("7541 4.2: a table too large", first(&[0x3f, 0xff, 0xff, 0xff, 0x7f])),
        ("7541 5.1: a number without an end", first(&[0xff; 64])),
        ("7541 5.2: a text that ends too early", first(&[0x00, 0x7f, 0x01])),
        ("7541 5.2: text that is no Huffman code", first(&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff])),
    ]
}

#[tokio::test]
async fn every_broken_rule_ends_the_stream_or_the_connection() {
    let server = Attacked::start().await;

    for (rule, bytes) in broken() {
        let mut wire = Wire::connect(server.calls, Some("channel/mobile")).await.unwrap();
        wire.send(&[greeting(&[]), bytes].concat()).await.unwrap();
        let ended = wire.ended(1, LIMIT).await;
        assert!(
            matches!(ended, Some(Ended::Closed | Ended::GoneAway | Ended::Reset)),
            "{rule}: {ended:?}"
        );
    }

    server.stood(32).await;
}
