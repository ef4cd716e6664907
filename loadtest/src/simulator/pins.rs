//! PINs: both formats, wrong ones, cash and balance inquiry, which need one.

use anyhow::ensure;
use scheme::{Channel, Kind, ResponseCode, words};

use super::bench::Bench;
use super::declines::nothing_happened;
use super::holder::{FUNDS, Holder};
use super::purchases::{approved, id_of};
use super::{Needs, Script, script};
use crate::iso8583::Purchase;

const PIN: &str = "2580";
const WRONG: &str = "1593";

pub(super) const SCRIPTS: &[Script] = &[
    script!("pin-format-0", "a PIN block of format 0, Triple DES", Needs::Key(0), format_0),
    script!("pin-format-4", "a PIN block of format 4, AES", Needs::Key(4), format_4),
    script!("cash", "0200 at a cash machine: paid and taken at once", Needs::Key(4), cash),
    script!("balance-inquiry", "what is available, and nothing moves", Needs::Key(4), inquiry),
    script!("decline-55", "a wrong PIN, and then the right one", Needs::Key(4), wrong_once),
    script!(
        "decline-75",
        "three wrong PINs: not even the right one after",
        Needs::Key(4),
        wrong_thrice
    ),
];

fn with_pin(
    bench: &Bench,
    holder: &Holder,
    purchase: Purchase,
    (format, digits): (u8, &str),
) -> anyhow::Result<Purchase> {
    let pin = Some(bench.keys.present(format, digits, &holder.card.pan)?);
    Ok(Purchase { pin, ..purchase })
}

async fn in_format(bench: &Bench, format: u8) -> anyhow::Result<()> {
    let holder = Holder::with_pin(bench, PIN).await?;
    let wanted = with_pin(bench, &holder, Holder::at_terminal(300), (format, PIN))?;
    approved(bench, &holder, &wanted).await?;
    bench.until_balance(holder.account, (FUNDS, FUNDS - 300)).await
}

async fn format_0(bench: &Bench) -> anyhow::Result<()> {
    in_format(bench, 0).await
}

async fn format_4(bench: &Bench) -> anyhow::Result<()> {
    in_format(bench, 4).await
}

async fn cash(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::with_pin(bench, PIN).await?;
    let cash = Purchase::new(Kind::Cash, Channel::Atm, 20_000);
    let wanted = with_pin(bench, &holder, cash, (4, PIN))?;
    approved(bench, &holder, &wanted).await?;
    bench.until_balance(holder.account, (FUNDS - 20_000, FUNDS - 20_000)).await
}

async fn inquiry(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::with_pin(bench, PIN).await?;
    approved(bench, &holder, &Holder::at_terminal(100)).await?;
    let inquiry = Purchase::new(Kind::BalanceInquiry, Channel::Atm, 0);
    let asked = bench.asked(&with_pin(bench, &holder, inquiry, (4, PIN))?, &holder.card)?;
    let answer = bench.expect(&asked, "00").await?;
    id_of(&answer)?;
    let (available, _) = words::available(&answer)?;
    ensure!(available == FUNDS - 100, "{available} is available instead of {}", FUNDS - 100);
    bench.until_balance(holder.account, (FUNDS, FUNDS - 100)).await
}

async fn ask(bench: &Bench, holder: &Holder, digits: &str, code: &str) -> anyhow::Result<()> {
    let wanted = with_pin(bench, holder, Holder::at_terminal(100), (4, digits))?;
    bench.expect(&bench.asked(&wanted, &holder.card)?, code).await?;
    Ok(())
}

async fn wrong_once(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::with_pin(bench, PIN).await?;
    ask(bench, &holder, WRONG, ResponseCode::WRONG_PIN.as_str()).await?;
    let wrong = holder.look(bench).await?.wrong_pins;
    ensure!(wrong == 1, "{wrong} wrong PINs are counted instead of 1");
    ask(bench, &holder, PIN, "00").await?;
    let wrong = holder.look(bench).await?.wrong_pins;
    ensure!(wrong == 0, "a right PIN ends the count, and it is {wrong}");
    Ok(())
}

async fn wrong_thrice(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::with_pin(bench, PIN).await?;
    ask(bench, &holder, WRONG, ResponseCode::WRONG_PIN.as_str()).await?;
    ask(bench, &holder, WRONG, ResponseCode::WRONG_PIN.as_str()).await?;
    ask(bench, &holder, WRONG, ResponseCode::PIN_TRIES_EXCEEDED.as_str()).await?;
    ask(bench, &holder, PIN, ResponseCode::PIN_TRIES_EXCEEDED.as_str()).await?;
    nothing_happened(bench, &holder).await
}
