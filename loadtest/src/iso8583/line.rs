//! One connection to the gateway. A task reads and one writes, so that questions do not wait for each other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use scheme::{Deframer, Message, ResponseCode};
use testkit::trust::Trust;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::message::{code, network};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const MANAGE_LIMIT: Duration = Duration::from_secs(10);
const READ: usize = 16 << 10;
const WRITTEN_TOGETHER: usize = 256;

/// Where the bank answers the scheme, and as whom we come.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `host:port`.
    pub address: String,
    /// Our certificate; nothing where the bank runs unprotected.
    pub trust: Option<Trust>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Not in time.
    #[error("no answer in time")]
    Late,
    /// The connection has ended, or there is none.
    #[error("no connection: {0}")]
    Lost(String),
}

/// One connection.
#[derive(Debug)]
pub struct Line {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<Mutex<Waiting>>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct Waiting {
    /// Who waits for which answer, the longest first: the same question may be asked twice at once.
    askers: HashMap<String, VecDeque<oneshot::Sender<Message>>>,
    ended: bool,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Line {
    /// Connects; nothing is said yet.
    pub async fn open(gateway: &Gateway) -> anyhow::Result<Self> {
        let connecting = tokio::time::timeout(CONNECT_LIMIT, connect(gateway)).await;
        let stream = connecting
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("cannot connect to the gateway at {}", gateway.address))?;
        let (reader, writer) = tokio::io::split(stream);
        let (frames, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let tasks =
            [tokio::spawn(read(reader, Arc::clone(&waiting))), tokio::spawn(write(writer, queue))];
        Ok(Self { frames, waiting, tasks })
    }

    /// Connects and signs on.
    pub async fn signed_on(gateway: &Gateway) -> anyhow::Result<Self> {
        let line = Self::open(gateway).await?;
        let code = line.manage(scheme::words::SIGN_ON).await?;
        ensure!(
            code == ResponseCode::APPROVED.as_str(),
            "the gateway answers our sign-on with {code}"
        );
        Ok(line)
    }

    /// Sign-on, sign-off or echo; answers the response code.
    pub async fn manage(&self, what: &str) -> anyhow::Result<String> {
        let answer = self.ask(&network(what), MANAGE_LIMIT).await?;
        Ok(code(&answer))
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, message: &Message, limit: Duration) -> Result<Message, NoAnswer> {
        let answer = self.send(message)?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(NoAnswer::Lost("it ended before the answer".to_owned())),
            Err(_) => Err(NoAnswer::Late),
        }
    }

    /// Sends bytes as they are, be they a message or not.
    pub fn send_bytes(&self, bytes: Vec<u8>) -> Result<(), NoAnswer> {
        self.frames.send(bytes).map_err(|_| ended())
    }

    /// Whether it can still be used.
    pub fn has_ended(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    fn send(&self, message: &Message) -> Result<oneshot::Receiver<Message>, NoAnswer> {
        let bytes = message.encode().map_err(|error| NoAnswer::Lost(error.to_string()))?;
        let frame = scheme::frame(&bytes).map_err(|error| NoAnswer::Lost(error.to_string()))?;
        let (asker, answer) = oneshot::channel();
        let key = key(message, message.mti().answer().unwrap_or(message.mti()));
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.ended {
                return Err(ended());
            }
            waiting.askers.entry(key).or_default().push_back(asker);
        }
        self.send_bytes(frame)?;
        Ok(answer)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn connect(gateway: &Gateway) -> anyhow::Result<Box<dyn Stream>> {
    if let Some(trust) = &gateway.trust {
        return Ok(Box::new(trust.connect(gateway.address.parse()?).await?));
    }
    let stream = TcpStream::connect(&gateway.address).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

async fn read(mut reader: ReadHalf<Box<dyn Stream>>, waiting: Arc<Mutex<Waiting>>) {
    let mut frames = Deframer::new();
    let mut buffer = Vec::with_capacity(READ);
    loop {
        buffer.clear();
        match reader.read_buf(&mut buffer).await {
            Ok(1..) => frames.push(&buffer),
            _ => break,
        }
        let mut whole = true;
        while whole {
            whole = match frames.next_frame() {
                Ok(Some(bytes)) => {
                    hand_over(&bytes, &waiting);
                    true
                }
                Ok(None) => false,
                Err(_) => return end(&waiting),
            };
        }
    }
    end(&waiting);
}

/// To the one who has waited longest for it. What nobody waits for, such as an answer that is late, is dropped.
fn hand_over(bytes: &[u8], waiting: &Mutex<Waiting>) {
    let Ok(answer) = Message::decode(bytes) else { return };
    let key = key(&answer, answer.mti());
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(askers) = waiting.askers.get_mut(&key) else { return };
    // One that has given up does not take what another one waits for.
    while let Some(asker) = askers.pop_front() {
        if !asker.is_closed() {
            asker.send(answer).ok();
            break;
        }
    }
    if askers.is_empty() {
        waiting.askers.remove(&key);
    }
}

fn end(waiting: &Mutex<Waiting>) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.ended = true;
    waiting.askers.clear();
}

async fn write(
    mut writer: WriteHalf<Box<dyn Stream>>,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let mut frames = Vec::with_capacity(WRITTEN_TOGETHER);
    while queue.recv_many(&mut frames, WRITTEN_TOGETHER).await > 0 {
        let bytes = frames.concat();
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        frames.clear();
    }
}

/// What an answer has in common with its question.
fn key(message: &Message, answer: scheme::Mti) -> String {
    let part = |field| message.trimmed(field).unwrap_or_default();
    format!("{answer} {} {} {}", part(7), part(11), part(41))
}

fn ended() -> NoAnswer {
    NoAnswer::Lost("it has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A gateway that answers two questions in the wrong order, then ends.
    async fn backwards() -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut frames, mut asked) = (Deframer::new(), Vec::new());
            while asked.len() < 2 {
                let mut buffer = Vec::with_capacity(READ);
                stream.read_buf(&mut buffer).await.unwrap();
                frames.push(&buffer);
                while let Some(bytes) = frames.next_frame().unwrap() {
                    asked.push(Message::decode(&bytes).unwrap());
                }
            }
            for message in asked.iter().rev() {
                let mut answer = message.answer(ResponseCode::APPROVED);
                answer.set(63, message.text(11).unwrap());
                let bytes = scheme::frame(&answer.encode().unwrap()).unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        });
        Gateway { address, trust: None }
    }

    #[tokio::test]
    async fn each_answer_finds_its_question_and_the_end_is_told_to_all() {
        let line = Line::open(&backwards().await).await.unwrap();
        let limit = Duration::from_secs(20);
        let mut second = network("301");
        second.set(11, "999999");
        let first = network("301");

        let (one, two) = tokio::join!(line.ask(&first, limit), line.ask(&second, limit));

        assert_eq!(one.unwrap().text(63), first.text(11));
        assert_eq!(two.unwrap().text(63), Some("999999"));
        let third = line.ask(&network("301"), limit).await;
        assert!(matches!(third, Err(NoAnswer::Lost(_))), "{third:?}");
        assert!(line.has_ended());
    }
}
