//! The format of the record, and both its directions.
//!
//! ```text
//! "TCREC1\n"  then frames, little-endian
//! S  request id 16  operation 1  account 4  counterparty 4  amount 8  subject 16 (zero: none)  intended microseconds 8
//! A  request id 16  answer 1 (0 unknown, 1 posted, 2 refused, 3 turned away, 4 answered by the gateway)  length 1  reason,
//!    of the gateway's answer the response code and, where there was one, the id of the authorization
//! ```
//!
//! The last answer of a request counts: an unknown one is followed by its resolution. A frame that was cut off by a
//! crash ends the reading, because nothing after it was written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use uuid::Uuid;

use crate::order::{Operation, Order};

const MAGIC: &[u8; 7] = b"TCREC1\n";
const SENT: u8 = b'S';
const ANSWERED: u8 = b'A';

/// What a request came to, as far as the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalAnswer {
    /// Nobody knows.
    Unknown,
    /// Done.
    Posted,
    /// Refused, with the reason.
    Refused(String),
    /// Turned away before anything was decided.
    TurnedAway,
    /// The gateway answered, with the id that the bank gave it and its response code.
    Authorized {
        /// The authorization.
        authorization_id: Option<Uuid>,
        /// Data element 39.
        code: String,
    },
}

/// One request of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was sent.
    pub order: Order,
    /// When it should have been sent, since the start of the run.
    pub intended: Duration,
    /// What it came to.
    pub answer: FinalAnswer,
}

pub(super) struct Writer {
    file: BufWriter<File>,
    name: String,
}

impl Writer {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| format!("cannot write the record {name}"))?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.write_all(MAGIC).with_context(|| format!("cannot write the record {name}"))?;
        Ok(Self { file, name })
    }

    pub(super) fn sent(&mut self, order: &Order, intended: Duration) -> anyhow::Result<()> {
        let mut frame = Vec::with_capacity(58);
        frame.push(SENT);
        frame.extend(order.request_id.as_bytes());
        frame.push(u8::try_from(order.operation.index())?);
        frame.extend(order.account.to_le_bytes());
        frame.extend(order.counterparty.to_le_bytes());
        frame.extend(order.amount_minor.to_le_bytes());
        frame.extend(order.subject.unwrap_or_default().as_bytes());
        frame.extend(u64::try_from(intended.as_micros())?.to_le_bytes());
        self.write(&frame)
    }

    pub(super) fn answered(
        &mut self,
        request_id: Uuid,
        answer: &FinalAnswer,
    ) -> anyhow::Result<()> {
        let (code, reason) = match answer {
            FinalAnswer::Unknown => (0, ""),
            FinalAnswer::Posted => (1, ""),
            FinalAnswer::Refused(reason) => (2, reason.as_str()),
            FinalAnswer::TurnedAway => (3, ""),
            FinalAnswer::Authorized { authorization_id, code } => {
                let id = authorization_id.map(|id| id.to_string()).unwrap_or_default();
                let reason = format!("{code} {id}");
                return self.answer_frame(request_id, 4, &reason);
            }
        };
        self.answer_frame(request_id, code, reason)
    }

    fn answer_frame(&mut self, request_id: Uuid, code: u8, reason: &str) -> anyhow::Result<()> {
        let mut frame = Vec::with_capacity(19 + reason.len());
        frame.push(ANSWERED);
        frame.extend(request_id.as_bytes());
        frame.push(code);
        frame.push(u8::try_from(reason.len()).context("a reason of more than 255 bytes")?);
        frame.extend(reason.as_bytes());
        self.write(&frame)
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| format!("cannot write the record {}", self.name))
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        self.file
            .get_ref()
            .sync_all()
            .with_context(|| format!("cannot sync the record {}", self.name))
    }

    fn write(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(frame).with_context(|| format!("cannot write the record {}", self.name))
    }
}

/// Reads a record back, one line a request, in the order in which they were sent.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read the record {name}"))?;
    let mut input = BufReader::with_capacity(1 << 18, file);
    let magic: [u8; 7] = take(&mut input)?.unwrap_or_default();
    ensure!(&magic == MAGIC, "{name} is not a record of a load test");
    let mut lines: Vec<Line> = Vec::new();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    while let Some([kind]) = take(&mut input)? {
        match kind {
            SENT => {
                let Some(line) = read_sent(&mut input)? else { break };
                places.insert(line.order.request_id, lines.len());
                lines.push(line);
            }
            ANSWERED => {
                let Some((id, answer)) = read_answered(&mut input)? else { break };
                let place = places
                    .get(&id)
                    .with_context(|| format!("{name}: {id} was answered before it was sent"))?;
                lines[*place].answer = answer;
            }
            other => bail!("{name} is damaged: a frame begins with {other}"),
        }
    }
    Ok(lines)
}

fn read_sent(input: &mut impl Read) -> anyhow::Result<Option<Line>> {
    let Some(frame) = take::<57>(input)? else { return Ok(None) };
    let mut rest = frame.as_slice();
    let request_id = Uuid::from_bytes(field(&mut rest)?);
    let [operation] = field(&mut rest)?;
    let account = u32::from_le_bytes(field(&mut rest)?);
    let counterparty = u32::from_le_bytes(field(&mut rest)?);
    let amount_minor = i64::from_le_bytes(field(&mut rest)?);
    let subject = Uuid::from_bytes(field(&mut rest)?);
    let intended = Duration::from_micros(u64::from_le_bytes(field(&mut rest)?));
    let operation =
        Operation::from_index(operation).context("an unknown operation in the record")?;
    let subject = (!subject.is_nil()).then_some(subject);
    let order = Order { request_id, operation, account, counterparty, amount_minor, subject };
    Ok(Some(Line { order, intended, answer: FinalAnswer::Unknown }))
}

fn read_answered(input: &mut impl Read) -> anyhow::Result<Option<(Uuid, FinalAnswer)>> {
    let Some(frame) = take::<18>(input)? else { return Ok(None) };
    let mut rest = frame.as_slice();
    let request_id = Uuid::from_bytes(field(&mut rest)?);
    let [code, length] = field(&mut rest)?;
    let mut reason = vec![0; usize::from(length)];
    if !fill(input, &mut reason)? {
        return Ok(None);
    }
    let text = || String::from_utf8(reason.clone()).context("a reason that is not text");
    let answer = match code {
        0 => FinalAnswer::Unknown,
        1 => FinalAnswer::Posted,
        2 => FinalAnswer::Refused(text()?),
        3 => FinalAnswer::TurnedAway,
        4 => {
            let text = text()?;
            let (code, id) = text.split_once(' ').context("an answer without a response code")?;
            let authorization_id = (!id.is_empty()).then(|| Uuid::parse_str(id)).transpose()?;
            FinalAnswer::Authorized { authorization_id, code: code.to_owned() }
        }
        other => bail!("an unknown answer {other} in the record"),
    };
    Ok(Some((request_id, answer)))
}

/// The next N bytes; `None` where the file ends before them.
fn take<const N: usize>(input: &mut impl Read) -> anyhow::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(fill(input, &mut bytes)?.then_some(bytes))
}

fn fill(input: &mut impl Read, bytes: &mut [u8]) -> anyhow::Result<bool> {
    match input.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Splits the next N bytes off a frame.
fn field<const N: usize>(rest: &mut &[u8]) -> anyhow::Result<[u8; N]> {
    let (bytes, left) = rest.split_first_chunk().context("a frame that is too short")?;
    *rest = left;
    Ok(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u128, subject: Option<Uuid>) -> Order {
        let request_id = Uuid::from_u128(number);
        let operation = Operation::CaptureHold;
        Order { request_id, operation, account: 3, counterparty: 4, amount_minor: 55, subject }
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written_and_the_last_answer_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let (first, second) = (order(1, None), order(2, Some(Uuid::from_u128(9))));
        let mut writer = Writer::create(&path).unwrap();
        writer.sent(&first, at(1)).unwrap();
        writer.sent(&second, at(2)).unwrap();
        writer.answered(first.request_id, &FinalAnswer::Unknown).unwrap();
        writer.answered(second.request_id, &FinalAnswer::Refused("HOLD_ENDED".to_owned())).unwrap();
        writer.answered(first.request_id, &FinalAnswer::Posted).unwrap();
        writer.finish().unwrap();

        let lines = read(&path).unwrap();

        let refused = FinalAnswer::Refused("HOLD_ENDED".to_owned());
        assert_eq!(lines[0], Line { order: first, intended: at(1), answer: FinalAnswer::Posted });
        assert_eq!(lines[1], Line { order: second, intended: at(2), answer: refused });
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn what_the_gateway_answered_is_read_back_with_and_without_an_id() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let answer = |id, code: &str| FinalAnswer::Authorized {
            authorization_id: id,
            code: code.to_owned(),
        };
        let answers = [answer(Some(Uuid::from_u128(77)), "00"), answer(None, "91")];
        let mut writer = Writer::create(&path).unwrap();
        for (number, answer) in (1..).zip(&answers) {
            let order = order(number, None);
            writer.sent(&order, at(1)).unwrap();
            writer.answered(order.request_id, answer).unwrap();
        }
        writer.finish().unwrap();

        let read: Vec<_> = read(&path).unwrap().into_iter().map(|line| line.answer).collect();

        assert_eq!(read, answers);
    }

    #[test]
    fn a_record_that_was_cut_off_is_read_up_to_the_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut writer = Writer::create(&path).unwrap();
        writer.sent(&order(1, None), at(1)).unwrap();
        writer.sent(&order(2, None), at(2)).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();

        let lines = read(&path).unwrap();

        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].answer, FinalAnswer::Unknown);
    }

    #[test]
    fn another_file_is_not_taken_for_a_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        std::fs::write(&path, "something else").unwrap();

        assert!(read(&path).unwrap_err().to_string().contains("not a record"));
    }
}
