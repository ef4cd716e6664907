//! A connection of the scheme to the gateway, and what goes over it.

use kernel::{Clock, SystemClock};
use scheme::{Deframer, Message, Mti, OriginalData, frame, transmission_text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::issuing::{Held, SCHEME};
use crate::support::*;

/// A connection over TLS under the scheme's name.
pub struct Line {
    stream: TlsStream<TcpStream>,
    frames: Deframer,
    trace_number: u32,
}

impl Bank {
    /// A new connection that has not signed on.
    pub async fn line(&self) -> Line {
        self.line_as(SCHEME).await.unwrap()
    }

    /// The same under another name, if the gateway lets it in.
    pub async fn line_as(&self, identity: &str) -> Result<Line, String> {
        let file = self.file();
        let address = file.service("card").unwrap().iso8583.clone().unwrap().parse().unwrap();
        let trust = file.trust(identity).unwrap().unwrap();
        let stream = trust.connect(address).await.map_err(|error| format!("{error:#}"))?;
        Ok(Line { stream, frames: Deframer::new(), trace_number: 0 })
    }

    /// A new connection that has signed on.
    pub async fn signed_on(&self) -> Line {
        let mut line = self.line().await;
        let mut sign_on = line.message(Mti::NETWORK_MANAGEMENT);
        sign_on.set(70, "001");
        assert_eq!(code(&line.ask(&sign_on).await), "00");
        line
    }
}

impl Line {
    /// A message with a new trace number, sent now.
    pub fn message(&mut self, mti: Mti) -> Message {
        self.trace_number += 1;
        let mut message = Message::new(mti);
        message.set(7, transmission_text(SystemClock.now()));
        message.set(11, format!("{:06}", self.trace_number));
        message
    }

    /// A purchase in a shop by chip, without a PIN.
    pub fn purchase(&mut self, mti: Mti, card: &Held, minor: i64) -> Message {
        let mut message = self.message(mti);
        let reference = format!("S{:011}", self.trace_number);
        let fields = [
            (2, card.number.as_str()),
            (3, "000000"),
            (4, &format!("{minor:012}")),
            (14, &card.expiry),
            (18, "5411"),
            (19, "156"),
            (22, "051"),
            (25, "00"),
            (32, "4711"),
            (37, &reference),
            (41, "SHOP0002"),
            (49, "156"),
        ];
        for (field, value) in fields {
            message.set(field, value);
        }
        message
    }

    /// The reversal of such a message.
    pub fn reversal(&mut self, original: &Message) -> Message {
        let mut message = self.message(Mti::REVERSAL);
        for field in [3, 4, 32, 37, 41, 49] {
            message.set(field, original.get(field).unwrap());
        }
        message.set(90, OriginalData::of(original).unwrap().to_text());
        message
    }

    /// Sends a message, and waits for the next answer.
    pub async fn ask(&mut self, message: &Message) -> Message {
        self.send(&frame(&message.encode().unwrap()).unwrap()).await;
        self.next().await.expect("the gateway closed the connection")
    }

    /// Sends bytes as they are. Where the other end has hung up, nothing happens: [`Self::next`] says so.
    pub async fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            self.stream.flush().await.ok();
        }
    }

    /// The next message; `None` where the connection has ended.
    pub async fn next(&mut self) -> Option<Message> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(message) = self.frames.next_frame().unwrap() {
                return Some(Message::decode(&message).unwrap());
            }
            let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await;
            match read.expect("the gateway answers, or hangs up") {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.frames.push(&bytes[..read]),
            }
        }
    }
}

/// The response code of an answer.
pub fn code(answer: &Message) -> &str {
    answer.text(39).unwrap_or_default()
}

/// The authorization that an answer is about.
pub fn authorization_id(answer: &Message) -> String {
    answer.trimmed(63).unwrap_or_default().to_owned()
}
