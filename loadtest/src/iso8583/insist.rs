//! Until the outcome is known: asks, repeats, and then takes back what nobody told us about, as a scheme does.

use std::time::{Duration, Instant};

use scheme::{Message, ResponseCode};

use super::line::NoAnswer;
use super::message::{Following, Trace, code, following};
use super::pool::Pool;

const PAUSE: Duration = Duration::from_millis(200);

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one answer.
    pub answer: Duration,
    /// How often is repeated before it is taken back.
    pub repeats: u32,
    /// For the answer to a reversal, with all its repetitions.
    pub reversal: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { answer: seconds(12), repeats: 1, reversal: seconds(60) }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Settled {
    /// It was answered.
    Answered(Box<Message>),
    /// It was not, and is taken back.
    Reversed,
    /// Neither was answered.
    Open,
}

/// Asks, and repeats (0101, 0201) while there is no answer; then reverses (0400, 0401) until that is answered.
pub async fn insist(pool: &Pool, asked: &Message, reversal: &Trace, patience: Patience) -> Settled {
    let mut message = asked.clone();
    for _ in 0..=patience.repeats {
        if let Some(answer) = ask(pool, &message, patience).await {
            return Settled::Answered(Box::new(answer));
        }
        message.set_mti(message.mti().repeat());
    }
    let Ok(mut message) = following(Following::Reversal, asked, reversal) else {
        return Settled::Open;
    };
    let deadline = Instant::now() + patience.reversal;
    while Instant::now() < deadline {
        let answer = ask(pool, &message, patience).await;
        if answer.is_some_and(|answer| code(&answer) == ResponseCode::APPROVED.as_str()) {
            return Settled::Reversed;
        }
        message.set_mti(message.mti().repeat());
        tokio::time::sleep(PAUSE).await;
    }
    Settled::Open
}

async fn ask(pool: &Pool, message: &Message, patience: Patience) -> Option<Message> {
    match pool.ask(message, patience.answer).await {
        Ok(answer) => Some(answer),
        Err(NoAnswer::Late) => None,
        Err(NoAnswer::Lost(_)) => {
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chrono::DateTime;
    use scheme::{Channel, Deframer, Kind, Pan};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::iso8583::{Card, Gateway, Purchase};

    /// A gateway that answers these types and no others; what it was asked, in order.
    async fn answering(types: &'static [&'static str]) -> (Pool, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut frames = Deframer::new();
            loop {
                let mut buffer = Vec::with_capacity(4_096);
                if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                    return;
                }
                frames.push(&buffer);
                while let Some(bytes) = frames.next_frame().unwrap() {
                    let message = Message::decode(&bytes).unwrap();
                    let mti = message.mti().to_string();
                    if mti == "0800" || types.contains(&mti.as_str()) {
                        let bytes = message.answer(ResponseCode::APPROVED).encode().unwrap();
                        stream.write_all(&scheme::frame(&bytes).unwrap()).await.unwrap();
                    }
                    heard.lock().unwrap().push(mti);
                }
            }
        });
        (Pool::open(Gateway { address, trust: None }, 1).await.unwrap(), asked)
    }

    async fn settled(types: &'static [&'static str]) -> (Settled, Vec<String>) {
        let (pool, asked) = answering(types).await;
        let pan = Pan::with_check_digit("621234000000001").unwrap();
        let card = Card { pan, expiry: "3011".to_owned(), cvv2: "123".to_owned() };
        let trace = |number: u128| Trace {
            transmitted_at: DateTime::from_timestamp(1_795_392_000, 0).unwrap(),
            ..Trace::of(Uuid::from_u128(number << 64))
        };
        let purchase = Purchase::new(Kind::Purchase, Channel::Pos, 100);
        let message = purchase.message(&card, &trace(1)).unwrap();
        let answer = Duration::from_millis(300);
        let patience = Patience { answer, repeats: 1, reversal: Duration::from_secs(20) };
        let settled = insist(&pool, &message, &trace(2), patience).await;
        let asked = asked.lock().unwrap().clone();
        (settled, asked)
    }

    #[tokio::test]
    async fn what_is_answered_only_when_it_is_repeated_is_not_reversed() {
        let (settled, asked) = settled(&["0101"]).await;

        assert!(matches!(settled, Settled::Answered(_)), "{settled:?}");
        assert_eq!(asked, ["0800", "0100", "0101"]);
    }

    #[tokio::test]
    async fn what_is_never_answered_is_reversed_until_that_is() {
        let (settled, asked) = settled(&["0401"]).await;

        assert!(matches!(settled, Settled::Reversed), "{settled:?}");
        assert_eq!(asked, ["0800", "0100", "0101", "0400", "0401"]);
    }
}
