//! The line itself: signing on, echo, and garbage that must disturb nobody else.

use std::time::{Duration, Instant};

use anyhow::ensure;
use scheme::words::{ECHO, SIGN_OFF, SIGN_ON};

use super::bench::{ANSWER, Bench};
use super::holder::Holder;
use super::purchases::approved;
use super::{Script, script};
use crate::iso8583::{Line, code};

/// How long a connection that sends garbage may stay open.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

pub(super) const SCRIPTS: &[Script] = &[
    script!("sign-on", "sign-on, echo and sign-off are answered", sign_on),
    script!("sign-on-missing", "nothing but network management before the sign-on", no_sign_on),
    script!("garbage", "garbage ends its own connection and no other", garbage),
    script!("malformed", "a message with a wrong element is answered with 30", malformed),
];

async fn sign_on(bench: &Bench) -> anyhow::Result<()> {
    let line = Line::open(bench.pool.gateway()).await?;
    for what in [SIGN_ON, ECHO, SIGN_OFF] {
        let code = line.manage(what).await?;
        ensure!(code == "00", "network management {what} was answered {code}");
    }
    Ok(())
}

async fn no_sign_on(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let asked = bench.asked(&Holder::at_terminal(100), &holder.card)?;
    let line = Line::open(bench.pool.gateway()).await?;
    let answered = code(&line.ask(&asked, ANSWER).await?);
    ensure!(answered == "58", "a request before the sign-on was answered {answered} instead of 58");
    line.manage(SIGN_ON).await?;
    let answered = code(&line.ask(&asked, ANSWER).await?);
    ensure!(answered == "00", "the same request after the sign-on was answered {answered}");
    Ok(())
}

async fn garbage(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let rude = Line::open(bench.pool.gateway()).await?;
    rude.send_bytes(vec![0xFF; 4_096])?;
    // Others work meanwhile.
    approved(bench, &holder, &Holder::at_terminal(100)).await?;
    let deadline = Instant::now() + CLOSED_WITHIN;
    while !rude.has_ended() {
        ensure!(Instant::now() < deadline, "a connection that sent garbage is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    approved(bench, &holder, &Holder::at_terminal(100)).await?;
    Ok(())
}

async fn malformed(bench: &Bench) -> anyhow::Result<()> {
    let holder = Holder::new(bench).await?;
    let mut asked = bench.asked(&Holder::at_terminal(100), &holder.card)?;
    asked.remove(3);
    bench.expect(&asked, "30").await?;
    approved(bench, &holder, &Holder::at_terminal(100)).await?;
    Ok(())
}
