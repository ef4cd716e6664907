//! Transfers from several tasks at once, each written down before it is sent and again when its answer comes: the
//! client's side of the story, which at the end must be what the books say.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kernel::{RequestId, SystemClock};
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use testkit::invariants::{Answer, Recorded, RunIds, check_record, outcomes_of_run};
use tokio::task::JoinHandle;
use tonic::{Code, Request};
use uuid::Uuid;

use crate::support::*;

const TASKS: usize = 6;
/// A call without an answer by then is unknown. Short, so that a fault leaves many of them.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The last bytes of each request id, which tell this client's requests from others'.
const TAG: [u8; 4] = *b"load";
/// More than any account has.
const TOO_MUCH: i64 = 50_000_000;

/// One transfer as the client knows it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What was asked.
    pub request: pb::TransferRequest,
    /// What the bank said.
    pub answer: Answer,
    /// The business date in the answer; empty where there is none.
    pub business_date: String,
}

/// Transfers that go on until they are stopped.
pub struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    client: DepositServiceClient<Acting>,
    accounts: Vec<String>,
    with_refusals: bool,
    record: Mutex<Vec<Sent>>,
    lost: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// Transfers that all can be posted.
    pub fn start(bank: &Bank, accounts: Vec<String>) -> Self {
        Self::of(bank, accounts, false)
    }

    /// Transfers of which one in ten is refused.
    pub fn start_with_refusals(bank: &Bank, accounts: Vec<String>) -> Self {
        Self::of(bank, accounts, true)
    }

    fn of(bank: &Bank, accounts: Vec<String>, with_refusals: bool) -> Self {
        let shared = Arc::new(Shared {
            client: bank.channel_of(&accounts[0]),
            accounts,
            with_refusals,
            record: Mutex::default(),
            lost: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let tasks = (0..TASKS).map(|_| tokio::spawn(Arc::clone(&shared).run())).collect();
        Self { shared, tasks }
    }

    /// How many transfers have begun so far.
    pub fn begun(&self) -> usize {
        self.shared.record.lock().unwrap().len()
    }

    /// How many of the transfers after the first `begun` have been posted so far.
    pub fn posted_after(&self, begun: usize) -> usize {
        let record = self.shared.record.lock().unwrap();
        record[begun..].iter().filter(|sent| sent.answer == Answer::Posted).count()
    }

    /// Waits until this many transfers that begin from now on have been posted.
    pub async fn until_posted(&self, count: usize) {
        let begun = self.begun();
        eventually("transfers are posted", async || self.posted_after(begun) >= count).await;
    }

    /// Waits until a call has ended without an answer that tells what became of it.
    pub async fn until_lost(&self) {
        eventually("a call is lost", async || self.shared.lost.load(Ordering::Relaxed) > 0).await;
    }

    /// Stops, and sends every request whose answer is unknown again until it is known.
    pub async fn stop(self) -> Record {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let mut sent = std::mem::take(&mut *self.shared.record.lock().unwrap());
        let deadline = Instant::now() + PATIENCE;
        for one in sent.iter_mut().filter(|one| one.answer == Answer::Unknown) {
            while one.answer == Answer::Unknown {
                assert!(Instant::now() < deadline, "cannot be resolved: {one:?}");
                self.shared.send(one).await;
            }
        }
        Record { sent }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let (index, mut sent) = self.begin();
            self.send(&mut sent).await;
            let is_unknown = sent.answer == Answer::Unknown;
            self.record.lock().unwrap()[index] = sent;
            if is_unknown {
                self.lost.fetch_add(1, Ordering::Relaxed);
                // As a client with manners does: a bank that is down is not asked thousands of times a second.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Makes the next transfer and writes it down.
    fn begin(&self) -> (usize, Sent) {
        let mut record = self.record.lock().unwrap();
        let index = record.len();
        let accounts = self.accounts.len();
        let debit = index % accounts;
        let credit = (debit + 1 + (index / accounts) % (accounts - 1)) % accounts;
        let is_refused = self.with_refusals && index % 10 == 9;
        let amount = if is_refused { TOO_MUCH } else { i64::try_from(index % 97).unwrap() + 1 };
        let mut request = transfer(&self.accounts[debit], &self.accounts[credit], amount);
        request.request_id = tagged_id();
        record.push(Sent { request, answer: Answer::Unknown, business_date: String::new() });
        (index, record[index].clone())
    }

    async fn send(&self, sent: &mut Sent) {
        let mut request = Request::new(sent.request.clone());
        request.set_timeout(TIMEOUT);
        match self.client.clone().transfer(request).await {
            Ok(answer) => {
                sent.answer = Answer::Posted;
                sent.business_date = answer.into_inner().posting.unwrap().business_date;
            }
            Err(status) => {
                sent.answer = match status.code() {
                    Code::FailedPrecondition => Answer::Refused(reason(&status)),
                    Code::ResourceExhausted | Code::InvalidArgument | Code::PermissionDenied => {
                        Answer::TurnedAway
                    }
                    _ => Answer::Unknown,
                };
            }
        }
    }
}

fn tagged_id() -> String {
    let mut bytes = *RequestId::generate(&SystemClock).as_uuid().as_bytes();
    bytes[12..].copy_from_slice(&TAG);
    Uuid::from_bytes(bytes).to_string()
}

/// Everything that the client sent, each with its answer.
pub struct Record {
    /// In the order of sending.
    pub sent: Vec<Sent>,
}

impl Record {
    /// The transfers that were posted.
    pub fn posted(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| sent.answer == Answer::Posted)
    }

    /// Their request ids.
    pub fn posted_ids(&self) -> Vec<Uuid> {
        self.posted().map(|sent| sent.request.request_id.parse().unwrap()).collect()
    }

    /// That the books say what the client was told, and every posting has exactly one journal; then all the other
    /// invariants.
    pub async fn assert_is_in_the_books(&self, bank: &Bank) {
        let run = RunIds { first: Uuid::nil(), last: Uuid::max(), tag: TAG };
        let outcomes = outcomes_of_run(&bank.books(), run).await.unwrap();
        let check = check_record(self.sent.iter().map(Sent::recorded), outcomes);
        assert!(check.passed, "{:#?}", check.violations);
        bank.delivered().await;
        let ids = self.posted_ids();
        let journals: Vec<Uuid> =
            sqlx::query_scalar("SELECT journal_id FROM journals WHERE journal_id = ANY($1)")
                .bind(&ids)
                .fetch_all(&mut bank.look_into("accounting").await)
                .await
                .unwrap();
        let distinct: std::collections::BTreeSet<_> = journals.iter().collect();
        assert_eq!((journals.len(), distinct.len()), (ids.len(), ids.len()));
        bank.audit().await;
    }
}

impl Sent {
    fn recorded(&self) -> Recorded {
        let account = |number: &str| Some(number.parse().unwrap());
        Recorded {
            request_id: self.request.request_id.parse().unwrap(),
            kind: "TRANSFER",
            debit_account: account(&self.request.debit_account_number),
            credit_account: account(&self.request.credit_account_number),
            amount_minor: self.request.amount.as_ref().map(|amount| amount.amount_minor),
            answer: self.answer.clone(),
        }
    }
}
