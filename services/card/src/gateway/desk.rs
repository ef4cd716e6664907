//! One message: let in or not, decided, answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernel::{Currency, RequestId};
use platform::deadline;
use platform::identity::Identity;
use platform::policy::{MethodPolicy, PolicyTable};
use platform::telemetry::CallTrace;
use platform::traffic::{Place, Traffic};
use scheme::{Message, Mti, ResponseCode, words};
use tokio::time::{timeout, timeout_at};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::meter::{self, Present};
use super::parse::{self, Question};
use super::together::Together;
use crate::commands::{self, Authorize, Authorized, CommandError, Context, Reverse};
use crate::config;
use crate::domain::{AuthorizationStatus, Rejection};

type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

/// What an authorization is known by while it is under way: its id, and a hash of all that was asked.
type Key = (RequestId, u64);

/// How an authorization was answered; `None` where nothing can be said.
type Outcome = Option<Arc<Answered>>;

/// What an authorization is answered with.
enum Answered {
    Decided(Box<Authorized>),
    /// There was no decision, and it is reversed.
    Reversed,
    /// There was no decision, and something else has been decided under the same name.
    Another(RequestId),
}

/// Where messages are decided. Shared by all connections.
pub(super) struct Desk {
    context: Context,
    traffic: Traffic,
    ready: Ready,
    policies: Policies,
    within: Duration,
    reading: parse::Reading,
    under_way: Together<Key, Outcome>,
    tasks: TaskTracker,
}

/// The policies of the RPCs that messages stand for.
struct Policies {
    authorize: MethodPolicy,
    reverse: MethodPolicy,
    complete: MethodPolicy,
}

/// A message that was let in.
pub(super) struct Passed {
    message: Message,
    question: Question,
    arrived: Instant,
    _place: Place,
    _present: Present,
}

impl Desk {
    pub(super) fn new(
        context: Context,
        traffic: Traffic,
        policies: &PolicyTable,
        ready: Ready,
        config: &config::Gateway,
    ) -> anyhow::Result<Self> {
        let policy = |method: &str| {
            let found = policies.get(&format!("/bank.card.v1.CardService/{method}")).cloned();
            found.with_context(|| format!("the contract has no {method}"))
        };
        let policies = Policies {
            authorize: policy("Authorize")?,
            reverse: policy("ReverseAuthorization")?,
            complete: policy("CompleteAuthorization")?,
        };
        Ok(Self {
            context,
            traffic,
            ready,
            policies,
            within: Duration::from_millis(config.answer_within_ms),
            reading: parse::Reading::of(config),
            under_way: Together::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether this caller has any business here.
    pub(super) fn admits(&self, caller: &Identity) -> bool {
        caller.has_any(&self.policies.authorize.roles)
    }

    /// Lets a message in, or says how it is answered instead: not at all where an answer would say more than is known.
    pub(super) fn admit(
        &self,
        caller: &Identity,
        message: Message,
        arrived: Instant,
    ) -> Result<Passed, (Message, Option<ResponseCode>)> {
        let policy = match message.mti().original() {
            Mti::AUTHORIZATION | Mti::FINANCIAL => &self.policies.authorize,
            Mti::REVERSAL | Mti::REVERSAL_ADVICE => &self.policies.reverse,
            Mti::FINANCIAL_ADVICE => &self.policies.complete,
            // Nobody else approves in this bank's name.
            _ => return Err((message, Some(ResponseCode::INVALID_TRANSACTION))),
        };
        if !caller.has_any(&policy.roles) {
            return Err((message, Some(ResponseCode::NOT_PERMITTED_TO_TERMINAL)));
        }
        let place = self.traffic.admit(&caller.name, policy).ok().filter(|_| (self.ready)());
        let Some(place) = place else {
            let code = first_of_its_kind(&message).then_some(ResponseCode::ISSUER_UNAVAILABLE);
            return Err((message, code));
        };
        match parse::question(&self.reading, &self.context, &message) {
            Ok(question) => Ok(Passed {
                message,
                question,
                arrived,
                _place: place,
                _present: Present::in_flight(),
            }),
            Err(code) => Err((message, Some(code))),
        }
    }

    /// Decides a message in a task of its own and hands over its answer, if there is one.
    pub(super) fn spawn(
        self: &Arc<Self>,
        passed: Passed,
        answer: impl FnOnce(Message) + Send + 'static,
    ) {
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let Passed { message, question, arrived, _place, _present } = passed;
            let mti = meter::label(message.mti());
            let trace = CallTrace::of_message(mti);
            // On the heap: it is large, and is moved each time that it is wrapped.
            let work = Box::pin(desk.decide(question, arrived)).instrument(trace.span().clone());
            let Some(reply) = trace.scope(work).await else {
                meter::unanswered("no_outcome");
                trace.answered("none", true);
                return;
            };
            meter::answered(mti, reply.code.as_str(), arrived);
            let failed = [ResponseCode::ISSUER_UNAVAILABLE, ResponseCode::SYSTEM_MALFUNCTION];
            trace.answered(reply.code.as_str(), failed.contains(&reply.code));
            answer(reply.to(&message));
        });
    }

    /// Waits until nothing is under way any more.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn decide(&self, question: Question, arrived: Instant) -> Option<Reply> {
        let by = arrived.checked_add(self.within).unwrap_or(arrived);
        match question {
            Question::Authorize(authorize, content) => {
                self.authorize(*authorize, content, by).await
            }
            Question::Reverse(reverse) => {
                let id = reverse.authorization_id;
                self.follow(id, by, commands::reverse(&self.context, reverse)).await
            }
            Question::Complete(complete) => {
                let id = complete.authorization_id;
                self.follow(id, by, commands::complete(&self.context, complete)).await
            }
        }
    }

    async fn authorize(&self, authorize: Authorize, content: u64, by: Instant) -> Option<Reply> {
        let key = (authorize.authorization_id, content);
        // In the task of the first who asks, which is left to its end, whatever becomes of the connection.
        let answered = self.under_way.once(key, self.decide_or_reverse(authorize, by)).await??;
        match &*answered {
            Answered::Decided(authorized) => Some(Reply::of(authorized)),
            Answered::Reversed => Some(Reply::code(ResponseCode::ISSUER_UNAVAILABLE)),
            Answered::Another(id) => Some(Reply::about(*id, ResponseCode::INVALID_TRANSACTION)),
        }
    }

    /// The decision, if there is one in time; else the authorization is reversed, whatever became of it.
    async fn decide_or_reverse(&self, authorize: Authorize, by: Instant) -> Outcome {
        let id = authorize.authorization_id;
        let fingerprint = authorize.fingerprint(&self.context);
        // What is decided late goes on in a task of its own, and finds the reversal.
        let deciding = deadline::scope(Some(by), commands::authorize(&self.context, authorize));
        match timeout_at(by.into(), deciding).await {
            Ok(Ok(authorized)) => return Some(Arc::new(Answered::Decided(Box::new(authorized)))),
            Ok(Err(error)) => tracing::warn!(%error, authorization = %id, "not decided"),
            Err(_) => meter::timed_out(),
        }
        // Not what was asked for under the same name with another content.
        let reversal = Reverse { authorization_id: id, only: Some(fingerprint) };
        let limit = Instant::now().checked_add(self.within);
        let work = deadline::scope(limit, commands::reverse(&self.context, reversal));
        match timeout(self.within, work).await {
            Ok(Ok(Ok(found))) => {
                let other = ![0, fingerprint].contains(&found.authorization.fingerprint);
                Some(Arc::new(if other { Answered::Another(id) } else { Answered::Reversed }))
            }
            // Cleared already, which takes longer than this: somebody has to look.
            Ok(Ok(Err(rejection))) => {
                tracing::error!(%rejection, authorization = %id, "cannot be reversed");
                None
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, authorization = %id, "neither decided nor reversed");
                None
            }
            Err(_) => None,
        }
    }

    /// A reversal or a completion: without an outcome there is no answer, and whoever asked repeats.
    async fn follow<T>(
        &self,
        id: RequestId,
        by: Instant,
        work: impl Future<Output = Result<Result<T, Rejection>, CommandError>>,
    ) -> Option<Reply> {
        match timeout_at(by.into(), deadline::scope(Some(by), work)).await {
            Ok(Ok(Ok(_))) => Some(Reply::about(id, ResponseCode::APPROVED)),
            Ok(Ok(Err(rejection))) => Some(Reply::about(id, refused(rejection))),
            Ok(Err(error)) => {
                tracing::warn!(%error, authorization = %id, "no outcome");
                None
            }
            Err(_) => None,
        }
    }
}

/// Whether nothing can be reserved or undone because of this message yet, so that "issuer not available" is all that there
/// is to say. What was sent before, or says what has happened, is sent again until it is answered.
fn first_of_its_kind(message: &Message) -> bool {
    let asks = [Mti::AUTHORIZATION, Mti::FINANCIAL].contains(&message.mti().original());
    asks && !message.mti().is_repeat()
}

/// What a refusal of a reversal or a completion is to the scheme.
const fn refused(rejection: Rejection) -> ResponseCode {
    match rejection {
        Rejection::AuthorizationUnknown => ResponseCode::NO_SUCH_ORIGINAL,
        _ => ResponseCode::INVALID_TRANSACTION,
    }
}

/// What is said of a message, apart from what is repeated of it.
struct Reply {
    code: ResponseCode,
    authorization_id: Option<RequestId>,
    approval_code: Option<String>,
    available: Option<(i64, Currency)>,
}

impl Reply {
    fn code(code: ResponseCode) -> Self {
        Self { code, authorization_id: None, approval_code: None, available: None }
    }

    fn about(id: RequestId, code: ResponseCode) -> Self {
        Self { authorization_id: Some(id), ..Self::code(code) }
    }

    fn of(authorized: &Authorized) -> Self {
        let decided = &authorized.authorization;
        // Taken back since, or by this gateway because no decision came in time: its repetition is no approval.
        if decided.status == AuthorizationStatus::Reversed {
            return Self::about(decided.id, ResponseCode::ISSUER_UNAVAILABLE);
        }
        // The same id with another content.
        if decided.response_code == ResponseCode::DUPLICATE {
            return Self::about(decided.id, ResponseCode::INVALID_TRANSACTION);
        }
        Self {
            code: decided.response_code,
            authorization_id: Some(decided.id),
            approval_code: decided.approval_code.clone(),
            available: authorized.available,
        }
    }

    /// The answer to a message.
    fn to(&self, message: &Message) -> Message {
        let mut answer = message.answer(self.code);
        if let Some(id) = &self.authorization_id {
            answer.set(63, id.to_string());
        }
        if let Some(code) = &self.approval_code {
            answer.set(38, code);
        }
        if let Some((minor, currency)) = self.available
            && let Err(error) = words::set_available(&mut answer, minor, currency)
        {
            tracing::error!(%error, "a balance cannot be said");
        }
        answer
    }
}
