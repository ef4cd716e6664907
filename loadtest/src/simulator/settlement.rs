//! Settlement: what the scheme says it settled, against what was cleared.

use anyhow::{Context as _, ensure};
use proto::card::v1::{SettlementBreakKind as Kind, SettlementResolution as Resolution};
use scheme::settlement::SettlementReport;

use super::bench::Bench;
use super::clearing::{cleared, file, post};
use super::holder::Holder;
use super::purchases::approved;
use super::{Script, script};
use crate::clearing::{ClearingFile, settlement};

pub(super) const SCRIPTS: &[Script] = &[
    script!("settlement", "a report that agrees with all that was cleared", agrees),
    script!("settlement-breaks", "more, less and otherwise: three breaks, resolved", breaks),
    script!("settlement-twice", "the same report twice is refused the second time", twice),
];

/// A file of three purchases, posted.
async fn posted(bench: &Bench) -> anyhow::Result<ClearingFile> {
    let holder = Holder::new(bench).await?;
    let mut records = Vec::new();
    for amount_minor in [10_000, 20_000, 30_000] {
        let (asked, answer) = approved(bench, &holder, &Holder::at_terminal(amount_minor)).await?;
        records.push(cleared(bench, &asked, Some(&answer))?);
    }
    let file = file(bench, records)?;
    post(bench, &file).await?;
    Ok(file)
}

async fn agrees(bench: &Bench) -> anyhow::Result<()> {
    let file = posted(bench).await?;
    let report = settlement(&file, file.date)?;
    let found = bench.operator.settle(report.write()?).await?;
    ensure!(
        (found.agreed, found.breaks) == (3, 0),
        "{} agree, {} break",
        found.agreed,
        found.breaks
    );
    Ok(())
}

async fn breaks(bench: &Bench) -> anyhow::Result<()> {
    let file = posted(bench).await?;
    let mut report = settlement(&file, file.date)?;
    // The first is not settled, the second is of another amount, and there is one that nobody cleared.
    report.records.remove(0);
    report.records[0].amount_minor += 500;
    let mut strange = report.records[1].clone();
    strange.scheme_reference = bench.references.next();
    strange.amount_minor = 4_000;
    report.records.push(strange);
    let report = summed(report)?;
    let found = bench.operator.settle(report.write()?).await?;
    ensure!(
        (found.agreed, found.breaks) == (1, 3),
        "{} agree, {} break",
        found.agreed,
        found.breaks
    );
    let open = bench.operator.breaks(&found.report_id).await?;
    for (kind, scheme_minor, bank_minor, how) in [
        (Kind::NotSettled, 0, 10_000, Resolution::Explained),
        (Kind::AmountDiffers, 20_500, 20_000, Resolution::Adjusted),
        (Kind::NotCleared, 4_000, 0, Resolution::Adjusted),
    ] {
        let one = open.iter().find(|one| one.kind() == kind);
        let one = one.with_context(|| format!("there is no break {}", kind.as_str_name()))?;
        let amounts = (one.scheme_minor, one.bank_minor);
        let name = kind.as_str_name();
        ensure!(amounts == (scheme_minor, bank_minor), "{name} is of {amounts:?}");
        bench.operator.resolve_break(&one.break_id, how).await?;
    }
    let left = bench.operator.breaks(&found.report_id).await?.len();
    ensure!(left == 0, "{left} breaks are still open");
    Ok(())
}

async fn twice(bench: &Bench) -> anyhow::Result<()> {
    let file = posted(bench).await?;
    let report = settlement(&file, file.date)?.write()?;
    bench.operator.settle(report.clone()).await?;
    ensure!(bench.operator.settle(report).await.is_err(), "a report was taken twice");
    Ok(())
}

/// With a trailer that agrees with its records.
fn summed(mut report: SettlementReport) -> anyhow::Result<SettlementReport> {
    report.trailer = report.sums().context("the sums of the report have no room")?;
    Ok(report)
}
