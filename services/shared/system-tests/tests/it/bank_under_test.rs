//! A bank of one test: how it comes up, how it is reached, how it is looked into, how it goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bank::{BankFile, Options, RunningBank};
use proto::accounting::v1::accounting_service_client::AccountingServiceClient;
use proto::card::v1::card_service_client::CardServiceClient;
use proto::customer::v1::customer_service_client::CustomerServiceClient;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use proto::loan::v1::loan_service_client::LoanServiceClient;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use testkit::invariants::{self, Books};
use testkit::on_behalf::OnBehalfOf;
use testkit::postgres::Settings;
use testkit::trust;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A connection whose certificate names the caller.
pub type Named = Channel;

/// One that also names a channel's customer.
pub type Acting = InterceptedService<Channel, OnBehalfOf>;

pub const CHANNEL: &str = "channel/mobile";

/// A whole bank in a temporary directory. Dropping it ends all its processes.
pub struct Bank {
    /// Supervised by this process; `None` where the `bank` command in the background does it.
    running: Option<RunningBank>,
    /// By service and caller.
    connections: Mutex<HashMap<(&'static str, &'static str), Named>>,
    /// The customer of each account that was opened here.
    owners: Mutex<HashMap<String, String>>,
    directory: TempDir,
}

impl Bank {
    /// A new bank in which whatever dies is started again.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// A new bank with other options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = testkit::environment::temporary_directory("thincore-").unwrap();
        let mut options = Options::new(directory.path().join("bank"));
        options.bin_dir = Some(binaries());
        // Durable as ever, and small: other tests want memory too.
        options.postgres =
            Settings { shared_buffers_mb: 128, min_wal_size_mb: 128, ..Settings::bank() };
        change(&mut options);
        let running = Box::pin(bank::up(&options)).await.unwrap();
        Self {
            running: Some(running),
            connections: Mutex::default(),
            owners: Mutex::default(),
            directory,
        }
    }

    /// A new bank as `bank up --detach` makes it.
    pub fn start_detached() -> Self {
        let directory = testkit::environment::temporary_directory("thincore-").unwrap();
        up_detached(directory.path());
        Self { running: None, connections: Mutex::default(), owners: Mutex::default(), directory }
    }

    /// What supervises it, if this process does.
    pub fn running(&self) -> &RunningBank {
        self.running.as_ref().unwrap()
    }

    /// Its directory.
    pub fn dir(&self) -> PathBuf {
        self.directory.path().join("bank")
    }

    /// What `bank.json` says now.
    pub fn file(&self) -> BankFile {
        BankFile::load(&self.dir()).unwrap()
    }

    /// `bank up --detach` on the directory of this bank.
    pub fn up_again(&self) {
        up_detached(self.directory.path());
    }

    /// The `bank` command on this bank.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let dir = self.dir();
        let mut command = std::process::Command::new(binaries().join("bank"));
        command.args(arguments).arg("--dir").arg(dir).output().unwrap()
    }

    /// The customer service, called under this name.
    pub fn customer(&self, caller: &'static str) -> CustomerServiceClient<Named> {
        CustomerServiceClient::new(self.connection("customer", caller))
    }

    /// The deposit service, called under this name.
    pub fn deposit(&self, caller: &'static str) -> DepositServiceClient<Named> {
        DepositServiceClient::new(self.connection("deposit", caller))
    }

    /// The deposit service, called by a channel on behalf of a customer.
    pub fn channel_for(&self, customer_id: &str) -> DepositServiceClient<Acting> {
        let customer = OnBehalfOf::customer(customer_id).unwrap();
        DepositServiceClient::with_interceptor(self.connection("deposit", CHANNEL), customer)
    }

    /// The deposit service, called by a channel on behalf of the owner of an account that was opened here.
    pub fn channel_of(&self, account: &str) -> DepositServiceClient<Acting> {
        let owner = self.owners.lock().unwrap()[account].clone();
        self.channel_for(&owner)
    }

    /// Remembers whose an account is.
    pub fn opened(&self, account: &str, customer_id: &str) {
        self.owners.lock().unwrap().insert(account.to_owned(), customer_id.to_owned());
    }

    /// The loan service, called under this name.
    pub fn loan(&self, caller: &'static str) -> LoanServiceClient<Named> {
        LoanServiceClient::new(self.connection("loan", caller))
    }

    /// The loan service, called by a channel on behalf of a customer.
    pub fn loans_for(&self, customer_id: &str) -> LoanServiceClient<Acting> {
        let customer = OnBehalfOf::customer(customer_id).unwrap();
        LoanServiceClient::with_interceptor(self.connection("loan", CHANNEL), customer)
    }

    /// The card service, called under this name.
    pub fn card(&self, caller: &'static str) -> CardServiceClient<Named> {
        CardServiceClient::new(self.connection("card", caller))
    }

    /// The card service, called by a channel on behalf of a customer.
    pub fn cards_for(&self, customer_id: &str) -> CardServiceClient<Acting> {
        let customer = OnBehalfOf::customer(customer_id).unwrap();
        CardServiceClient::with_interceptor(self.connection("card", CHANNEL), customer)
    }

    /// The accounting service, called under this name.
    pub fn accounting(&self, caller: &'static str) -> AccountingServiceClient<Named> {
        AccountingServiceClient::new(self.connection("accounting", caller))
    }

    /// The connection to a service under a name, opened at its first use.
    fn connection(&self, service: &'static str, caller: &'static str) -> Named {
        let mut connections = self.connections.lock().unwrap();
        connections
            .entry((service, caller))
            .or_insert_with(|| self.connect(service, caller))
            .clone()
    }

    /// A connection of its own to a service, with the caller's certificate as it is now.
    pub fn connect(&self, service: &str, caller: &str) -> Named {
        let file = self.file();
        let trust = file.trust(caller).unwrap();
        let endpoint = trust::endpoint(&file.service(service).unwrap().grpc, trust.as_ref());
        endpoint.unwrap().connect_timeout(Duration::from_secs(2)).connect_lazy()
    }

    /// Where the books are, for a role that only reads.
    pub fn books(&self) -> Books {
        let file = self.file();
        let url = |service: &str| file.service(service).unwrap().database.auditor_urls[0].clone();
        Books {
            deposit_url: url("deposit"),
            loan_url: url("loan"),
            card_url: url("card"),
            accounting_url: url("accounting"),
            customer_url: url("customer"),
            audit_heads: file.audit_heads(),
        }
    }

    /// A connection to a service's database on the primary that only reads.
    pub async fn look_into(&self, service: &str) -> PgConnection {
        let file = self.file();
        let url = &file.service(service).unwrap().database.auditor_urls[0];
        PgConnection::connect(url).await.unwrap()
    }

    /// A superuser's connection to a service's database on the primary.
    pub async fn tamper_with(&self, service: &str) -> PgConnection {
        let url = self.file().primary().unwrap().admin_url.clone();
        let (server, _) = url.rsplit_once('/').unwrap();
        PgConnection::connect(&format!("{server}/{service}")).await.unwrap()
    }

    /// One number from a service's database.
    pub async fn count(&self, service: &str, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.look_into(service).await).await.unwrap()
    }

    /// Waits until accounting has taken over everything that deposit, loan and card booked.
    pub async fn delivered(&self) {
        for service in ["deposit", "loan", "card"] {
            let mut connection = self.look_into(service).await;
            eventually("the outbox is empty", async || {
                let rows = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM outbox");
                rows.fetch_one(&mut connection).await.unwrap() == 0
            })
            .await;
        }
    }

    /// That every invariant holds.
    pub async fn audit(&self) {
        let report = invariants::check(&self.books()).await.unwrap();
        let broken: Vec<_> = report.checks.iter().filter(|check| !check.passed).collect();
        assert!(report.passed, "{broken:#?}");
        assert_eq!(report.checks.len(), 7);
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        if self.running.is_none() {
            // Says that it is not running where a test has ended it already.
            drop(self.command(&["down"]));
        }
    }
}

/// Asks again and again until it is so. Panics when it is not so in time.
pub async fn eventually(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, is_so).await;
}

/// The same, of what a job does that comes once a minute.
pub async fn in_minutes(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(3 * PATIENCE, what, is_so).await;
}

async fn within(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Where cargo puts the binaries: one above the tests.
pub fn binaries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}

fn up_detached(directory: &Path) {
    let mut command = std::process::Command::new(binaries().join("bank"));
    let output =
        command.args(["up", "--detach", "--dir"]).arg(directory.join("bank")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}
