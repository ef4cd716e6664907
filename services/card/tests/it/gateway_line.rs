//! The scheme's end of a line to the gateway: real sockets, messages made by the same words as the gateway reads.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use kernel::{Clock, Currency, SystemClock};
use scheme::{
    Channel, Deframer, Kind, Message, Mti, OriginalData, PresentedPin, Wanted, frame,
    transmission_text, words,
};
use testkit::trust::Trust;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Plastic, Service};

/// The bank's country.
pub const HOME: &str = "156";

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to the gateway.
pub struct Line {
    wire: Box<dyn Wire>,
    frames: Deframer,
}

impl Line {
    /// A connection of the scheme, signed on.
    pub async fn to(service: &Service) -> Self {
        let mut line = Self::silent(service).await;
        assert_eq!(line.manage(words::SIGN_ON).await, "00");
        line
    }

    /// A connection of the scheme that has not said anything yet.
    pub async fn silent(service: &Service) -> Self {
        Self::named("scheme/test", service.gateway).await
    }

    /// A connection under this name.
    pub async fn named(name: &str, address: SocketAddr) -> Self {
        Self::over(Trust::of_this_process(name).unwrap().connect(address).await.unwrap())
    }

    /// A connection that is there already.
    pub fn over(wire: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { wire: Box::new(wire), frames: Deframer::new() }
    }

    /// A connection without TLS.
    pub async fn plain(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Sends these bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // Fails where the other end has closed: whoever reads then sees that.
        self.wire.write_all(bytes).await.ok();
        self.wire.flush().await.ok();
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Message) {
        self.send_bytes(&frame(&message.encode().unwrap()).unwrap()).await;
    }

    /// The next message; `None` where the connection has ended.
    pub async fn receive(&mut self) -> Option<Message> {
        let read = async {
            loop {
                if let Some(frame) = self.frames.next_frame().unwrap() {
                    return Some(Message::decode(&frame).unwrap());
                }
                let mut bytes = Vec::new();
                match self.wire.read_buf(&mut bytes).await {
                    Ok(1..) => self.frames.push(&bytes),
                    _ => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }

    /// Sends a message and waits for the next one.
    pub async fn ask(&mut self, message: &Message) -> Message {
        self.send(message).await;
        self.receive().await.unwrap()
    }

    /// Sends a message and says how it was answered.
    pub async fn code(&mut self, message: &Message) -> String {
        code(&self.ask(message).await)
    }

    /// Sends a message of network management and says how it was answered.
    pub async fn manage(&mut self, what: &str) -> String {
        self.code(&management(what)).await
    }
}

/// The response code of an answer.
pub fn code(answer: &Message) -> String {
    answer.text(39).unwrap().to_owned()
}

/// The authorization that an answer names.
pub fn authorization_id(answer: &Message) -> String {
    answer.text(63).unwrap().to_owned()
}

/// A message of a type, with its own trace number and the time.
fn message(mti: Mti) -> Message {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let mut message = Message::new(mti);
    message.set(7, transmission_text(SystemClock.now())).set(11, format!("{number:06}"));
    message
}

/// Network management.
pub fn management(what: &str) -> Message {
    let mut message = message(Mti::NETWORK_MANAGEMENT);
    message.set(70, what);
    message
}

/// A request with a card.
pub fn request(
    mti: Mti,
    plastic: &Plastic,
    (kind, channel): (Kind, Channel),
    minor: i64,
) -> Message {
    let mut request = message(mti);
    let trace = request.text(11).unwrap().to_owned();
    request
        .set(2, plastic.pan.expose())
        .set(14, &plastic.expiry)
        .set(32, "12345")
        .set(37, format!("RRN000{trace}"))
        .set(41, "TERM0001");
    words::set_amount(&mut request, minor, Currency::CNY).unwrap();
    let wanted = Wanted { kind, channel, abroad: false, merchant_category: "5411".into() };
    wanted.write(&mut request, HOME);
    request
}

/// A purchase at a terminal, cleared later.
pub fn purchase(plastic: &Plastic, minor: i64) -> Message {
    request(Mti::AUTHORIZATION, plastic, (Kind::Purchase, Channel::Pos), minor)
}

/// Cash, posted at once, with this PIN.
pub fn cash(plastic: &Plastic, minor: i64, pin: &str) -> Message {
    let mut cash = request(Mti::FINANCIAL, plastic, (Kind::Cash, Channel::Atm), minor);
    words::set_pin(&mut cash, PresentedPin { block: plastic.pin_block(pin), key_index: 0 });
    cash
}

/// A message about an earlier one.
fn following(mti: Mti, original: &Message, minor: i64) -> Message {
    let mut following = message(mti);
    for field in [2, 3, 32, 37, 41] {
        following.set(field, original.get(field).unwrap());
    }
    following.set(90, OriginalData::of(original).unwrap().to_text());
    words::set_amount(&mut following, minor, Currency::CNY).unwrap();
    following
}

/// Takes an earlier request back.
pub fn reversal(original: &Message) -> Message {
    let (minor, _) = words::amount(original).unwrap();
    following(Mti::REVERSAL, original, minor)
}

/// Completes an earlier request with the final amount.
pub fn completion(original: &Message, minor: i64) -> Message {
    following(Mti::FINANCIAL_ADVICE, original, minor)
}

/// The same message, sent again.
pub fn repeated(message: &Message) -> Message {
    let mut repeated = message.clone();
    repeated.set_mti(message.mti().repeat());
    repeated
}
