//! The steps: a bank, its loans, two weeks, two ends of days, the audit.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use chrono::{Days, NaiveDate};
use kernel::{Clock as _, RequestId, SystemClock};
use proto::accounting::v1 as accounting;
use proto::accounting::v1::accounting_service_client::AccountingServiceClient;
use proto::loan::v1 as pb;
use proto::loan::v1::loan_service_client::LoanServiceClient;
use testkit::invariants::check;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::copies::Copies;
use super::report::{Day, EndOfDayReport};
use crate::accounts::Accounts;
use crate::client::{Client, Terms, connect};
use crate::lab::Lab;
use crate::progress::{Progress, say};
use crate::run::accounts_as_booked;
use crate::seed::{self, Wanted, insist};
use crate::stop::{Interrupted, Stop};
use crate::target::Target;
use crate::watch::drained;

/// On which all loans are paid out.
const PAID_OUT_ON: &str = "2026-11-02";
/// From then to the first date on which any instalment is due.
const DAYS_TO_THE_FIRST_DUE_DATE: u64 = 15;
/// Every month has so many days: one original for each due day.
const DUE_DAYS: i32 = 28;
/// 10,000.00 in half a year: the longer, the more rows there are that a common day does not look at.
const AMOUNT_MINOR: i64 = 1_000_000;
const TERM_MONTHS: i32 = 6;
/// Accounts are shared by so many loans, as customers have more than one loan in the books of years.
const LOANS_ON_AN_ACCOUNT: u32 = 10;
const ACCOUNTS_MAX: u32 = 100_000;

const OPERATOR: &str = "operator/1";
const DEADLINE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_mins(1);
const DRAIN_LIMIT: Duration = Duration::from_mins(5);
/// How long the end of one day may take before we give up.
const LIMIT: Duration = Duration::from_hours(1);
/// Disk for one loan, on two nodes and in their logs, kilobytes.
const KB_FOR_EACH: u64 = 8;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many loans.
    pub loans: u32,
    /// Whether commits wait for disks. Without, it shows that it works and not how fast.
    pub durable: bool,
    /// Where the binaries of the services are; beside this executable where not given.
    pub bin_dir: Option<PathBuf>,
}

/// Runs it on a bank of its own, which is gone afterwards whatever happens.
pub async fn run(plan: &Plan, stop: &Stop) -> anyhow::Result<EndOfDayReport> {
    say("starting a bank of our own");
    let start = Lab::start(false, |options| {
        options.bin_dir.clone_from(&plan.bin_dir);
        options.first_business_date = PAID_OUT_ON.parse().ok();
        options.postgres.durable = plan.durable;
        options.min_free_mb += u64::from(plan.loans).saturating_mul(KB_FOR_EACH) / 1_024;
    });
    let lab = tokio::select! {
        lab = start => lab?,
        () = stop.requested() => return Err(Interrupted.into()),
    };
    let measured = Box::pin(measure(&lab.target, plan, stop)).await;
    let closed = lab.close().await;
    let report = measured?;
    closed.map(|()| report)
}

async fn measure(target: &Target, plan: &Plan, stop: &Stop) -> anyhow::Result<EndOfDayReport> {
    let started_at = SystemClock.now().format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let wanted = (plan.loans / LOANS_ON_AN_ACCOUNT).clamp(DUE_DAYS.unsigned_abs(), ACCOUNTS_MAX);
    let wanted = Wanted { customers: None, accounts: Some(wanted) };
    let numbers = seed::ensure(target, wanted, stop).await?;
    let accounts = accounts_as_booked(target, &numbers).await?;
    let models = models(target, &accounts).await?;
    let count = plan.loans.saturating_sub(DUE_DAYS.unsigned_abs());
    let copies = Copies { models: &models, accounts: &accounts, count };
    Box::pin(copies.make(target, stop)).await?;
    ensure!(drained(target, DRAIN_LIMIT).await?.is_some(), "accounting does not take it over");

    let mut bank = Operator::connect(target, stop).await?;
    let first_due: NaiveDate =
        PAID_OUT_ON.parse::<NaiveDate>()? + Days::new(DAYS_TO_THE_FIRST_DUE_DATE);
    let before = first_due - Days::new(1);
    bank.cut_over_to(first_due).await?;
    let catching_up = bank.end_of_day(before).await?;
    bank.cut_over_to(first_due + Days::new(1)).await?;
    let day = bank.end_of_day(first_due).await?;

    say("auditing the books");
    ensure!(drained(target, DRAIN_LIMIT).await?.is_some(), "accounting does not take it over");
    let audit = check(&target.books).await.context("the audit cannot read the books")?;
    let size = (accounts.count(), TERM_MONTHS, target.sync_replicas);
    Ok(EndOfDayReport::of([Day::of(&catching_up), Day::of(&day)], size, started_at, audit))
}

/// One loan for each day of the month, made through the bank's own front door and paid out.
async fn models(target: &Target, accounts: &Accounts) -> anyhow::Result<Vec<Uuid>> {
    let client = Client::connect(target, DEADLINE).await?;
    let new_id = || RequestId::generate(&SystemClock).as_uuid();
    let mut models = Vec::new();
    for due_day in 1..=DUE_DAYS {
        let account = due_day.unsigned_abs() % accounts.count();
        let whose = (accounts.owner(account), accounts.number(account));
        let terms = Terms { amount_minor: AMOUNT_MINOR, term_months: TERM_MONTHS, due_day };
        let [application, decision, payment] = [new_id(), new_id(), new_id()];
        let apply = || client.apply(application, whose, terms);
        let loan = insist("applying for a loan", apply).await?;
        insist("approving a loan", || client.approve(decision, &loan)).await?;
        insist("paying out a loan", || client.disburse(payment, &loan)).await?;
        models.push(loan.loan_id.parse().context("a loan whose id cannot be read")?);
    }
    Ok(models)
}

/// Who moves the date and ends days.
struct Operator<'a> {
    accounting: AccountingServiceClient<Channel>,
    loan: LoanServiceClient<Channel>,
    stop: &'a Stop,
}

impl<'a> Operator<'a> {
    async fn connect(target: &Target, stop: &'a Stop) -> anyhow::Result<Self> {
        let trust = target.trust(OPERATOR)?;
        let accounting = connect(&target.accounting, trust.as_ref()).await?;
        let loan = connect(&target.loan, trust.as_ref()).await?;
        Ok(Self {
            accounting: AccountingServiceClient::new(accounting),
            loan: LoanServiceClient::new(loan),
            stop,
        })
    }

    async fn pause(&self) -> anyhow::Result<()> {
        self.stop.sleep(LOOK_EVERY).await;
        if self.stop.is_requested() { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Cuts over, one day after the other, and waits until the last date that was left is closed.
    async fn cut_over_to(&mut self, date: NaiveDate) -> anyhow::Result<()> {
        let mut progress: Option<(Progress, u64)> = None;
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            let now =
                self.accounting.get_business_date(accounting::GetBusinessDateRequest {}).await?;
            let now = now.into_inner();
            let today: NaiveDate = now.business_date.parse()?;
            let left = date.signed_duration_since(today).num_days().unsigned_abs();
            let (progress, days) =
                progress.get_or_insert_with(|| (Progress::new("cutting over", left), left));
            if now.closing_date.is_empty() {
                if today >= date {
                    return Ok(());
                }
                let request = accounting::CutOverRequest {
                    request_id: RequestId::generate(&SystemClock).to_string(),
                    from_date: now.business_date.clone(),
                };
                self.accounting.cut_over(request).await?;
                progress.at(days.saturating_sub(left), &now.business_date);
                deadline = Instant::now() + PATIENCE;
            }
            ensure!(Instant::now() < deadline, "{} does not close", now.closing_date);
            self.pause().await?;
        }
    }

    /// Ends a date and waits until it is ended.
    async fn end_of_day(&mut self, date: NaiveDate) -> anyhow::Result<pb::EndOfDay> {
        let business_date = date.to_string();
        self.ask_for(&business_date).await?;
        let mut progress: Option<Progress> = None;
        let deadline = Instant::now() + LIMIT;
        loop {
            let request = pb::GetEndOfDayRequest { business_date: business_date.clone() };
            let answer = self.loan.get_end_of_day(request).await?.into_inner();
            let day = answer.end_of_day.context("an answer without an end of day")?;
            if day.loans > 0 {
                let all = day.loans.unsigned_abs();
                let progress = progress
                    .get_or_insert_with(|| Progress::new(&format!("end of {business_date}"), all));
                let collections = format!("{} collected", day.collected);
                progress.at(day.calculated.unsigned_abs(), &collections);
            }
            if day.finished {
                if let Some(progress) = progress {
                    progress.finish(&format!("{} loans", day.calculated));
                }
                return Ok(day);
            }
            ensure!(Instant::now() < deadline, "the end of {business_date} does not come");
            self.pause().await?;
        }
    }

    /// The loan service follows the business date within a second or two.
    async fn ask_for(&mut self, business_date: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = pb::RunEndOfDayRequest {
                request_id: RequestId::generate(&SystemClock).to_string(),
                business_date: business_date.to_owned(),
            };
            match self.loan.run_end_of_day(request).await {
                Ok(_) => return Ok(()),
                Err(status) if is_open(&status) && Instant::now() < deadline => {}
                Err(status) => {
                    bail!("the end of {business_date} was refused: {}", status.message());
                }
            }
            self.pause().await?;
        }
    }
}

fn is_open(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason);
    status.code() == Code::FailedPrecondition && reason.as_deref() == Some("BUSINESS_DATE_OPEN")
}
