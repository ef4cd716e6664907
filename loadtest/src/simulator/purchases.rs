//! What cards are for: buying, reserving and completing, giving back.

use anyhow::{Context as _, ensure};
use proto::card::v1::AuthorizationStatus as Status;
use scheme::{Channel, Kind, Message};
use uuid::Uuid;

use super::Script;
use super::bench::Bench;
use super::holder::{FUNDS, Holder};
use super::script;
use crate::iso8583::{Following, Purchase, authorization_id, following};

pub(super) const SCRIPTS: &[Script] = &[
    script!("purchase", "0100 at a terminal: approved, reserved, counted", purchase),
    script!("purchase-online", "0100 with the right CVV2: approved", online),
    script!("purchase-posted", "0200 at a terminal: taken at once", posted),
    script!(
        "completion",
        "0220 after 0100: the final amount is taken, the rest given back",
        completion
    ),
    script!("preauthorization", "a reservation, completed at 115%", preauthorization),
    script!("completion-above", "a completion above 115% is not taken", completion_above),
    script!("refund", "0200 back to the holder: credited at once", refund),
];

/// The id of the authorization that an answer names.
pub(super) fn id_of(answer: &Message) -> anyhow::Result<Uuid> {
    authorization_id(answer).context("the answer names no authorization (data element 63)")
}

/// A purchase that must be approved: what was asked, and the id.
pub(super) async fn approved(
    bench: &Bench,
    holder: &Holder,
    purchase: &Purchase,
) -> anyhow::Result<(Message, Message)> {
    let asked = bench.asked(purchase, &holder.card)?;
    let answer = bench.expect(&asked, "00").await?;
    let approval = answer.trimmed(38).unwrap_or_default();
    let six_digits = approval.len() == 6 && approval.bytes().all(|digit| digit.is_ascii_digit());
    ensure!(six_digits, "an approval without an approval code of six digits");
    Ok((asked, answer))
}

async fn purchase(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (_, answer) = approved(bench, &holder, &Holder::at_terminal(12_345)).await?;
    let found = bench.authorization(id_of(&answer)?).await?;
    ensure!(found.status() == Status::Approved, "it is {}", found.status().as_str_name());
    let approval = answer.trimmed(38).unwrap_or_default();
    ensure!(found.approval_code == approval, "the books have another approval code");
    bench.until_balance(holder.account, (FUNDS, FUNDS - 12_345)).await?;
    let used = holder.used(bench).await?;
    ensure!(used == (12_345, 1), "used is {used:?}");
    Ok(())
}

async fn online(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    approved(bench, &holder, &holder.online(500)).await?;
    bench.until_balance(holder.account, (FUNDS, FUNDS - 500)).await
}

async fn posted(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let at_once = Purchase { at_once: true, ..Holder::at_terminal(700) };
    let (_, answer) = approved(bench, &holder, &at_once).await?;
    bench.until_status(id_of(&answer)?, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 700, FUNDS - 700)).await
}

async fn completion(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    let advice = following(Following::Completion(800), &asked, &bench.trace())?;
    bench.expect(&advice, "00").await?;
    let found = bench.until_status(id_of(&answer)?, Status::Cleared).await?;
    ensure!(found.cleared_minor == 800, "{} was cleared instead of 800", found.cleared_minor);
    bench.until_balance(holder.account, (FUNDS - 800, FUNDS - 800)).await
}

async fn preauthorization(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let wanted = Purchase::new(Kind::Preauthorization, Channel::Pos, 1_000);
    let (asked, answer) = approved(bench, &holder, &wanted).await?;
    bench.until_balance(holder.account, (FUNDS, FUNDS - 1_000)).await?;
    let advice = following(Following::Completion(1_150), &asked, &bench.trace())?;
    bench.expect(&advice, "00").await?;
    bench.until_status(id_of(&answer)?, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 1_150, FUNDS - 1_150)).await
}

async fn completion_above(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let wanted = Purchase::new(Kind::Preauthorization, Channel::Pos, 1_000);
    let (asked, answer) = approved(bench, &holder, &wanted).await?;
    let advice = following(Following::Completion(1_151), &asked, &bench.trace())?;
    let refused = crate::iso8583::code(&bench.send(&advice).await?);
    ensure!(refused != "00", "115.1% was taken");
    let found = bench.authorization(id_of(&answer)?).await?;
    ensure!(found.status() == Status::Approved, "it is {}", found.status().as_str_name());
    bench.until_balance(holder.account, (FUNDS, FUNDS - 1_000)).await
}

async fn refund(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    approved(bench, &holder, &Purchase::new(Kind::Refund, Channel::Pos, 250)).await?;
    bench.until_balance(holder.account, (FUNDS + 250, FUNDS + 250)).await?;
    let used = holder.used(bench).await?;
    ensure!(used == (0, 0), "a refund counts nothing, and used is {used:?}");
    Ok(())
}
