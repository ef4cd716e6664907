//! Messages in a stream of bytes: each follows its length, two bytes, the higher first. A length of zero is a sign of life
//! and no message.
//!
//! Invariant: what waits for its end is never more than one message of [`LARGEST_FRAME`] bytes and what was pushed last.
//! A stream that was wrong once stays wrong: nobody knows where its next message begins.

/// The largest message that is taken or sent, without its length.
pub const LARGEST_FRAME: usize = 8 * 1024;

/// What to send so that a silent connection is not taken for a dead one.
pub const KEEP_ALIVE: [u8; 2] = [0, 0];

/// A message that is too large for a frame, or a stream that is none of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More than [`LARGEST_FRAME`].
    #[error("a message has at most {LARGEST_FRAME} bytes")]
    TooLarge,
    /// Nothing, which would be a sign of life.
    #[error("a message has at least one byte")]
    Empty,
}

/// A message with its length before it.
pub fn frame(message: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = match u16::try_from(message.len()) {
        Ok(0) => return Err(FrameError::Empty),
        Ok(length) if message.len() <= LARGEST_FRAME => length,
        _ => return Err(FrameError::TooLarge),
    };
    Ok([length.to_be_bytes().as_slice(), message].concat())
}

/// Takes bytes as they come and gives messages as they are whole.
#[derive(Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    /// How much of the buffer was given out already.
    taken: usize,
    broken: bool,
}

impl Deframer {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message that is whole; `None` until more bytes come. Call it until then, before pushing again.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        if self.broken {
            return Err(FrameError::TooLarge);
        }
        loop {
            let rest = self.buffer.get(self.taken..).unwrap_or_default();
            let Some((length, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > LARGEST_FRAME {
                self.broken = true;
                self.buffer = Vec::new();
                self.taken = 0;
                return Err(FrameError::TooLarge);
            }
            let Some(message) = rest.get(..length) else { return Ok(None) };
            let message = message.to_vec();
            self.taken = self.taken.saturating_add(length).saturating_add(2);
            if length > 0 {
                return Ok(Some(message));
            }
        }
    }

    /// How many bytes wait for the end of their message.
    pub fn waiting(&self) -> usize {
        self.buffer.len().saturating_sub(self.taken)
    }
}
