//! The client's own record: every request before it is sent, every answer when it comes, in a file that the bank never
//! sees. The audit compares this file with the books (V5).
//!
//! One thread writes, so that sending a request costs a hand-over and no lock; it flushes at least every 50 ms and
//! syncs at the end. Frames are small and binary: half a million requests are 40 MB.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use crate::meter::{Meter, Sample};
use crate::order::Order;

mod file;

use file::Writer;
pub use file::{FinalAnswer, Line, read};

/// Well below the promised 50 ms.
const WAKE_EVERY: Duration = Duration::from_millis(20);

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
        /// For the histograms; absent where it was asked again after the run.
        sample: Option<Sample>,
    },
    /// A query has ended; leaves no trace in the file.
    Asked(Sample),
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

/// Wakes up now and then and takes what has gathered. Waiting for each event would make every request wake this
/// thread, which costs more than all the rest of sending it.
fn run(events: &Receiver<Event>, mut writer: Writer, meter: &Meter) -> anyhow::Result<()> {
    loop {
        while let Ok(event) = events.try_recv() {
            match event {
                Event::Sent { order, intended } => writer.sent(&order, intended)?,
                Event::Answered { request_id, answer, sample } => {
                    writer.answered(request_id, &answer)?;
                    if let Some(sample) = sample {
                        meter.count(&sample);
                    }
                }
                Event::Asked(sample) => meter.count(&sample),
                Event::End => return writer.finish(),
            }
        }
        writer.flush()?;
        std::thread::sleep(WAKE_EVERY);
    }
}
