//! What has to be found out before a command is decided, and its way through the lane.
//!
//! The work runs in a task of its own: whoever asked may go away. What is found out may be old by the time it is decided,
//! so it is bound to what it was found out about: a PIN to its version, a card to its owner.

use std::collections::HashMap;

use kernel::{CardId, RequestId};
use platform::db::Freshness;
use platform::lanes::Committed;
use tracing::Instrument;
use uuid::Uuid;

use super::numbers::{Wanted, new_cards};
use super::{Action, Answer, Command, CommandError, Context, Done, Entry, Facts, Issue};
use crate::clients::{LinkedAccount, Standing};
use crate::domain::{Asker, Card, PinSeen, Rejection};
use crate::keys::{EncryptedPin, KeysError};
use crate::store::read;

/// Sees a command through.
///
/// # Errors
/// It has no outcome.
pub async fn run(ctx: &Context, command: Command) -> Result<Done, CommandError> {
    let ctx = ctx.clone();
    let work = async move {
        let facts = find_out(&ctx, &command).await?;
        let Committed { outcome, token } = ctx.lanes.submit(Entry::Manage(command, facts)).await?;
        match outcome {
            Answer::Decided(outcome) => Ok(Done { outcome, token }),
            _ => Err(CommandError::Fault),
        }
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

/// Sees many issues through at once, each with its own outcome, in order.
///
/// # Errors
/// None has an outcome.
pub async fn run_all(
    ctx: &Context,
    commands: Vec<Command>,
) -> Result<Vec<Result<Done, CommandError>>, CommandError> {
    let ctx = ctx.clone();
    let work = async move {
        let facts = find_out_all(&ctx, &commands).await?;
        let entries =
            commands.into_iter().zip(facts).map(|(command, facts)| Entry::Manage(command, facts));
        let answers = ctx.lanes.submit_all(entries.collect()).await;
        let done = answers.into_iter().map(|answer| match answer? {
            Committed { outcome: Answer::Decided(outcome), token } => Ok(Done { outcome, token }),
            Committed { .. } => Err(CommandError::Fault),
        });
        Ok(done.collect())
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

async fn find_out(ctx: &Context, command: &Command) -> Result<Facts, CommandError> {
    match &command.action {
        Action::Issue(_) => {
            let facts = find_out_all(ctx, std::slice::from_ref(command)).await?;
            Ok(facts.into_iter().next().unwrap_or(Facts::None))
        }
        Action::Replace(c) => match own_card(ctx, c.card_id, command.asker).await? {
            None => Ok(Facts::None),
            Some(old) => {
                let wanted = Wanted {
                    customer_id: old.customer_id,
                    account: old.account,
                    product: old.product.clone(),
                };
                let card = new_cards(ctx, vec![wanted]).await?.pop();
                Ok(card.map_or(Facts::None, Facts::New))
            }
        },
        Action::SetPin(c) => pins(ctx, command, c.card_id, None, Some(&c.new_pin)).await,
        Action::ChangePin(c) => {
            pins(ctx, command, c.card_id, Some(&c.current_pin), Some(&c.new_pin)).await
        }
        Action::VerifyPin(c) => pins(ctx, command, c.card_id, Some(&c.pin), None).await,
        _ => Ok(Facts::None),
    }
}

/// What is to be known for issues: who may have a card, whose the accounts are, and numbers for those that can be issued.
async fn find_out_all(ctx: &Context, commands: &[Command]) -> Result<Vec<Facts>, CommandError> {
    let ids: Vec<RequestId> = commands.iter().map(|command| command.request_id).collect();
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let decided = read::decided(reader.conn(), &ids).await?;
    drop(reader);
    let open: Vec<(usize, &Issue)> = commands
        .iter()
        .enumerate()
        .filter(|(_, command)| !decided.contains(&command.request_id.as_uuid()))
        .filter_map(|(index, command)| match &command.action {
            Action::Issue(issue) => Some((index, issue)),
            _ => None,
        })
        .collect();
    let mut facts: Vec<Facts> = commands.iter().map(|_| Facts::None).collect();
    if open.is_empty() {
        return Ok(facts);
    }
    let customers: Vec<_> = open.iter().map(|(_, issue)| issue.customer_id).collect();
    let standings = ctx.customers.standings(&customers).await.map_err(CommandError::Callee)?;
    let accounts = accounts(ctx, open.iter().map(|(_, issue)| *issue)).await?;
    let (mut wanted, mut places) = (Vec::new(), Vec::new());
    for ((index, issue), standing) in open.into_iter().zip(standings) {
        let account = accounts.get(&issue.account.as_i64()).copied().flatten();
        match may_have(ctx, issue, standing, account) {
            Ok(one) => {
                wanted.push(one);
                places.push(index);
            }
            Err(why) => set(&mut facts, index, Facts::New(Err(why))),
        }
    }
    if !wanted.is_empty() {
        for (index, card) in places.into_iter().zip(new_cards(ctx, wanted).await?) {
            set(&mut facts, index, Facts::New(card));
        }
    }
    Ok(facts)
}

fn set(facts: &mut [Facts], index: usize, found: Facts) {
    if let Some(place) = facts.get_mut(index) {
        *place = found;
    }
}

/// The accounts that are named, by number, so many at once.
async fn accounts<'a>(
    ctx: &Context,
    issues: impl Iterator<Item = &'a Issue>,
) -> Result<HashMap<i64, Option<LinkedAccount>>, CommandError> {
    const AT_ONCE: usize = 32;
    let mut numbers: Vec<_> = issues.map(|issue| issue.account).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (mut waiting, mut calls) = (numbers.into_iter(), tokio::task::JoinSet::new());
    let mut found = HashMap::new();
    loop {
        while calls.len() < AT_ONCE
            && let Some(number) = waiting.next()
        {
            let deposits = ctx.deposits.clone();
            calls.spawn(async move { (number, deposits.account(number).await) }.in_current_span());
        }
        match calls.join_next().await {
            None => return Ok(found),
            Some(Err(_)) => return Err(CommandError::Fault),
            Some(Ok((number, account))) => {
                found.insert(number.as_i64(), account.map_err(CommandError::Callee)?);
            }
        }
    }
}

fn may_have(
    ctx: &Context,
    issue: &Issue,
    standing: Standing,
    account: Option<LinkedAccount>,
) -> Result<Wanted, Rejection> {
    match standing {
        Standing::Active => {}
        Standing::NotActive => return Err(Rejection::CustomerNotActive),
        Standing::Unknown => return Err(Rejection::CustomerUnknown),
    }
    let product = ctx.products.find(&issue.product_code).ok_or(Rejection::ProductUnknown)?;
    let own = account.filter(|account| account.customer_id == issue.customer_id);
    let account = own.ok_or(Rejection::AccountUnknown)?;
    if account.closed {
        return Err(Rejection::AccountClosed);
    }
    if account.currency != product.currency {
        return Err(Rejection::CurrencyMismatch);
    }
    let (customer_id, product) = (issue.customer_id, product.clone());
    Ok(Wanted { customer_id, account: issue.account, product })
}

/// The card as it is on the primary, if whoever asks may know of it.
async fn own_card(ctx: &Context, id: CardId, asker: Asker) -> Result<Option<Card>, CommandError> {
    let mut reader = ctx.reads.reader(Freshness::Primary).await?;
    let card = read::find_card(reader.conn(), id, &ctx.products).await?;
    Ok(card.map(|held| held.card).filter(|card| asker.covers(card.customer_id)))
}

async fn pins(
    ctx: &Context,
    command: &Command,
    id: CardId,
    current: Option<&EncryptedPin>,
    new: Option<&EncryptedPin>,
) -> Result<Facts, CommandError> {
    let Some(card) = own_card(ctx, id, command.asker).await? else { return Ok(Facts::None) };
    let seen = match current {
        None => PinSeen::NotGiven,
        Some(pin) => see(ctx, &card, pin)?,
    };
    let pan = ctx.keys.open_pan(&card).map_err(|error| unusable(card.id.as_uuid(), &error))?;
    let new = match new.map(|pin| ctx.card_keys.new_verification(pin, &pan)) {
        None => None,
        Some(Ok(verification)) => {
            let sealed = ctx.keys.seal_pin(card.id, &verification);
            Some(Ok(sealed.map_err(|error| unusable(card.id.as_uuid(), &error))?))
        }
        Some(Err(KeysError::TooSimple)) => Some(Err(Rejection::PinTooSimple)),
        Some(Err(KeysError::UnknownKey | KeysError::Block)) => {
            Some(Err(Rejection::PinBlockInvalid))
        }
        Some(Err(error @ KeysError::Unavailable)) => {
            return Err(unusable(card.id.as_uuid(), &error));
        }
    };
    Ok(Facts::Pin { seen, new })
}

/// What is found of a PIN that came for a card.
pub(super) fn see(ctx: &Context, card: &Card, pin: &EncryptedPin) -> Result<PinSeen, CommandError> {
    let broken = |error: &dyn std::fmt::Display| unusable(card.id.as_uuid(), error);
    let Some(by) = ctx.keys.open_pin(card).map_err(|error| broken(&error))? else {
        return Ok(PinSeen::Wrong(card.pin.version));
    };
    let pan = ctx.keys.open_pan(card).map_err(|error| broken(&error))?;
    match ctx.card_keys.verify(pin, &pan, &by) {
        Ok(true) => Ok(PinSeen::Right(card.pin.version)),
        Ok(false) => Ok(PinSeen::Wrong(card.pin.version)),
        // Under a wrong number a right PIN decrypts to no PIN at all.
        Err(KeysError::UnknownKey | KeysError::Block | KeysError::TooSimple) => {
            Ok(PinSeen::Unreadable)
        }
        Err(error @ KeysError::Unavailable) => Err(broken(&error)),
    }
}

pub(super) fn unusable(card: Uuid, error: &dyn std::fmt::Display) -> CommandError {
    tracing::error!(%error, %card, "a card's keys or fields cannot be used");
    CommandError::Fault
}
