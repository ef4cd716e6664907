//! What comes twice, or in the wrong order: repetitions, reversals, one name for two questions.

use anyhow::ensure;
use proto::card::v1::AuthorizationStatus as Status;
use scheme::Message;

use super::bench::Bench;
use super::declines::nothing_happened;
use super::holder::{FUNDS, Holder};
use super::purchases::{approved, id_of};
use super::{Script, script};
use crate::iso8583::{Following, Purchase, following};

/// How often a reversal comes.
const TIMES: u32 = 5;

pub(super) const SCRIPTS: &[Script] = &[
    script!("reversal", "0400 after 0100: all is given back, and the limits with it", reversal),
    script!("reversal-of-posted", "0400 after 0200: what was taken is credited", of_posted),
    script!("reversal-first", "0400 before its 0100: that one is declined", reversal_first),
    script!("reversal-five-times", "0400 and four times 0401: given back once", five_times),
    script!("duplicate-at-once", "0100 twice at once: one approval, one answer", at_once),
    script!("duplicate-later", "0100, and 0101 after its answer: the same answer", later),
    script!(
        "same-name-other-amount",
        "one name for two amounts: the second is refused",
        other_amount
    ),
];

fn reversal_of(bench: &Bench, asked: &Message) -> anyhow::Result<Message> {
    Ok(following(Following::Reversal, asked, &bench.trace())?)
}

async fn reversal(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    bench.expect(&reversal_of(bench, &asked)?, "00").await?;
    bench.until_status(id_of(&answer)?, Status::Reversed).await?;
    nothing_happened(bench, &holder).await
}

async fn of_posted(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let at_once = Purchase { at_once: true, ..Holder::at_terminal(1_000) };
    let (asked, answer) = approved(bench, &holder, &at_once).await?;
    bench.until_balance(holder.account, (FUNDS - 1_000, FUNDS - 1_000)).await?;
    bench.expect(&reversal_of(bench, &asked)?, "00").await?;
    bench.until_status(id_of(&answer)?, Status::Reversed).await?;
    nothing_happened(bench, &holder).await
}

async fn reversal_first(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let asked = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    bench.expect(&reversal_of(bench, &asked)?, "00").await?;
    let late = bench.send(&asked).await?;
    let code = crate::iso8583::code(&late);
    ensure!(code != "00", "what was reversed before it came was approved");
    nothing_happened(bench, &holder).await
}

async fn five_times(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (asked, _) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    // Something else stays reserved, so that giving back twice would be seen.
    approved(bench, &holder, &Holder::at_terminal(70)).await?;
    let mut reversal = reversal_of(bench, &asked)?;
    for _ in 0..TIMES {
        bench.expect(&reversal, "00").await?;
        reversal.set_mti(reversal.mti().repeat());
    }
    bench.until_balance(holder.account, (FUNDS, FUNDS - 70)).await?;
    let used = holder.used(bench).await?;
    ensure!(used == (70, 1), "used is {used:?}");
    Ok(())
}

async fn at_once(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let asked = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    // On two connections.
    let (one, two) = tokio::try_join!(bench.expect(&asked, "00"), bench.expect(&asked, "00"))?;
    same(&one, &two)?;
    one_approval(bench, &holder).await
}

async fn later(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let (mut asked, first) = approved(bench, &holder, &Holder::at_terminal(1_000)).await?;
    asked.set_mti(asked.mti().repeat());
    let second = bench.expect(&asked, "00").await?;
    same(&first, &second)?;
    one_approval(bench, &holder).await
}

async fn other_amount(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let trace = bench.trace();
    let first = Holder::at_terminal(1_000).message(&holder.card, &trace)?;
    bench.expect(&first, "00").await?;
    let second = Holder::at_terminal(2_000).message(&holder.card, &trace)?;
    bench.expect(&second, "12").await?;
    one_approval(bench, &holder).await
}

fn same(one: &Message, two: &Message) -> anyhow::Result<()> {
    for field in [38, 39, 63] {
        let (left, right) = (one.text(field), two.text(field));
        ensure!(left == right, "data element {field} is {left:?} and then {right:?}");
    }
    Ok(())
}

async fn one_approval(bench: &Bench, holder: &Holder) -> anyhow::Result<()> {
    bench.until_balance(holder.account, (FUNDS, FUNDS - 1_000)).await?;
    let used = holder.used(bench).await?;
    ensure!(used == (1_000, 1), "used is {used:?}");
    Ok(())
}
