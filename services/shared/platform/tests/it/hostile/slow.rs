//! Callers who take their time: in handshakes, headers, bodies, and in going away.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::attacked::Attacked;
use super::wire::{
    DATA, END_HEADERS, Ended, HEADERS, Wire, call_headers, frame, greeting, message,
};
use crate::support::{TRANSFER, within};

#[tokio::test]
async fn handshakes_that_never_end_do_not_keep_others_out() {
    let server = Attacked::start().await;
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

    // More than may be under way at once, some silent and some in the middle of a word.
    let mut silent = Vec::new();
    for index in 0..700 {
        let mut socket = TcpStream::connect(server.calls).await.unwrap();
        socket.write_all(&hello[..index % hello.len()]).await.ok();
        silent.push(socket);
    }

    server.stood(64).await;
    drop(silent);
}

#[tokio::test]
async fn headers_and_bodies_that_never_end_are_ended() {
    let server = Attacked::start().await;
    let open = frame(HEADERS, END_HEADERS, 1, &call_headers(&[]));
    let patience = call_headers(&[("grpc-timeout", "99999999H")]);
    let begun = message(0, 100, &[0; 10]);

    let slow: Vec<(&str, Vec<u8>)> = vec![
        ("a body of which nothing comes", open.clone()),
        ("a body of which a part comes", [open, frame(DATA, 0, 1, &begun)].concat()),
        ("a body with all the time in the world", {
            [frame(HEADERS, END_HEADERS, 1, &patience), frame(DATA, 0, 1, &begun)].concat()
        }),
    ];
    for (what, bytes) in slow {
        let mut wire = Wire::connect(server.calls, Some("channel/mobile")).await.unwrap();
        wire.send(&[greeting(&[]), bytes].concat()).await.unwrap();
        let ended = wire.ended(1, Duration::from_secs(8)).await;
        assert!(matches!(ended, Some(Ended::Answered | Ended::Reset)), "{what}: {ended:?}");
    }

    server.stood(16).await;
}

/// Most of a message of four mebibytes, sent as the server's windows allow, and then nothing more.
fn half_a_message() -> Body {
    let chunks = vec![Bytes::from(vec![7; 64 << 10]); 48];
    let begin = [Bytes::from(message(0, 4 << 20, &[]))];
    let chunks = tokio_stream::iter(begin.into_iter().chain(chunks)).map(Ok::<_, Infallible>);
    Body::new(axum::body::Body::from_stream(chunks.chain(tokio_stream::pending())))
}

#[tokio::test]
async fn messages_that_never_end_do_not_fill_the_memory() {
    let server = Attacked::start().await;

    let mut open = JoinSet::new();
    for _ in 0..4 {
        let channel = server.connect("channel/mobile");
        for _ in 0..150 {
            let mut channel = channel.clone();
            let request = http::Request::post(TRANSFER)
                .header("content-type", "application/grpc")
                .header("grpc-timeout", "99999999H")
                .body(half_a_message())
                .unwrap();
            open.spawn(async move { channel.ready().await.unwrap().call(request).await });
        }
    }
    let answers = within(open.join_all()).await;

    // There would have been 1.8 GiB of them; those for which there is no place hear so.
    let codes = answers
        .into_iter()
        .flatten()
        .filter_map(|answer| Some(tonic::Status::from_header_map(answer.headers())?.code()));
    let refused = codes.filter(|code| *code == Code::ResourceExhausted).count();
    assert!(refused > 0, "nobody was refused");
    server.stood(256).await;
}

#[tokio::test]
async fn strangers_who_say_nothing_do_not_keep_operators_out() {
    let server = Attacked::start().await;
    let mut strangers = Vec::new();
    for _ in 0..200 {
        let Ok(wire) = Wire::connect(server.operations, None).await else { continue };
        strangers.push(wire);
    }

    let began = Instant::now();
    let mut operator = Wire::connect(server.operations, Some("operator/1")).await.unwrap();
    operator.send(&greeting(&[])).await.unwrap();
    let answered = tokio::time::timeout(Duration::from_secs(3), operator.next()).await.unwrap();

    assert!(answered.is_some(), "hung up on after {:?}", began.elapsed());
    server.stood(128).await;
    drop(strangers);
}
