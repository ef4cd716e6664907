//! Connections that do not keep to the rules, beside one that does and never notices.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{Clock, SystemClock};
use scheme::{Mti, frame, words};
use testkit::certificates::{Authority, Leaf};
use testkit::trust::Trust;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::gateway_line::*;
use crate::support::*;

#[tokio::test]
async fn garbage_ends_its_own_connection_and_no_other() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut good = Line::to(&service).await;

    let not_a_type = frame(b"GET / HTTP/1.1").unwrap();
    let too_long = [0xFF, 0xFF, b'0', b'1', b'0', b'0'].to_vec();
    let only_a_type = frame(b"0100").unwrap();
    for bytes in [not_a_type, too_long, only_a_type] {
        let mut line = Line::to(&service).await;
        line.send_bytes(&bytes).await;
        assert!(line.receive().await.is_none(), "{bytes:?}");
        assert_eq!(good.code(&purchase(&plastic, 1)).await, "00");
    }
    // Where the question can be told, it is answered.
    let mut line = Line::to(&service).await;
    let mut bytes = purchase(&plastic, 1).encode().unwrap();
    bytes.truncate(bytes.len() - 3);
    line.send_bytes(&frame(&bytes).unwrap()).await;
    let answer = line.receive().await.unwrap();
    assert_eq!((answer.mti(), code(&answer).as_str()), (Mti::AUTHORIZATION_ANSWER, "30"));
    let mut lacking = purchase(&plastic, 1);
    lacking.remove(41);
    assert_eq!(line.code(&lacking).await, "30");
    let mut old = purchase(&plastic, 1);
    let yesterday = SystemClock.now() - TimeDelta::days(1);
    old.set(7, scheme::transmission_text(yesterday));
    assert_eq!(line.code(&old).await, "30");
    assert_eq!(line.code(&purchase(&plastic, 1)).await, "00", "the line is still good");
}

#[tokio::test]
async fn who_sends_slowly_or_nothing_is_closed_and_keeps_nobody_waiting() {
    let settings = "frame_max_ms = 300\nidle_max_s = 1";
    let service = Service::start_with(settings, "").await;
    let plastic = service.active().await;
    let mut good = Line::to(&service).await;
    let mut slow = Line::to(&service).await;
    let mut silent = Line::silent(&service).await;
    let (mut half, mut alive) = (Line::to(&service).await, Line::to(&service).await);
    half.send_bytes(&[0]).await;

    let bytes = frame(&purchase(&plastic, 1).encode().unwrap()).unwrap();
    let dripping = async {
        for byte in bytes {
            slow.send_bytes(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slow.receive().await
    };
    let working = async {
        for _ in 0..20 {
            assert_eq!(good.code(&purchase(&plastic, 1)).await, "00");
            alive.send_bytes(&scheme::KEEP_ALIVE).await;
            tokio::time::sleep(Duration::from_millis(75)).await;
        }
    };
    let (dripped, ()) = tokio::join!(dripping, working);

    assert!(dripped.is_none(), "a message takes no longer than that");
    assert!(half.receive().await.is_none());
    assert!(silent.receive().await.is_none());
    assert_eq!(alive.manage(words::ECHO).await, "00", "signs of life keep it open");
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_what_it_asked_is_decided() {
    let service = Service::start_with("write_max_ms = 300\nin_flight_max = 16", "").await;
    let plastic = service.active().await;
    let mut good = Line::to(&service).await;
    let mut deaf = Line::to(&service).await;
    let echo = frame(&management(words::ECHO).encode().unwrap()).unwrap();
    let many = echo.repeat(2_000);

    // As much as fits between the two ends, until the gateway stops reading, and then closes.
    let sending = async {
        loop {
            let before = tokio::time::Instant::now();
            let sent = tokio::time::timeout(Duration::from_secs(2), deaf.send_bytes(&many)).await;
            if sent.is_err() || before.elapsed() > PATIENCE || service_closed(&service).await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, sending).await.unwrap();

    let closed = async {
        while !service.metrics().await.contains("why=\"not_reading\"") {
            assert_eq!(good.code(&purchase(&plastic, 1)).await, "00");
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
    assert_eq!(good.code(&purchase(&plastic, 1)).await, "00");
}

async fn service_closed(service: &Service) -> bool {
    service.metrics().await.contains("why=\"not_reading\"")
}

#[tokio::test]
async fn more_than_may_be_under_way_waits_and_is_answered() {
    let service = Service::start_with("in_flight_max = 2", "").await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    let mut asked = Vec::new();
    for _ in 0..20 {
        let one = purchase(&plastic, 10);
        line.send(&one).await;
        asked.push(one.text(11).unwrap().to_owned());
    }

    let mut answered = Vec::new();
    for _ in 0..20 {
        let answer = line.receive().await.unwrap();
        assert_eq!(code(&answer), "00");
        answered.push(answer.text(11).unwrap().to_owned());
    }

    answered.sort_unstable();
    assert_eq!(answered, asked);
    assert_eq!(service.deposit.held(&service.account), 200);
}

#[tokio::test]
async fn only_the_scheme_is_let_in() {
    let service = Service::start().await;
    for name in ["channel/mobile", "teller/1", "service/deposit"] {
        let mut line = Line::named(name, service.gateway).await;
        line.send(&management(words::SIGN_ON)).await;
        assert!(line.receive().await.is_none(), "{name}");
    }
    let foreign = Authority::generate("somebody else").unwrap();
    let leaf = Leaf::new("scheme/test", SystemClock.now(), TimeDelta::days(1));
    let issued = foreign.issue(&leaf).unwrap();
    let believed = Authority::of_this_process().certificate_pem();
    let foreigner = Trust::new(believed, &issued.certificate_pem, &issued.key_pem).unwrap();
    for trust in [foreigner, Trust::anonymous(believed).unwrap()] {
        // Of TLS 1.3 the client has finished before it is refused: it sees that when it reads.
        if let Ok(mut stream) = trust.connect(service.gateway).await {
            let mut nothing = [0; 1];
            assert!(!matches!(stream.read(&mut nothing).await, Ok(1..)));
        }
    }
    let mut plain = Line::plain(service.gateway).await;
    plain.send(&management(words::SIGN_ON)).await;
    let rest = TcpStream::connect(service.gateway).await.unwrap();
    rest.set_nodelay(true).unwrap();
    let mut good = Line::to(&service).await;
    assert_eq!(good.manage(words::ECHO).await, "00");
    drop((plain, rest));
}

#[tokio::test]
async fn an_expired_certificate_is_worth_nothing_on_an_open_connection() {
    let service = Service::start().await;
    let authority = Authority::of_this_process();
    let leaf = Leaf::new("scheme/test", SystemClock.now(), TimeDelta::seconds(2));
    let issued = authority.issue(&leaf).unwrap();
    let trust = Trust::new(authority.certificate_pem(), &issued.certificate_pem, &issued.key_pem);
    let mut line = Line::over(trust.unwrap().connect(service.gateway).await.unwrap());
    assert_eq!(line.manage(words::SIGN_ON).await, "00");

    let ended = async {
        loop {
            line.send(&management(words::ECHO)).await;
            if line.receive().await.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn plain_text_is_spoken_on_loopback_only() {
    let service = Service::start_with("plain = true", "").await;
    let plastic = service.active().await;
    let mut line = Line::plain(service.gateway).await;
    assert_eq!(line.manage(words::SIGN_ON).await, "00");
    assert_eq!(line.code(&purchase(&plastic, 100)).await, "00");

    let here = format!("listen = \"{}\"\npin_keys", service.gateway);
    let said = service.refused_to_start(&here, "listen = \"0.0.0.0:0\"\npin_keys").await;
    assert!(said.contains("gateway.listen"), "{said}");
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_service_ends() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    let mut line = Line::to(&service).await;
    for _ in 0..50 {
        line.send(&purchase(&plastic, 10)).await;
    }
    let first = line.receive().await.unwrap();
    assert_eq!(code(&first), "00");

    service.stop().await;

    let mut approved = 1;
    while let Some(answer) = line.receive().await {
        assert_eq!(code(&answer), "00");
        approved += 1;
    }
    let known = "SELECT count(*) FROM authorizations WHERE status = 'APPROVED'";
    assert_eq!(service.count(known).await, approved, "whatever was decided was answered");
}
