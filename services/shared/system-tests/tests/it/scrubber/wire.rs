//! Messages of the scheme with a secret where it does not belong: in each data element, in a type that there is not, cut
//! off, and too long.

use scheme::{Message, Mti, table};
use tokio::time::Instant;

use crate::issuing::Held;
use crate::line::Line;
use crate::support::*;

/// Sends all of it, over as many connections as it takes, and answers what came back and how many messages went out. What is
/// repeated of a message is left out of its answer: the scheme gets it back as it sent it.
pub async fn send(bank: &Bank, card: &Held, secrets: &[String]) -> (Vec<u8>, usize) {
    let (mut told, mut sent) = (Vec::new(), 0);
    let mut line = bank.signed_on().await;
    for secret in secrets {
        for bytes in messages(&mut line, card, secret) {
            line.send(&bytes).await;
            sent += 1;
            let still_there = listen(&mut line, &mut told).await;
            if !still_there {
                line = bank.signed_on().await;
            }
        }
    }
    (told, sent)
}

/// Reads until an echo is answered. False where the connection has ended.
async fn listen(line: &mut Line, told: &mut Vec<u8>) -> bool {
    let mut echo = line.message(Mti::NETWORK_MANAGEMENT);
    echo.set(70, "301");
    line.send(&framed(&echo.encode().unwrap())).await;
    let deadline = Instant::now() + PATIENCE;
    while let Some(mut answer) = line.next().await {
        assert!(Instant::now() < deadline, "the echo is not answered");
        let is_the_echo = answer.get(11) == echo.get(11) && answer.get(70).is_some();
        for field in table::ECHOED {
            answer.remove(*field);
        }
        told.extend(answer.encode().unwrap());
        if is_the_echo {
            return true;
        }
    }
    false
}

/// The length and the bytes, however many there are.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [length.to_be_bytes().as_slice(), bytes].concat()
}

fn messages(line: &mut Line, card: &Held, secret: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for mti in ["0100", "0101", "0120", "0200", "0220", "0400", "0420", "0110", "0999", "abcd"] {
        for number in (2..=128).filter(|number| mti == "0100" || number % 9 == 2) {
            // An amount and a reference of twelve digits may be any: a PIN that somebody calls one cannot be told from it.
            if [4, 37].contains(&number) && secret.len() == 12 {
                continue;
            }
            let good = line.purchase(Mti::AUTHORIZATION, card, 100);
            let message = encoded(mti, &good, number, secret.as_bytes());
            found.push(framed(&message));
            if number % 5 == 0 {
                // Longer than its length says, and shorter.
                found.push(framed(&[message.as_slice(), secret.as_bytes()].concat()));
                found.push(framed(&message[..message.len() - 5]));
            }
        }
    }
    found.push(framed(secret.as_bytes()));
    found.push(framed(&secret.repeat(8 * 1024 / secret.len()).into_bytes()));
    found.push(framed(&secret.repeat(5_000).into_bytes()));
    found
}

/// A message with anything in one of its elements, which [`Message::encode`] would refuse to write.
fn encoded(mti: &str, good: &Message, number: u8, anything: &[u8]) -> Vec<u8> {
    let (mut bitmap, mut body) = (1_u128 << 127, Vec::new());
    for field in 2..=128 {
        let value = if field == number { Some(anything) } else { good.get(field) };
        let Some(value) = value else { continue };
        let digits = table::element(field).map_or(0, |element| element.length.prefix());
        if digits > 0 {
            body.extend(format!("{:0digits$}", value.len()).into_bytes());
        }
        body.extend(value);
        bitmap |= 1 << (128 - u32::from(field));
    }
    [mti.as_bytes(), &bitmap.to_be_bytes(), &body].concat()
}
