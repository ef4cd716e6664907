//! The client's own record: every request before it is sent, every answer when it comes, in a file that the bank never
//! sees. The audit compares this file with the books (V5).
//!
//! One thread writes, so that sending a request costs a hand-over and no lock; it flushes at least every 50 ms and
//! syncs at the end. Frames are small and binary: half a million requests are 40 MB.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use uuid::Uuid;

use crate::meter::{Meter, Sample};
use crate::order::Order;

mod file;

use file::Writer;
pub use file::{FinalAnswer, Line, read};

const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// What happened to one request.
#[derive(Debug, Clone)]
pub enum Event {
    /// About to be sent.
    Sent {
        /// The request.
        order: Order,
        /// When it should have been sent, since the start of the run.
        intended: Duration,
    },
    /// Answered, or given up.
    Answered {
        /// Which request.
        request_id: Uuid,
        /// With what.
        answer: FinalAnswer,
    },
    /// A latency for the histograms; leaves no trace in the file.
    Measured(Sample),
    /// The run is over.
    End,
}

/// Takes events from any task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder(Sender<Event>);

impl Recorder {
    /// Hands an event over. After the writer has failed this does nothing; the run then ends with its error.
    pub fn note(&self, event: Event) {
        self.0.send(event).ok();
    }
}

/// The writing thread.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    recorder: Recorder,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Recording {
    /// Starts writing a new file, and counting into `meter`.
    pub fn start(path: &Path, meter: std::sync::Arc<Meter>) -> anyhow::Result<Self> {
        let writer = Writer::create(path)?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || run(&receiver, writer, &meter))
            .context("cannot start the recording thread")?;
        Ok(Self { path: path.to_owned(), recorder: Recorder(sender), thread })
    }

    /// A handle for those who have something to record.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Writes what is left, syncs the file to the disk, and answers its path.
    pub fn finish(self) -> anyhow::Result<PathBuf> {
        self.recorder.note(Event::End);
        match self.thread.join() {
            Ok(written) => written.map(|()| self.path),
            Err(_) => anyhow::bail!("the recording thread has crashed"),
        }
    }
}

fn run(events: &Receiver<Event>, mut writer: Writer, meter: &Meter) -> anyhow::Result<()> {
    let mut flushed = Instant::now();
    loop {
        let event = match events.recv_timeout(FLUSH_EVERY) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return writer.finish(),
        };
        match event {
            Some(Event::Sent { order, intended }) => writer.sent(&order, intended)?,
            Some(Event::Answered { request_id, answer }) => writer.answered(request_id, &answer)?,
            Some(Event::Measured(sample)) => meter.count(&sample),
            Some(Event::End) => return writer.finish(),
            None => {}
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            writer.flush()?;
            flushed = Instant::now();
        }
    }
}
