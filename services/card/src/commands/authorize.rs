//! Decide on a request of the scheme: reserve first, decide second.
//!
//! Round trips: a share of a lookup for many; one call to deposit where nothing speaks against it; those of the batch.
//! Locks: the card. Replay: the first outcome, whatever has become of the card since; the hold is asked for under the same
//! id, so it is placed once.
//!
//! Nothing is written before the money is reserved. Where this process dies in between, the hold has no authorization: the
//! acquirer repeats, or reverses, or the sweep gives it back, and deposit ends it in any case.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Currency, PositiveMoney, RequestId};
use platform::db::ReadToken;
use platform::deadline;
use platform::lanes::Committed;
use platform::protection::Secret;
use platform::telemetry::SpanLink;
use scheme::Pan;
use tracing::Instrument;

use super::ids::{approval_code, derived, derived_late};
use super::prepare::{see, unusable};
use super::{Answer, CommandError, Context, Entry, Held, Proposal, look_up, order, release};
use crate::clients::{Hold, Refusal};
use crate::domain::{
    Authorization, AuthorizationStatus, Books, Card, Channel, Cvv2Seen, Decline, Expiry, HeldCard,
    Kind, MessageKey, OrderKind, PinSeen, Presented, ResponseCode, kind_code,
};
use crate::keys::EncryptedPin;

/// Deposit ends a hold by itself so long after the authorization should have: it is a net, not a clock.
const GRACE: TimeDelta = TimeDelta::days(1);

/// A request of the scheme, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Authorize {
    /// Its id: what is repeated has the same.
    pub authorization_id: RequestId,
    /// By what its message is recognised.
    pub key: MessageKey,
    /// The number.
    pub pan: Pan,
    /// As presented.
    pub expiry: Option<Expiry>,
    /// What is asked.
    pub kind: Kind,
    /// How the card is used.
    pub channel: Channel,
    /// How much; `None` in a balance inquiry.
    pub amount: Option<PositiveMoney>,
    /// The PIN, if one was entered.
    pub pin: Option<EncryptedPin>,
    /// The CVV2, if one was given.
    pub cvv2: Option<Secret<String>>,
    /// The merchant's category.
    pub merchant_category: String,
    /// Whether the terminal is abroad.
    pub abroad: bool,
    /// Whether it is posted at once.
    pub post_now: bool,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// The outcome.
    pub authorization: Authorization,
    /// What is available after it; only of a balance inquiry that was approved.
    pub available: Option<(i64, Currency)>,
    /// A read with this token sees it.
    pub token: ReadToken,
}

impl Authorize {
    /// Stands for what is asked: the same id with another fingerprint is another request. Keyed, because a card number is in
    /// it. PIN and CVV2 are not: encrypted anew they look different.
    pub fn fingerprint(&self, ctx: &Context) -> i64 {
        let amount = self.amount.map_or(0, PositiveMoney::minor).to_be_bytes();
        let currency = self.amount.map_or(Currency::CNY, PositiveMoney::currency);
        let parts: [&[u8]; 8] = [
            self.pan.expose().as_bytes(),
            &amount,
            currency.code().as_bytes(),
            kind_code(self.kind).as_bytes(),
            crate::domain::Bucket::of(self.channel).code().as_bytes(),
            self.merchant_category.as_bytes(),
            &[u8::from(self.abroad), u8::from(self.post_now)],
            &self.expiry.map(Expiry::to_text).unwrap_or_default().into_bytes(),
        ];
        // 0 stands for one that has not come.
        match ctx.search.digest("authorize", &parts).short() {
            0 => 1,
            any => any,
        }
    }

    /// How long an approval reserves.
    fn validity(&self, card: &Card) -> TimeDelta {
        let days = match self.kind {
            Kind::Preauthorization => card.product.preauthorization_days,
            _ => card.product.authorization_days,
        };
        TimeDelta::days(days.into())
    }

    fn reserves(&self) -> bool {
        !matches!(self.kind, Kind::Refund | Kind::BalanceInquiry)
    }
}

/// Decides on a request of the scheme. A decline is an outcome.
///
/// # Errors
/// There is no outcome: the same request may be asked again.
pub async fn authorize(ctx: &Context, wanted: Authorize) -> Result<Authorized, CommandError> {
    let ctx = ctx.clone();
    let by = deadline::current();
    let trace = SpanLink::current();
    // On the heap: it is large, and is moved each time that it is wrapped.
    let work = Box::pin(async move { decide(&ctx, wanted).await });
    let work = async move { trace.scope(deadline::scope(by, work)).await };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

async fn decide(ctx: &Context, wanted: Authorize) -> Result<Authorized, CommandError> {
    let (today, found) = look_up(ctx, ctx.keys.pan_digest(&wanted.pan)).await?;
    let now = ctx.clock.now();
    let mut proposal = propose(ctx, &wanted, found.as_ref(), now)?;
    if let Some(held) = &found
        && proposal.declined.is_none()
    {
        let presented = proposal.presented();
        let of = (&held.usage, &held.limits);
        proposal.declined = presented.check(&held.card, of, today).err();
    }
    if proposal.declined.is_none() && wanted.reserves() {
        reserve(ctx, &mut proposal).await?;
    }
    let entry = Entry::Authorize(Box::new(proposal));
    let Committed { outcome, token } = ctx.lanes.submit(entry).await?;
    let Answer::Authorized(authorization) = outcome else { return Err(CommandError::Fault) };
    let available = available(ctx, &authorization).await?;
    Ok(Authorized { authorization, available, token })
}

/// What is available, where that was asked and may be said.
async fn available(
    ctx: &Context,
    decided: &Authorization,
) -> Result<Option<(i64, Currency)>, CommandError> {
    let asked = decided.kind == Kind::BalanceInquiry && decided.response_code.is_approved();
    let Some(account) = decided.account.filter(|_| asked) else { return Ok(None) };
    let available = ctx.deposits.available(account).await.map_err(CommandError::Callee)?;
    Ok(available.map(|minor| (minor, decided.currency)))
}

fn propose(
    ctx: &Context,
    wanted: &Authorize,
    found: Option<&HeldCard>,
    now: DateTime<Utc>,
) -> Result<Proposal, CommandError> {
    let id = wanted.authorization_id;
    let card = found.map(|held| &held.card);
    let derived = |purpose| derived(&ctx.search, id.as_uuid(), purpose).ok_or(CommandError::Fault);
    let of_order =
        |purpose| derived_late(&ctx.search, id.as_uuid(), purpose, now).ok_or(CommandError::Fault);
    let pin = match (&wanted.pin, card) {
        (Some(pin), Some(card)) => see(ctx, card, pin)?,
        (Some(_), None) => PinSeen::Unreadable,
        (None, _) => PinSeen::NotGiven,
    };
    let cvv2 = see_cvv2(ctx, wanted, card)?;
    let unknown = card.is_none() || !wanted.pan.is_valid();
    // What the sweep is about to pass is not begun any more: it would not wait for the decision, and give the hold back.
    let swept = i64::from(ctx.work.sweep_after_s).saturating_mul(1_000);
    let last_call = TimeDelta::milliseconds(swept.saturating_sub(swept / 8));
    let late = now.signed_duration_since(id.made_at()).abs() >= last_call;
    let declined = match (late, unknown) {
        (true, _) => Some(Decline::from(ResponseCode::FORMAT_ERROR)),
        (false, true) => Some(Decline::from(ResponseCode::INVALID_CARD_NUMBER)),
        (false, false) => None,
    };
    let category = wanted.merchant_category.as_str();
    let restricted = card.is_some_and(|card| card.product.restricted.contains(category));
    let hold_id = if wanted.reserves() { Some(derived("hold")?.as_uuid()) } else { None };
    Ok(Proposal {
        authorization: Authorization {
            id,
            fingerprint: wanted.fingerprint(ctx),
            card_id: card.map(|card| card.id),
            customer_id: card.map(|card| card.customer_id),
            account: card.map(|card| card.account),
            hold_id,
            amount_minor: wanted.amount.map_or(0, PositiveMoney::minor),
            currency: wanted
                .amount
                .map(PositiveMoney::currency)
                .or(card.map(|card| card.currency))
                .unwrap_or(Currency::CNY),
            cleared_minor: 0,
            matched_minor: 0,
            counted_minor: 0,
            kind: wanted.kind,
            channel: wanted.channel,
            restricted: restricted && wanted.reserves(),
            posted_now: wanted.post_now || wanted.kind == Kind::Refund,
            status: AuthorizationStatus::Declined,
            response_code: ResponseCode::DO_NOT_HONOUR,
            approval_code: None,
            merchant_category: category.to_owned(),
            key: wanted.key.clone(),
            business_date: kernel::BusinessDate::from_date(now.date_naive()),
            decided_at: now,
            // From the message and not from now: a repetition must ask for the same hold.
            expires_at: card.and_then(|card| {
                wanted.key.transmitted_at.checked_add_signed(wanted.validity(card))
            }),
        },
        approval_code: approval_code(&ctx.search, id),
        pin,
        cvv2,
        expiry: wanted.expiry,
        abroad: wanted.abroad,
        declined,
        held: Held::NotAsked,
        release_id: of_order("release")?,
        posting_id: of_order("posting")?,
    })
}

/// What is found of the CVV2 that came.
fn see_cvv2(
    ctx: &Context,
    wanted: &Authorize,
    card: Option<&Card>,
) -> Result<Cvv2Seen, CommandError> {
    match (&wanted.cvv2, card) {
        (None, _) => Ok(Cvv2Seen::NotGiven),
        (Some(_), None) => Ok(Cvv2Seen::Wrong),
        (Some(given), Some(card)) => {
            let own = ctx.card_keys.cvv2(&wanted.pan, Expiry::of(card.expires_on));
            let own = own.map_err(|error| unusable(card.id.as_uuid(), &error))?;
            Ok(if own == *given { Cvv2Seen::Right } else { Cvv2Seen::Wrong })
        }
    }
}

/// Asks deposit to reserve the money.
async fn reserve(ctx: &Context, proposal: &mut Proposal) -> Result<(), CommandError> {
    let asked = &proposal.authorization;
    let (Some(account), Some(hold_id)) = (asked.account, asked.hold_id) else { return Ok(()) };
    let expires_at = asked.expires_at.and_then(|at| at.checked_add_signed(GRACE));
    let wanted = Hold {
        hold_id: RequestId::from_uuid(hold_id).map_err(|_| CommandError::Fault)?,
        account,
        amount_minor: asked.amount_minor,
        currency: asked.currency,
        expires_at: expires_at.ok_or(CommandError::Fault)?,
    };
    let (held, code) = match ctx.deposits.hold(wanted).await {
        Ok(Ok(())) => (Held::Placed(hold_id), None),
        Ok(Err(refusal)) => (Held::NotAsked, Some(declined(refusal))),
        Err(error) => {
            tracing::warn!(%error, authorization = %asked.id, "nothing could be reserved");
            (Held::Unknown(hold_id), Some(ResponseCode::ISSUER_UNAVAILABLE))
        }
    };
    proposal.held = held;
    proposal.declined = code.map(Decline::from);
    Ok(())
}

/// What deposit's refusal is to the scheme.
const fn declined(refusal: Refusal) -> ResponseCode {
    match refusal {
        Refusal::InsufficientFunds => ResponseCode::INSUFFICIENT_FUNDS,
        Refusal::AccountFrozen => ResponseCode::RESTRICTED_CARD,
        Refusal::AccountClosed | Refusal::AccountUnknown => ResponseCode::INVALID_CARD_NUMBER,
        Refusal::CurrencyMismatch => ResponseCode::INVALID_TRANSACTION,
        Refusal::BalanceOverflow
        | Refusal::ReversedBeforePosted
        | Refusal::HoldUnknown
        | Refusal::HoldEnded => ResponseCode::DO_NOT_HONOUR,
    }
}

impl Proposal {
    pub(super) fn presented(&self) -> Presented<'_> {
        let asked = &self.authorization;
        let amount = kernel::Money::new(asked.amount_minor, asked.currency);
        Presented {
            kind: asked.kind,
            channel: asked.channel,
            amount: PositiveMoney::try_new(amount).ok(),
            expiry: self.expiry,
            abroad: self.abroad,
            merchant_category: &asked.merchant_category,
            pin: self.pin,
            cvv2: self.cvv2,
        }
    }

    pub(super) fn decide(&self, books: &mut Books) -> Authorization {
        let id = self.authorization.id;
        if let Some(first) = books.authorization(id).cloned() {
            // What it reserved is its own; where it reserved nothing, neither does its repetition.
            if first.hold_id.is_none() {
                self.give_back(Some(&first), books);
            }
            if first.fingerprint != self.authorization.fingerprint && first.fingerprint != 0 {
                return Authorization {
                    response_code: ResponseCode::DUPLICATE,
                    approval_code: None,
                    ..first
                };
            }
            return first;
        }
        let checked = self.check(books);
        let decided = Authorization {
            business_date: books.business_date(),
            decided_at: books.now(),
            ..self.authorization.clone()
        };
        let decided = match checked {
            Ok(buckets) => self.approve(decided, &buckets, books),
            Err(decline) => {
                self.count_pin(&decline, books);
                let declined = Authorization {
                    status: AuthorizationStatus::Declined,
                    response_code: decline.code,
                    hold_id: None,
                    expires_at: None,
                    ..decided
                };
                self.give_back(Some(&declined), books);
                declined
            }
        };
        books.put_authorization(decided.clone());
        decided
    }

    /// Once more, on what is locked now.
    fn check(&self, books: &Books) -> Result<Vec<crate::domain::Bucket>, Decline> {
        let unknown = Decline::from(ResponseCode::INVALID_CARD_NUMBER);
        let held = self.authorization.card_id.and_then(|id| books.held_card(id));
        let held = held.ok_or(unknown)?;
        let presented = self.presented();
        let today = books.business_date().as_date();
        let checked = presented.check(&held.card, (&held.usage, &held.limits), today);
        // What was declined before is declined for that reason, unless the card has another one now.
        match (checked, self.declined) {
            (Err(now), _) => Err(now),
            (Ok(()), Some(before)) => Err(Decline { wrong_pin: false, ..before }),
            (Ok(()), None) => Ok(presented.buckets(&held.card)),
        }
    }

    fn approve(
        &self,
        decided: Authorization,
        buckets: &[crate::domain::Bucket],
        books: &mut Books,
    ) -> Authorization {
        let Some(card) =
            decided.card_id.and_then(|id| books.held_card(id)).map(|held| held.card.clone())
        else {
            return decided;
        };
        let reserves = decided.hold_id.is_some();
        let minor = if reserves { decided.amount_minor } else { 0 };
        if minor > 0 && books.count_use(card.id, buckets, minor).is_none() {
            let hold_id = None;
            let response_code = ResponseCode::AMOUNT_LIMIT;
            let declined = Authorization { hold_id, response_code, expires_at: None, ..decided };
            self.give_back(Some(&declined), books);
            return declined;
        }
        // A refund is approved whatever its PIN: only one that was checked ends the count.
        let checked = reserves || decided.kind == Kind::BalanceInquiry;
        if checked && card.pin.wrong > 0 && matches!(self.pin, PinSeen::Right(_)) {
            let mut card = card.clone();
            card.pin.wrong = 0;
            books.put_card(card);
        }
        let posts = decided.posted_now && decided.kind != Kind::BalanceInquiry;
        if posts {
            let credit = decided.kind == Kind::Refund;
            let kind = if credit { OrderKind::Credit } else { OrderKind::Debit };
            let mut posting = order(self.posting_id, kind, &card, books);
            posting.authorization_id = Some(decided.id);
            posting.hold_id = decided.hold_id;
            posting.amount_minor = decided.amount_minor;
            books.give_order(posting);
        }
        Authorization {
            status: match decided.kind {
                Kind::BalanceInquiry => AuthorizationStatus::Cleared,
                _ => AuthorizationStatus::Approved,
            },
            response_code: ResponseCode::APPROVED,
            approval_code: Some(self.approval_code.clone()),
            counted_minor: minor,
            expires_at: decided.expires_at.filter(|_| reserves),
            ..decided
        }
    }

    /// Counts a wrong PIN. A right one ends the count, whatever it is declined for.
    fn count_pin(&self, decline: &Decline, books: &mut Books) {
        let Some(held) = self.authorization.card_id.and_then(|id| books.held_card(id)) else {
            return;
        };
        let mut card = held.card.clone();
        let right = self.pin == PinSeen::Right(card.pin.version) && !card.pin.is_blocked();
        if decline.wrong_pin {
            card.pin.count_wrong();
        } else if right && card.pin.wrong > 0 {
            card.pin.wrong = 0;
        } else {
            return;
        }
        books.put_card(card);
    }

    /// Sees to it that nothing stays reserved.
    fn give_back(&self, decided: Option<&Authorization>, books: &mut Books) {
        let (Held::Placed(hold_id) | Held::Unknown(hold_id)) = self.held else { return };
        books.give_order(release(self.release_id, hold_id, decided, books));
    }
}
