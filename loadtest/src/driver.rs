//! Sends requests and queries, and draws the conclusion from each answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scheme::ResponseCode;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::cards::Approval;
use crate::client::{Client, Reply};
use crate::holds::Hold;
use crate::ids::Ids;
use crate::meter::{Outcome, Sample};
use crate::order::{Operation, Order};
use crate::pools::Pools;
use crate::record::{Event, FinalAnswer, Recorder};

/// How many kinds of trouble are kept to be shown.
const TROUBLES_KEPT: usize = 8;
/// A decline that says nothing about the card: turned away, or not decided in time and taken back.
const UNAVAILABLE: &str = "91";
const RESOLVE_PAUSE: Duration = Duration::from_millis(200);

/// Everything that a worker needs. Shared by all.
#[derive(Debug)]
pub struct Driver {
    /// The bank.
    pub client: Client,
    /// What is known of the accounts.
    pub accounts: Accounts,
    /// What earlier requests left for later ones.
    pub pools: Arc<Pools>,
    ids: Arc<Ids>,
    recorder: Recorder,
    started: Instant,
    in_flight: AtomicUsize,
    offered: AtomicU64,
    unresolved: Mutex<Vec<Order>>,
    refusals: Mutex<BTreeMap<String, u64>>,
    troubles: Mutex<Vec<(String, u64)>>,
}

impl Driver {
    /// A driver whose run starts now.
    pub fn new(
        client: Client,
        accounts: Accounts,
        (pools, ids): (Arc<Pools>, Arc<Ids>),
        recorder: Recorder,
    ) -> Self {
        Self {
            client,
            accounts,
            pools,
            ids,
            recorder,
            started: Instant::now(),
            in_flight: AtomicUsize::new(0),
            offered: AtomicU64::new(0),
            unresolved: Mutex::default(),
            refusals: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    /// Since the start of the run.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the run started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Requests and queries that wait for their answer.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Mutating requests so far.
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// How often the bank refused for which reason, while the load ran.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came instead of an answer, or why a request was turned away as wrong: the first few kinds, each with
    /// how often.
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(line, count)| format!("{count}× {line}")).collect()
    }

    /// Sends one request that was due at `intended`. Answers how long to hold back, if the bank asked for it.
    pub async fn order(&self, order: Order, intended: Duration) -> Option<Duration> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.offered.fetch_add(1, Ordering::Relaxed);
        let sent = self.now();
        let (outcome, pause) = if order.operation == Operation::PrepayLoan {
            self.prepay(order, [intended, sent]).await
        } else {
            self.call(order, order.operation, [intended, sent]).await
        };
        if order.operation.is_of_loan() {
            self.return_loan(&order, outcome);
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        pause
    }

    /// One request, written down before and after. Its end is measured as that of `measured`, but for a quote that is
    /// there: then its payment follows.
    async fn call(
        &self,
        order: Order,
        measured: Operation,
        [intended, sent]: [Duration; 2],
    ) -> (Outcome, Option<Duration>) {
        self.recorder.note(Event::Sent { order, intended });
        let reply = self.client.send(&order, &self.accounts, false).await;
        let ended = self.now();
        let (answer, outcome, pause) = self.conclude(&order, reply);
        let goes_on = order.operation == Operation::QuoteLoan && outcome == Outcome::Posted;
        let sample = (!goes_on).then(|| measure(measured, outcome, [intended, sent, ended]));
        self.recorder.note(Event::Answered { request_id: order.request_id, answer, sample });
        (outcome, pause)
    }

    /// A quote for the order's loan, and its payment. A quote is known by the id of its request.
    async fn prepay(&self, order: Order, times: [Duration; 2]) -> (Outcome, Option<Duration>) {
        let quote = Order { request_id: self.ids.next(), operation: Operation::QuoteLoan, ..order };
        let (outcome, pause) = self.call(quote, Operation::PrepayLoan, times).await;
        if outcome != Outcome::Posted {
            return (outcome, pause);
        }
        let payment = Order { subject: Some(quote.request_id), ..order };
        self.call(payment, Operation::PrepayLoan, times).await
    }

    /// The order's loan can be used again, unless nobody knows how it stands.
    fn return_loan(&self, order: &Order, outcome: Outcome) {
        let Some(loan) = order.subject else { return };
        let loans = &self.pools.loans;
        match (outcome, order.operation) {
            (Outcome::Unknown, _) => {}
            (Outcome::Posted, Operation::DisburseLoan) => loans.paid_out(loan, order.amount_minor),
            (Outcome::Posted, _) => loans.paid_back(loan, order.amount_minor),
            _ => loans.put_back(loan),
        }
    }

    /// Asks one query that was due at `intended`.
    pub async fn query(&self, operation: Operation, account: u32, intended: Duration) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let expected = self.accounts.expect(account);
        let sent = self.now();
        let on = (account, &self.accounts);
        let seen = self.client.query(operation, on, expected.token.as_ref()).await;
        let ended = self.now();
        let outcome = match seen {
            Ok(seen) => Outcome::Answered {
                from_replica: seen.from_replica,
                stale: expected.is_stale(&seen),
            },
            Err(Reply::Shed(_)) => Outcome::Shed,
            Err(Reply::Unknown(text)) => {
                self.keep_trouble(operation, &text);
                Outcome::Unknown
            }
            Err(Reply::Rejected(text)) => {
                self.keep_trouble(operation, &text);
                Outcome::Failed
            }
            Err(Reply::Refused(_) | Reply::Posted(_) | Reply::Authorized { .. }) => Outcome::Failed,
        };
        self.recorder.note(Event::Asked(measure(operation, outcome, [intended, sent, ended])));
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sends every request without an answer again, under the same id, until the bank has decided it. Answers how many
    /// were resolved, and how many were not before `limit`.
    pub async fn resolve(self: &Arc<Self>, limit: Duration) -> (u64, u64) {
        let orders =
            std::mem::take(&mut *self.unresolved.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = Instant::now() + limit;
        let (mut resolved, mut left) = (0, 0);
        // As many at once as the bank takes easily.
        for some in orders.chunks(256) {
            let tasks: Vec<_> = some
                .iter()
                .map(|order| {
                    let (driver, order) = (Arc::clone(self), *order);
                    tokio::spawn(async move { driver.resolve_one(&order, deadline).await })
                })
                .collect();
            for task in tasks {
                match task.await {
                    Ok(true) => resolved += 1,
                    _ => left += 1,
                }
            }
        }
        (resolved, left)
    }

    async fn resolve_one(&self, order: &Order, deadline: Instant) -> bool {
        loop {
            let answer = match self.client.send(order, &self.accounts, true).await {
                Reply::Posted(_) => Some(FinalAnswer::Posted),
                Reply::Refused(reason) => Some(FinalAnswer::Refused(reason)),
                // No decision, as it has no id: the repetition was turned away, and the first attempt may stand.
                Reply::Authorized { authorization_id: None, code } if code == UNAVAILABLE => None,
                Reply::Authorized { authorization_id, code } => {
                    Some(FinalAnswer::Authorized { authorization_id, code })
                }
                // The first attempt may have been decided all the same, so these tell nothing.
                Reply::Shed(_) | Reply::Unknown(_) => None,
                Reply::Rejected(text) => {
                    self.keep_trouble(order.operation, &text);
                    None
                }
            };
            if let Some(answer) = answer {
                let request_id = order.request_id;
                self.recorder.note(Event::Answered { request_id, answer, sample: None });
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(RESOLVE_PAUSE).await;
        }
    }

    fn conclude(&self, order: &Order, reply: Reply) -> (FinalAnswer, Outcome, Option<Duration>) {
        match reply {
            Reply::Posted(token) => {
                // The position of what the loan service did says nothing about an account.
                if !order.operation.is_of_loan() {
                    self.accounts.posted(order, token.as_ref());
                }
                if order.operation == Operation::PlaceHold {
                    let Order { request_id: id, account, amount_minor, .. } = *order;
                    self.pools.holds.put(Hold { id, account, amount_minor });
                }
                (FinalAnswer::Posted, Outcome::Posted, None)
            }
            Reply::Authorized { authorization_id, code } => {
                self.conclude_of_card(order, authorization_id, code)
            }
            Reply::Refused(reason) => {
                self.count_refusal(&reason);
                (FinalAnswer::Refused(reason), Outcome::Refused, None)
            }
            Reply::Shed(pause) => {
                if let Some(id) = order.subject.filter(|_| order.operation.ends_a_hold()) {
                    let Order { account, amount_minor, .. } = *order;
                    self.pools.holds.put(Hold { id, account, amount_minor });
                }
                (FinalAnswer::TurnedAway, Outcome::Shed, Some(pause))
            }
            Reply::Rejected(text) => {
                self.keep_trouble(order.operation, &text);
                (FinalAnswer::TurnedAway, Outcome::Failed, None)
            }
            Reply::Unknown(text) => {
                self.keep_trouble(order.operation, &text);
                self.unresolved.lock().unwrap_or_else(PoisonError::into_inner).push(*order);
                (FinalAnswer::Unknown, Outcome::Unknown, Some(RESOLVE_PAUSE))
            }
        }
    }

    fn conclude_of_card(
        &self,
        order: &Order,
        authorization_id: Option<Uuid>,
        code: String,
    ) -> (FinalAnswer, Outcome, Option<Duration>) {
        let outcome = if code == ResponseCode::APPROVED.as_str() {
            if order.operation == Operation::CardPurchase {
                let Order { request_id, account, amount_minor, .. } = *order;
                let card = order.counterparty;
                self.pools.approvals.put(Approval { request_id, card, account, amount_minor });
            }
            (Outcome::Posted, None)
        } else if code == UNAVAILABLE {
            (Outcome::Shed, Some(RESOLVE_PAUSE))
        } else {
            self.count_refusal(&format!("response code {code}"));
            (Outcome::Refused, None)
        };
        (FinalAnswer::Authorized { authorization_id, code }, outcome.0, outcome.1)
    }

    fn count_refusal(&self, reason: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(reason.to_owned()).or_default() += 1;
    }

    fn keep_trouble(&self, operation: Operation, text: &str) {
        let line = format!("{}: {text}", operation.name());
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = troubles.iter_mut().find(|(known, _)| *known == line) {
            *count += 1;
        } else if troubles.len() < TROUBLES_KEPT {
            troubles.push((line, 1));
        }
    }
}

fn measure(
    operation: Operation,
    outcome: Outcome,
    [intended, sent, ended]: [Duration; 3],
) -> Sample {
    let latency = ended.saturating_sub(intended);
    let lag = sent.saturating_sub(intended);
    Sample { operation, outcome, latency, lag, ended }
}
