//! One consistent view of each database, taken so that the views can be compared.
//!
//! Deposit's snapshot comes first, then loan's and card's, which so know everything that deposit has done for them. Then the
//! batches that were still in their outboxes are waited for, and only then accounting's snapshot is taken: it holds all
//! that theirs hold, and perhaps a little more.

use std::str::FromStr as _;
use std::time::Instant;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::time::sleep;

use super::{Books, Limits};

const POLL: std::time::Duration = std::time::Duration::from_millis(20);

/// Large sorts and hashes in memory, no compiling of queries that run once, a stable view.
const BEGIN_READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL work_mem = '128MB'; SET LOCAL jit = off";
const BEGIN_READ_WRITE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; \
    SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; \
    SET LOCAL session_replication_role = replica";

/// An open database transaction on each database.
pub(super) struct Snapshot {
    pub(super) deposit: PgConnection,
    pub(super) loan: PgConnection,
    pub(super) card: PgConnection,
    pub(super) accounting: PgConnection,
    pub(super) customer: PgConnection,
    /// Sees the sub-ledgers as they are now. Absent where nothing can change meanwhile, or nothing else may be seen.
    pub(super) now: Option<Now>,
}

/// Connections outside the snapshot.
pub(super) struct Now {
    pub(super) deposit: PgConnection,
    pub(super) loan: PgConnection,
    pub(super) card: PgConnection,
}

impl Snapshot {
    /// Takes a read-only snapshot of all databases.
    pub(super) async fn take(books: &Books, limits: &Limits) -> anyhow::Result<Self> {
        let mut deposit = begin(&books.deposit_url, BEGIN_READ_ONLY).await?;
        let mut loan = begin(&books.loan_url, BEGIN_READ_ONLY).await?;
        let mut card = begin(&books.card_url, BEGIN_READ_ONLY).await?;
        let mut now = Now {
            deposit: connect(&books.deposit_url).await?,
            loan: connect(&books.loan_url).await?,
            card: connect(&books.card_url).await?,
        };
        tokio::try_join!(
            settle(&mut deposit, &mut now.deposit, limits),
            settle(&mut loan, &mut now.loan, limits),
            settle(&mut card, &mut now.card, limits)
        )?;
        Ok(Self {
            deposit,
            loan,
            card,
            accounting: begin(&books.accounting_url, BEGIN_READ_ONLY).await?,
            customer: begin(&books.customer_url, BEGIN_READ_ONLY).await?,
            now: Some(now),
        })
    }

    /// Opens transactions in which something can be planted, with triggers off. Never committed.
    pub(super) async fn take_for_planting(books: &Books) -> anyhow::Result<Self> {
        Ok(Self {
            deposit: begin(&books.deposit_url, BEGIN_READ_WRITE).await?,
            loan: begin(&books.loan_url, BEGIN_READ_WRITE).await?,
            card: begin(&books.card_url, BEGIN_READ_WRITE).await?,
            accounting: begin(&books.accounting_url, BEGIN_READ_WRITE).await?,
            customer: begin(&books.customer_url, BEGIN_READ_WRITE).await?,
            now: None,
        })
    }

    /// Undoes whatever was planted.
    pub(super) async fn roll_back(mut self) -> anyhow::Result<()> {
        self.deposit.execute("ROLLBACK").await?;
        self.loan.execute("ROLLBACK").await?;
        self.card.execute("ROLLBACK").await?;
        self.accounting.execute("ROLLBACK").await?;
        self.customer.execute("ROLLBACK").await?;
        Ok(())
    }
}

async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let options = PgConnectOptions::from_str(url).context("not a Postgres URL")?;
    let (host, database) =
        (options.get_host().to_owned(), options.get_database().map(str::to_owned));
    let database = database.unwrap_or_default();
    options
        .application_name("audit")
        .connect()
        .await
        .with_context(|| format!("cannot connect to database {database} on {host}"))
}

async fn begin(url: &str, statement: &'static str) -> anyhow::Result<PgConnection> {
    let mut connection = connect(url).await?;
    connection.execute(statement).await?;
    // The snapshot is taken by the first query, not by BEGIN.
    connection.execute("SELECT 1").await?;
    Ok(connection)
}

/// Waits until the batches that `snapshot` still sees in the outbox are gone, or the limit is reached: whatever is
/// left then counts as in transit, and V6 judges its age.
async fn settle(
    snapshot: &mut PgConnection,
    now: &mut PgConnection,
    limits: &Limits,
) -> anyhow::Result<()> {
    let batches: Vec<i64> =
        sqlx::query_scalar("SELECT batch_number FROM outbox").fetch_all(snapshot).await?;
    if batches.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + limits.settle;
    loop {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbox WHERE batch_number = ANY($1)")
                .bind(&batches)
                .fetch_one(&mut *now)
                .await?;
        if left == 0 || Instant::now() >= deadline {
            return Ok(());
        }
        sleep(POLL).await;
    }
}
