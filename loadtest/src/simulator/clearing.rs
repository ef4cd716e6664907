//! Clearing: each way in which a record may meet its authorization, and what is posted.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use proto::card::v1::{AuthorizationStatus as Status, ClearingFileStatus, ClearingResolution};
use scheme::clearing::{Part, Record};
use scheme::{Message, Pan};

use super::bench::Bench;
use super::holder::{FUNDS, Holder};
use super::purchases::{approved, id_of};
use super::{Script, script};
use crate::clearing::{ClearingFile, Sent, record_of};
use crate::iso8583::{Following, Purchase, following};

const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const SCRIPTS: &[Script] = &[
    script!("clearing-full", "cleared as authorized: taken, nothing reserved", full),
    script!("clearing-partial", "less, and no more will come: the rest is given back", partial),
    script!("clearing-several", "in two parts: the rest stays reserved between them", several),
    script!("clearing-above", "more than was authorized: taken from what is there", above),
    script!("clearing-late", "after a reversal: taken all the same", late),
    script!("clearing-none", "without an authorization: force-posted", none),
    script!("clearing-owed", "more than there is: the holder owes the rest", owed),
    script!("clearing-refund", "a refund that was never authorized: credited", refund),
    script!("clearing-posted", "of what was posted at once: only compared", already_posted),
    script!("clearing-unknown-card", "of a card of nobody: a person sends it back", unknown_card),
    script!("clearing-totals", "a trailer that does not agree: refused, nothing posted", totals),
    script!("clearing-twice", "the same file twice: posted once", twice),
];

/// The record that clears this.
pub(super) fn cleared(
    bench: &Bench,
    asked: &Message,
    answer: Option<&Message>,
) -> anyhow::Result<Record> {
    let transmitted = Bench::transmitted(asked)?;
    record_of(asked, answer, (bench.references.next(), transmitted))
}

/// A file of these records, on a clearing day of its own.
pub(super) fn file(bench: &Bench, records: Vec<Record>) -> anyhow::Result<ClearingFile> {
    Ok(ClearingFile { file_id: bench.references.file_id(), date: bench.clearing_day()?, records })
}

/// Sends a file, all of whose records must be posted.
pub(super) async fn post(bench: &Bench, file: &ClearingFile) -> anyhow::Result<Sent> {
    let sent = bench.operator.clear(file, PATIENCE, &bench.stop).await?;
    let of = &sent.file;
    ensure!(of.exceptions == 0, "{} of {} records need a person", of.exceptions, of.records);
    ensure!(
        of.status() == ClearingFileStatus::Finished,
        "the file is {}",
        of.status().as_str_name()
    );
    Ok(sent)
}

/// One purchase, cleared by a record that is changed so.
async fn one(
    bench: &Bench,
    holder: &Holder,
    amount_minor: i64,
    change: impl FnOnce(&mut Record),
) -> anyhow::Result<uuid::Uuid> {
    let (asked, answer) = approved(bench, holder, &Holder::at_terminal(amount_minor)).await?;
    let mut record = cleared(bench, &asked, Some(&answer))?;
    change(&mut record);
    post(bench, &file(bench, vec![record])?).await?;
    id_of(&answer)
}

async fn full(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let id = one(bench, &holder, 1_000, |_| ()).await?;
    bench.until_status(id, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await
}

async fn partial(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let id = one(bench, &holder, 1_000, |record| record.amount_minor = 600).await?;
    bench.until_status(id, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 600, FUNDS - 600)).await
}

async fn several(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    let id = id_of(&answer)?;
    let part = |amount_minor, part| -> anyhow::Result<Record> {
        let record = cleared(bench, &asked, Some(&answer))?;
        Ok(Record { amount_minor, part, ..record })
    };
    post(bench, &file(bench, vec![part(300, Part::OneOfSeveral)?])?).await?;
    bench.until_status(id, Status::PartlyCleared).await?;
    bench.until_balance(holder.account, (FUNDS - 300, FUNDS - 1_000)).await?;
    post(bench, &file(bench, vec![part(500, Part::LastOfSeveral)?])?).await?;
    bench.until_status(id, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 800, FUNDS - 800)).await
}

async fn above(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let id = one(bench, &holder, 1_000, |record| record.amount_minor = 1_500).await?;
    bench.until_status(id, Status::Cleared).await?;
    bench.until_balance(holder.account, (FUNDS - 1_500, FUNDS - 1_500)).await
}

async fn late(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    bench.expect(&following(Following::Reversal, &asked, &bench.trace())?, "00").await?;
    bench.until_balance(holder.account, (FUNDS, FUNDS)).await?;
    post(bench, &file(bench, vec![cleared(bench, &asked, Some(&answer))?])?).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await?;
    let found = bench.authorization(id_of(&answer)?).await?;
    ensure!(found.status() == Status::Reversed, "it is {}", found.status().as_str_name());
    Ok(())
}

async fn none(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let never_sent = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    post(bench, &file(bench, vec![cleared(bench, &never_sent, None)?])?).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await
}

async fn owed(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::with_funds(bench, 1_000).await?;
    let never_sent = bench.asked(&Holder::at_terminal(1_600), &holder.card)?;
    post(bench, &file(bench, vec![cleared(bench, &never_sent, None)?])?).await?;
    bench.until_balance(holder.account, (0, 0)).await?;
    let owed = holder.look(bench).await?.receivable_minor;
    ensure!(owed == 600, "the holder owes {owed} instead of 600");
    // Money back pays what is owed first.
    let back = Purchase::new(scheme::Kind::Refund, scheme::Channel::Pos, 700);
    let back = bench.asked(&back, &holder.card)?;
    post(bench, &file(bench, vec![cleared(bench, &back, None)?])?).await?;
    bench.until_balance(holder.account, (100, 100)).await?;
    let owed = holder.look(bench).await?.receivable_minor;
    ensure!(owed == 0, "the holder still owes {owed}");
    Ok(())
}

async fn refund(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let refund = Purchase::new(scheme::Kind::Refund, scheme::Channel::Pos, 400);
    let never_sent = bench.asked(&refund, &holder.card)?;
    post(bench, &file(bench, vec![cleared(bench, &never_sent, None)?])?).await?;
    bench.until_balance(holder.account, (FUNDS + 400, FUNDS + 400)).await
}

async fn already_posted(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let at_once = Purchase { at_once: true, ..Holder::at_terminal(1_000) };
    let (asked, answer) = approved(bench, &holder, &at_once).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await?;
    post(bench, &file(bench, vec![cleared(bench, &asked, Some(&answer))?])?).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await
}

async fn unknown_card(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let never_sent = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    let mut record = cleared(bench, &never_sent, None)?;
    record.pan = Pan::with_check_digit("999999999999999")?;
    let file = file(bench, vec![record])?;
    let sent = bench.operator.clear(&file, PATIENCE, &bench.stop).await?;
    ensure!(sent.file.exceptions == 1, "{} records need a person", sent.file.exceptions);
    let item = bench.operator.exceptions(&file.file_id).await?.pop().context("none is listed")?;
    ensure!(item.exception == "CARD_UNKNOWN", "it needs a person because of {}", item.exception);
    bench.operator.resolve(&item.item_id, ClearingResolution::Return).await?;
    bench.until_balance(holder.account, (FUNDS, FUNDS)).await
}

async fn totals(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    let mut file = file(bench, vec![cleared(bench, &asked, Some(&answer))?])?;
    let mut lines = file.lines()?;
    file.records[0].amount_minor = 999;
    let other = file.lines()?.pop().context("a file without a trailer")?;
    lines.pop();
    lines.push(other);
    let refused = bench.operator.send(&file.file_id, &lines).await;
    let why = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(!why.is_empty(), "a file whose trailer does not agree was taken");
    bench.until_balance(holder.account, (FUNDS, FUNDS - 1_000)).await
}

async fn twice(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    let file = file(bench, vec![cleared(bench, &asked, Some(&answer))?])?;
    post(bench, &file).await?;
    // Under another name too: its records are known by the scheme's references.
    let again = ClearingFile { file_id: bench.references.file_id(), ..file.clone() };
    for file in [&file, &again] {
        let taken = bench.operator.send(&file.file_id, &file.lines()?).await;
        ensure!(taken.is_err(), "the same records were taken twice");
    }
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await
}
