//! What only a bank of our own is put through: a deposit service that does not answer.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use testkit::process::{Identity, Signal};

use super::bench::Bench;
use super::declines::nothing_happened;
use super::holder::Holder;
use super::purchases::approved;
use super::{Needs, Script, script};
use crate::iso8583::{Patience, Settled, code, insist};

pub(super) const SCRIPTS: &[Script] = &[
    script!(
        "decline-91",
        "the deposit service stands still: 91, and nothing is reserved in the end",
        Needs::OwnBank,
        unavailable
    ),
    script!(
        "timeout",
        "no answer at all: repeated, then reversed until that is answered",
        Needs::OwnBank,
        timeout
    ),
];

/// Stands still until it is dropped, whatever happens meanwhile.
struct Still(Identity);

impl Still {
    fn stand(bench: &Bench) -> anyhow::Result<Self> {
        let process = bench.deposit_process.context("only in a bank of our own")?;
        ensure!(process.signal(Signal::SIGSTOP), "the deposit service cannot be stopped");
        Ok(Self(process))
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

async fn unavailable(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let asked = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    let still = Still::stand(bench)?;
    let answer = bench.expect(&asked, "91").await;
    drop(still);
    answer?;
    nothing_happened(bench, &holder).await?;
    // It works again, and knows what it has answered.
    let repeated = code(&bench.send(&asked).await?);
    ensure!(repeated != "00", "what was answered 91 was approved when it came again");
    approved(bench, &holder, &Holder::at_terminal(500)).await?;
    Ok(())
}

async fn timeout(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let asked = bench.asked(&Holder::at_terminal(1_000), &holder.card)?;
    let still = Still::stand(bench)?;
    // Gives up before the bank does.
    let patience = Patience {
        answer: Duration::from_millis(500),
        repeats: 1,
        reversal: Duration::from_mins(1),
    };
    let reversal = bench.trace();
    let settling = insist(&bench.pool, &asked, &reversal, patience);
    let settling = async {
        let settled = settling.await;
        anyhow::Ok(settled)
    };
    let waking = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(still);
        anyhow::Ok(())
    };
    let (settled, ()) = tokio::try_join!(settling, waking)?;
    match settled {
        Settled::Reversed => nothing_happened(bench, &holder).await,
        Settled::Answered(_) => anyhow::bail!("a bank that stands still has answered"),
        Settled::Open => anyhow::bail!("the reversal was never answered"),
    }
}
