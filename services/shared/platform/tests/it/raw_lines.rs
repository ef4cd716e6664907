//! A listener for a protocol that is not gRPC: whoever connects has proven who they are, as everywhere.

use std::net::SocketAddr;

use chrono::TimeDelta;
use kernel::{Clock, SystemClock};
use platform::tls::Listener;
use testkit::certificates::{Authority, Leaf};
use testkit::trust::Trust;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{credentials, within};

const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

async fn listener(connections_max: usize) -> Listener {
    let own = Some(credentials("service/card"));
    Listener::bind("raw", SocketAddr::from(ANYWHERE), own, connections_max).await.unwrap()
}

#[tokio::test]
async fn who_connects_is_known_and_bytes_go_both_ways() {
    let mut listener = listener(8).await;
    let address = listener.address();
    let trust = Trust::of_this_process("scheme/lab").unwrap();
    let client = tokio::spawn(async move {
        let mut stream = trust.connect(address).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    });

    let (mut line, guest) = within(listener.accept("nobody/here")).await.unwrap();
    let mut asked = [0; 4];
    within(line.read_exact(&mut asked)).await.unwrap();
    within(line.write_all(b"pong")).await.unwrap();
    within(line.flush()).await.unwrap();

    assert_eq!((&*guest.identity().name, &asked), ("scheme/lab", b"ping"));
    assert!(!guest.has_expired());
    assert_eq!(&within(client).await.unwrap(), b"pong");
}

#[tokio::test]
async fn who_has_proven_nothing_never_gets_in_and_keeps_nobody_out() {
    let mut listener = listener(8).await;
    let address = listener.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut rude = TcpStream::connect(address).await.unwrap();
    rude.write_all(&[0, 4, b'0', b'8', b'0', b'0']).await.unwrap();
    let foreign = Authority::generate("somebody else").unwrap();
    let leaf = Leaf::new("scheme/lab", SystemClock.now(), TimeDelta::days(1));
    let issued = foreign.issue(&leaf).unwrap();
    let believed = Authority::of_this_process().certificate_pem();
    let foreigner = Trust::new(believed, &issued.certificate_pem, &issued.key_pem).unwrap();
    let anonymous = Trust::anonymous(believed).unwrap();
    for trust in [foreigner, anonymous] {
        // Of TLS 1.3 the client has finished before it is refused: it sees that when it reads.
        if let Ok(mut stream) = trust.connect(address).await {
            let mut nothing = [0; 1];
            assert!(!matches!(within(stream.read(&mut nothing)).await, Ok(1..)));
        }
    }

    let trust = Trust::of_this_process("scheme/lab").unwrap();
    let client = tokio::spawn(async move { trust.connect(address).await.map(drop) });
    let (_, guest) = within(listener.accept("nobody/here")).await.unwrap();
    assert_eq!(&*guest.identity().name, "scheme/lab");
    within(client).await.unwrap().unwrap();
    drop((silent, rude));
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let mut listener = listener(1).await;
    let address = listener.address();
    let connect = || async move {
        let trust = Trust::of_this_process("scheme/lab").unwrap();
        trust.connect(address).await.unwrap()
    };
    let first = connect().await;
    let accepted = within(listener.accept("nobody/here")).await.unwrap();

    let mut second = connect().await;
    let mut nothing = [0; 1];
    assert!(!matches!(within(second.read(&mut nothing)).await, Ok(1..)));

    drop((first, accepted));
    let _third = connect().await;
    within(listener.accept("nobody/here")).await.unwrap();
}

#[tokio::test]
async fn plain_text_is_spoken_on_loopback_only() {
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Listener::bind("raw", any, None, 8).await.err().unwrap().to_string();
    assert!(refused.contains("only on a loopback address"), "{refused}");

    let mut listener = Listener::bind("raw", SocketAddr::from(ANYWHERE), None, 8).await.unwrap();
    let _client = TcpStream::connect(listener.address()).await.unwrap();
    let (_, guest) = within(listener.accept("scheme/unproven")).await.unwrap();
    assert_eq!(&*guest.identity().name, "scheme/unproven");
    assert!(guest.identity().role.is_some());
}
