//! One connection of the scheme: frames in, answers out, in whatever order they are ready.
//!
//! What a connection may have under way is bounded by places: a message needs one before it is read, and gives it back
//! when its answer is written. So one that sends faster than it is answered, or that does not read, is not read from;
//! nothing grows. The writer is a task of its own: a full socket does not keep the reader from noticing anything.

use std::sync::Arc;
use std::time::Duration;

use platform::tls::{Guest, Line};
use scheme::{DecodeError, Deframer, Message, Mti, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, Passed};
use super::meter::{self, Present};

/// How much is read at once, bytes.
const READ: usize = 16 << 10;
/// How many answers are written at once.
const WRITTEN_TOGETHER: usize = 64;

const SIGN_ON: &str = "001";
const SIGN_OFF: &str = "002";
const ECHO: &str = "301";

/// The bounds of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Messages under way.
    pub(super) in_flight_max: usize,
    /// How long nothing may come.
    pub(super) idle: Duration,
    /// How long a message may take from its first byte to its last.
    pub(super) frame: Duration,
    /// How long answers may wait for the other end to read.
    pub(super) write: Duration,
}

/// An answer on its way, with the place of its message.
struct Answer {
    frame: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

/// What is read, and where answers go.
struct Ends {
    reader: ReadHalf<Line>,
    answers: mpsc::UnboundedSender<Answer>,
    /// The other end does not read any more.
    broken: CancellationToken,
    stop: CancellationToken,
}

/// A connection.
pub(super) struct Session {
    desk: Arc<Desk>,
    guest: Guest,
    settings: Settings,
    places: Arc<Semaphore>,
    frames: Deframer,
    /// Since when the message that waits for its end has been there.
    begun: Option<Instant>,
    signed_on: Option<Present>,
}

impl Session {
    pub(super) fn new(desk: Arc<Desk>, guest: Guest, settings: Settings) -> Self {
        let places = Arc::new(Semaphore::new(settings.in_flight_max));
        let frames = Deframer::new();
        Self { desk, guest, settings, places, frames, begun: None, signed_on: None }
    }

    /// Answers until the connection ends or is ended, and says why.
    pub(super) async fn run(mut self, line: Line, stop: CancellationToken) -> &'static str {
        let _present = Present::connection();
        let (reader, writer) = tokio::io::split(line);
        let broken = CancellationToken::new();
        // Not bounded by itself: by places.
        let (answers, queue) = mpsc::unbounded_channel();
        let writing = tokio::spawn(write(writer, queue, self.settings.write, broken.clone()));
        let mut ends = Ends { reader, answers, broken: broken.clone(), stop };
        let why = self.read(&mut ends).await;
        if !matches!(why, "ended" | "draining") {
            // Whoever does not keep to the rules is not waited for.
            broken.cancel();
        }
        // The writer ends with the last answer that is under way.
        drop(ends);
        writing.await.ok();
        why
    }

    async fn read(&mut self, ends: &mut Ends) -> &'static str {
        loop {
            let place = tokio::select! {
                biased;
                () = ends.broken.cancelled() => return "not_reading",
                () = ends.stop.cancelled() => return "draining",
                place = Arc::clone(&self.places).acquire_owned() => place,
            };
            let Ok(place) = place else { return "failed" };
            let bytes = match self.next_frame(ends).await {
                Ok(bytes) => bytes,
                Err(why) => return why,
            };
            if self.guest.has_expired() {
                return "certificate_expired";
            }
            match self.take(&bytes) {
                Taken::Answered(message) => send(&ends.answers, &message, place),
                Taken::Passed(passed) => {
                    let answers = ends.answers.clone();
                    self.desk.spawn(*passed, move |answer| send(&answers, &answer, place));
                }
                Taken::Ignored => {}
                Taken::Closed => return "malformed",
            }
        }
    }

    /// The next message, or why there is none.
    async fn next_frame(&mut self, ends: &mut Ends) -> Result<Vec<u8>, &'static str> {
        let mut buffer = Vec::with_capacity(READ);
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(|_| "malformed")? {
                self.begun = None;
                return Ok(frame);
            }
            let now = Instant::now();
            let (until, late) = if self.frames.waiting() == 0 {
                self.begun = None;
                (now.checked_add(self.settings.idle), "idle")
            } else {
                let begun = *self.begun.get_or_insert(now);
                (begun.checked_add(self.settings.frame), "too_slow")
            };
            buffer.clear();
            let read = tokio::select! {
                biased;
                () = ends.broken.cancelled() => return Err("not_reading"),
                () = ends.stop.cancelled() => return Err("draining"),
                read = timeout_at(until.unwrap_or(now), ends.reader.read_buf(&mut buffer)) => read,
            };
            match read {
                Err(_) => return Err(late),
                Ok(Ok(0)) => return Err("ended"),
                Ok(Ok(_)) => self.frames.push(&buffer),
                Ok(Err(_)) => return Err("failed"),
            }
        }
    }

    /// What is to be done with a message.
    fn take(&mut self, bytes: &[u8]) -> Taken {
        let arrived = Instant::now().into_std();
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(DecodeError { error, before }) => {
                // Whoever asked must be able to find its question in the answer.
                let known = before.filter(|one| one.get(7).is_some() && one.get(11).is_some());
                let asked = known.filter(|one| one.mti().answer().is_some());
                let caller = &self.guest.identity().name;
                tracing::info!(%caller, field = error.field, problem = %error.problem, "malformed");
                meter::malformed(if asked.is_some() { "answered" } else { "closed" });
                let Some(message) = asked else { return Taken::Closed };
                return Taken::answered(&message, ResponseCode::FORMAT_ERROR, arrived);
            }
        };
        if message.mti().answer().is_none() {
            // Nothing is asked of the scheme here, so it answers nothing.
            meter::unanswered("response");
            return Taken::Ignored;
        }
        match message.missing() {
            None => {}
            // A type that is none of ours.
            Some(0) => {
                return Taken::answered(&message, ResponseCode::INVALID_TRANSACTION, arrived);
            }
            Some(_) => return Taken::answered(&message, ResponseCode::FORMAT_ERROR, arrived),
        }
        if message.mti().original() == Mti::NETWORK_MANAGEMENT {
            let code = self.manage(message.text(70).unwrap_or_default());
            return Taken::answered(&message, code, arrived);
        }
        if self.signed_on.is_none() {
            return Taken::answered(&message, ResponseCode::NOT_PERMITTED_TO_TERMINAL, arrived);
        }
        match self.desk.admit(self.guest.identity(), message, arrived) {
            Ok(passed) => Taken::Passed(Box::new(passed)),
            Err((message, Some(code))) => Taken::answered(&message, code, arrived),
            Err((_, None)) => {
                meter::unanswered("not_admitted");
                Taken::Ignored
            }
        }
    }

    fn manage(&mut self, what: &str) -> ResponseCode {
        match what {
            SIGN_ON => {
                self.signed_on.get_or_insert_with(Present::signed_on);
            }
            SIGN_OFF => self.signed_on = None,
            ECHO => {}
            _ => return ResponseCode::INVALID_TRANSACTION,
        }
        ResponseCode::APPROVED
    }
}

/// What becomes of a message.
enum Taken {
    Answered(Message),
    Passed(Box<Passed>),
    Ignored,
    Closed,
}

impl Taken {
    fn answered(message: &Message, code: ResponseCode, arrived: std::time::Instant) -> Self {
        meter::answered(meter::label(message.mti()), code.as_str(), arrived);
        Self::Answered(message.answer(code))
    }
}

/// Hands an answer to the writer.
fn send(answers: &mpsc::UnboundedSender<Answer>, message: &Message, place: OwnedSemaphorePermit) {
    let bytes = message.encode().map_err(|error| error.to_string());
    let frame = bytes.and_then(|bytes| scheme::frame(&bytes).map_err(|error| error.to_string()));
    match frame {
        // Fails where the connection has ended.
        Ok(frame) => drop(answers.send(Answer { frame, _place: place })),
        Err(error) => {
            meter::unanswered("unwritable");
            tracing::error!(%error, "an answer cannot be written");
        }
    }
}

/// Writes answers until there are no more, or the other end does not read them in time.
async fn write(
    mut writer: WriteHalf<Line>,
    mut queue: mpsc::UnboundedReceiver<Answer>,
    limit: Duration,
    broken: CancellationToken,
) {
    let mut answers = Vec::with_capacity(WRITTEN_TOGETHER);
    loop {
        let some = tokio::select! {
            biased;
            () = broken.cancelled() => return,
            some = queue.recv_many(&mut answers, WRITTEN_TOGETHER) => some,
        };
        if some == 0 {
            timeout(limit, writer.shutdown()).await.ok();
            return;
        }
        let bytes =
            answers.iter().map(|answer| answer.frame.as_slice()).collect::<Vec<_>>().concat();
        let written = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        let written = tokio::select! {
            biased;
            () = broken.cancelled() => return,
            written = timeout(limit, written) => written,
        };
        if !matches!(written, Ok(Ok(()))) {
            broken.cancel();
            return;
        }
        // Their places are free now.
        answers.clear();
    }
}
