//! What a script works with: a line to the gateway, callers of every kind, and names for its messages that nobody else has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use kernel::{Clock as _, SystemClock};
use platform::identity::CUSTOMER_METADATA;
use proto::card::v1 as pb;
use proto::card::v1::card_service_client::CardServiceClient;
use proto::common::v1::{ReadConsistency, read_consistency::Freshness};
use proto::deposit::v1::GetBalanceRequest;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use scheme::Message;
use testkit::process::Identity;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::clearing::{Operator, References};
use crate::client::{Client, connect};
use crate::ids::Ids;
use crate::iso8583::{Card, Pool, Purchase, Trace, ZoneKeys, code};
use crate::stop::Stop;
use crate::target::Target;

const TELLER: &str = "teller/seed";
const CHANNEL: &str = "channel/loadtest";
/// How long the bank may take for anything that it does by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longer than the gateway needs to give up and take back.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(10);

/// A bank, and everything to play against it.
#[derive(Debug)]
pub struct Bench {
    /// Messages to the gateway.
    pub(super) pool: Pool,
    /// Customers, accounts and cards.
    pub(super) client: Client,
    /// Of channel and teller.
    pub(super) cards: [CardServiceClient<Channel>; 2],
    deposit: DepositServiceClient<Channel>,
    pub(super) keys: ZoneKeys,
    pub(super) ids: Ids,
    /// Sends clearing files.
    pub(super) operator: Operator,
    /// Names records of clearing files.
    pub(super) references: References,
    pub(super) stop: Stop,
    /// The deposit service of a bank of our own, which may be stopped.
    pub(super) deposit_process: Option<Identity>,
    clearing_days: AtomicU64,
    unprotected: bool,
}

/// As whom a call is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum As {
    /// A channel, for this customer.
    Holder(Uuid),
    Teller,
}

impl Bench {
    /// Connects to a bank. `deposit_process`: where the bank is ours to hurt.
    pub async fn of(
        target: &Target,
        deposit_process: Option<Identity>,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let card = async |identity| -> anyhow::Result<_> {
            let trust = target.trust(identity)?;
            Ok(CardServiceClient::new(connect(&target.card, trust.as_ref()).await?))
        };
        let teller = target.trust(TELLER)?;
        // Days long ago, so that settlement reports of this run meet nobody else's clearing.
        let first_day = u64::from(rand::random::<u16>());
        Ok(Self {
            pool: Pool::open(target.gateway()?, 2).await?,
            client: Client::connect(target, DEADLINE).await?,
            cards: [card(CHANNEL).await?, card(TELLER).await?],
            deposit: DepositServiceClient::new(connect(&target.deposit, teller.as_ref()).await?),
            keys: ZoneKeys::of(&target.card_config)?,
            ids: Ids::new(SystemClock.now(), rand::random()),
            operator: Operator::of(target).await?,
            references: References::new(SystemClock.now()),
            stop: stop.clone(),
            deposit_process,
            clearing_days: AtomicU64::new(first_day),
            unprotected: !target.mtls,
        })
    }

    /// A name that no other message has.
    pub(super) fn trace(&self) -> Trace {
        Trace::of(self.ids.next())
    }

    /// A new request id, as text.
    pub(super) fn id(&self) -> String {
        self.ids.next().to_string()
    }

    /// Something asked of a card, under a new name.
    pub(super) fn asked(&self, purchase: &Purchase, card: &Card) -> anyhow::Result<Message> {
        Ok(purchase.message(card, &self.trace())?)
    }

    /// Sends a message and waits for its answer.
    pub(super) async fn send(&self, message: &Message) -> anyhow::Result<Message> {
        let sent = self.pool.ask(message, ANSWER).await;
        sent.with_context(|| format!("the {} was not answered", message.mti()))
    }

    /// Sends a message, which must be answered with this response code.
    pub(super) async fn expect(&self, message: &Message, wanted: &str) -> anyhow::Result<Message> {
        let answer = self.send(message).await?;
        let got = code(&answer);
        let mti = message.mti();
        ensure!(got == wanted, "the {mti} was answered {got} instead of {wanted}");
        Ok(answer)
    }

    /// Booked and available, minor units, as of now.
    pub(super) async fn balance(&self, account: i64) -> anyhow::Result<(i64, i64)> {
        let request = GetBalanceRequest {
            account_number: account.to_string(),
            consistency: Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) }),
        };
        let mut deposit = self.deposit.clone();
        let answer = deposit.get_balance(self.request(request, As::Teller)).await?.into_inner();
        let minor = |money: Option<proto::common::v1::Money>| money.map(|one| one.amount_minor);
        let both = minor(answer.balance).zip(minor(answer.available));
        both.context("a balance without an amount")
    }

    /// Waits until booked and available are these.
    pub(super) async fn until_balance(
        &self,
        account: i64,
        wanted: (i64, i64),
    ) -> anyhow::Result<()> {
        let what = format!("booked and available are {wanted:?}");
        eventually(&what, async || {
            let found = self.balance(account).await?;
            Ok(if found == wanted { Ok(()) } else { Err(format!("{found:?}")) })
        })
        .await
    }

    /// An authorization as it stands now.
    pub(super) async fn authorization(&self, id: Uuid) -> anyhow::Result<pb::Authorization> {
        let request = pb::GetAuthorizationRequest {
            authorization_id: id.to_string(),
            consistency: Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) }),
        };
        let [_, mut teller] = self.cards.clone();
        let answer =
            teller.get_authorization(self.request(request, As::Teller)).await?.into_inner();
        answer.authorization.context("no authorization in the answer")
    }

    /// Waits until an authorization is where it is to be.
    pub(super) async fn until_status(
        &self,
        id: Uuid,
        wanted: pb::AuthorizationStatus,
    ) -> anyhow::Result<pb::Authorization> {
        let what = format!("the authorization is {}", wanted.as_str_name());
        eventually(&what, async || {
            let found = self.authorization(id).await?;
            let status = found.status();
            Ok(if status == wanted { Ok(found) } else { Err(status.as_str_name().to_owned()) })
        })
        .await
    }

    /// A clearing day that no other script uses.
    pub(super) fn clearing_day(&self) -> anyhow::Result<NaiveDate> {
        let day = self.clearing_days.fetch_add(1, Ordering::Relaxed) % 9_000;
        let first = NaiveDate::from_ymd_opt(2000, 1, 1).context("no first day")?;
        first.checked_add_days(chrono::Days::new(day)).context("no such day")
    }

    /// The time that a message was transmitted, as its record in a clearing file has it: without what is below a second.
    pub(super) fn transmitted(message: &Message) -> anyhow::Result<DateTime<Utc>> {
        let text = message.required(7)?;
        scheme::transmission_time(text, SystemClock.now()).context("no time of transmission")
    }

    /// A call of somebody.
    pub(super) fn request<T>(&self, message: T, caller: As) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        let (name, customer) = match caller {
            As::Holder(customer) => (CHANNEL, Some(customer)),
            As::Teller => (TELLER, None),
        };
        if self.unprotected {
            request.metadata_mut().insert("thincore-caller", AsciiMetadataValue::from_static(name));
        }
        let customer = customer.and_then(|id| AsciiMetadataValue::try_from(id.to_string()).ok());
        if let Some(customer) = customer {
            request.metadata_mut().insert(CUSTOMER_METADATA, customer);
        }
        request
    }
}

/// Looks again and again until it is so; what was seen last is in the complaint.
pub(super) async fn eventually<T>(
    what: &str,
    look: impl AsyncFn() -> anyhow::Result<Result<T, String>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = match look().await? {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if Instant::now() >= deadline {
            bail!("after {} s it is not so that {what}: {seen}", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
