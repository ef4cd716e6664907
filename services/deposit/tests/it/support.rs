//! A deposit service of one test: a fresh database, the real binary as a process of its own, and verbs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deposit::commands::{Action, Command, OpenAccount, PostingBook, Standing};
use deposit::domain::Asker;
use kernel::{CellCode, Clock, Currency, CustomerId, RequestId, SystemClock};
use platform::config::LaneConfig;
use platform::db::Database;
use platform::lanes::Lanes;
use platform::outbox::RelayWaker;
use proto::common::v1::Money;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_client::DepositServiceClient;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use testkit::certificates::Authority;
use testkit::database::{self, TestDatabase};
use testkit::on_behalf::OnBehalfOf;
use testkit::process::{Program, Running};
use testkit::trust::{self, Trust};
use testkit::{http, port};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What calls go through; its certificate names the caller, and it names the customer of a channel.
pub type Client = DepositServiceClient<InterceptedService<Channel, OnBehalfOf>>;

/// A running deposit service. The process ends before its database is dropped.
pub struct Service {
    process: Running,
    program: Program,
    listen: SocketAddr,
    operations: SocketAddr,
    _directory: TempDir,
    /// Its database.
    pub database: TestDatabase,
    /// Who owns the accounts of a test that does not say.
    pub owner: CustomerId,
}

impl Service {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Self {
        let database = database::fresh("deposit", async |owner_url, app_role| {
            platform::db::migrate(owner_url, app_role, &deposit::MIGRATIONS).await
        })
        .await;
        // Nobody answers as accounting: the service goes on with the business date that it has.
        let mut admin = PgConnection::connect(&database.admin_url).await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO business_day (business_date) VALUES (current_date); \
             SELECT ensure_partitions(current_date - 8, current_date + 4)",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        let directory = TempDir::new().unwrap();
        let ports = port::free(3).unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, operations) = (address(ports[0]), address(ports[1]));
        let nodes = &database.app_urls;
        let nobody = address(ports[2]);
        let tls = Authority::of_this_process().tls_section(directory.path(), "service/deposit");
        let tls = tls.unwrap();
        let settings = format!(
            "[server]\nlisten = \"{listen}\"\noperations_listen = \"{operations}\"\n{tls}\
             [database]\nnodes = {nodes:?}\n\
             [clients]\ncustomer = \"https://{nobody}\"\naccounting = \"https://{nobody}\"\n"
        );
        let config = directory.path().join("deposit.toml");
        std::fs::write(&config, settings).unwrap();
        let log = directory.path().join("deposit.log");
        let mut program = Program::new("deposit", Path::new(env!("CARGO_BIN_EXE_deposit")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let process = program.spawn().unwrap();
        let owner = new_customer(3);
        let service =
            Self { process, program, listen, operations, _directory: directory, database, owner };
        service.wait_until_ready().await;
        service
    }

    /// Kills the process with SIGKILL, and starts it again on the same database.
    pub async fn crash_and_restart(&mut self) {
        self.process.kill9().await.unwrap();
        self.process = self.program.spawn().unwrap();
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        let url = format!("https://{}/readyz", self.operations);
        let trust = Trust::anonymous(Authority::of_this_process().certificate_pem()).unwrap();
        let ready = async {
            loop {
                let answer = http::get(&url, Some(&trust), PATIENCE).await;
                if answer.is_ok_and(|(code, _)| code == 200) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ready).await;
        let log = std::fs::read_to_string(&self.program.log).unwrap();
        assert!(ended.is_ok(), "the service is not ready; its log:\n{log}");
    }

    /// A client with a connection of its own, which calls as a channel on behalf of the usual owner.
    pub fn client(&self) -> Client {
        self.client_for(self.owner)
    }

    /// A client which calls as a channel on behalf of this customer.
    pub fn client_for(&self, customer: CustomerId) -> Client {
        self.channel_naming(&customer.to_string())
    }

    /// A client which calls as a channel and writes this where the customer belongs.
    pub fn channel_naming(&self, customer: &str) -> Client {
        self.client_with("channel/test", OnBehalfOf::customer(customer).unwrap())
    }

    /// A client which calls as a channel, on behalf of nobody.
    pub fn channel_for_nobody(&self) -> Client {
        self.client_with("channel/test", OnBehalfOf::nobody())
    }

    /// A client which calls as a teller.
    pub fn teller(&self) -> Client {
        self.client_as("teller/test")
    }

    /// A client which calls as the customer service.
    pub fn customer_service(&self) -> Client {
        self.client_as("service/customer")
    }

    /// A client which calls as the loan service.
    pub fn loan_service(&self) -> Client {
        self.client_as("service/loan")
    }

    /// A client which calls as the card service.
    pub fn card_service(&self) -> Client {
        self.client_as("service/card")
    }

    /// A client which calls under this name.
    pub fn client_as(&self, name: &str) -> Client {
        self.client_with(name, OnBehalfOf::nobody())
    }

    fn client_with(&self, name: &str, customer: OnBehalfOf) -> Client {
        let trust = Trust::of_this_process(name).unwrap();
        let endpoint = trust::endpoint(&format!("https://{}", self.listen), Some(&trust));
        DepositServiceClient::with_interceptor(endpoint.unwrap().connect_lazy(), customer)
    }

    /// A superuser's connection, to look behind the service's back.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.database.admin_url).await.unwrap()
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// Opens accounts with these balances through the posting path itself, as the service does once the customer
    /// service has said yes; the system tests open accounts over the wire.
    pub async fn accounts(&self, balances: &[i64]) -> Vec<String> {
        let openings: Vec<_> = balances.iter().map(|minor| (*minor, "CNY")).collect();
        self.open(&openings, self.owner).await
    }

    /// The books as a process of the service sees them.
    pub async fn books(&self) -> (Database, PostingBook) {
        let books = Database::connect("deposit", &toml_database(&self.database.app_urls)).unwrap();
        books.wait_until_ready(PATIENCE).await.unwrap();
        let cell = CellCode::try_new(101).unwrap();
        (books, PostingBook::new(Arc::new(SystemClock), cell, RelayWaker::default()))
    }

    /// Opens accounts of one owner.
    pub async fn open(&self, openings: &[(i64, &str)], owner: CustomerId) -> Vec<String> {
        let (books, book) = self.books().await;
        let lanes = Lanes::start(Arc::new(book), books.write_pool(), &LaneConfig::default());
        let commands = openings.iter().map(|(minor, currency)| Command {
            request_id: RequestId::generate(&SystemClock),
            fingerprint: 0,
            asker: Asker::Bank,
            caller: None,
            action: Action::OpenAccount(OpenAccount {
                customer_id: owner,
                standing: Standing::Active,
                product_code: "CURRENT".into(),
                currency: Currency::parse(currency).unwrap(),
                opening_deposit_minor: *minor,
            }),
        });
        let opened = lanes.submit_all(commands.collect()).await;
        let numbers = opened
            .into_iter()
            .map(|opened| opened.unwrap().outcome.credit_account.unwrap().to_string())
            .collect();
        lanes.drain().await;
        books.close().await;
        numbers
    }
}

fn toml_database(urls: &[String]) -> platform::config::DatabaseConfig {
    let text = format!("nodes = {urls:?}");
    toml::from_str(&text).unwrap()
}

/// The id of a customer; two of different numbers differ.
pub fn new_customer(number: u8) -> CustomerId {
    CustomerId::new(SystemClock.now(), [number; 10])
}

/// A new request id.
pub fn request_id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// An amount of CNY.
pub fn cny(amount_minor: i64) -> Option<Money> {
    money(amount_minor, "CNY")
}

/// An amount, as optional as protobuf makes every message.
#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
pub fn money(amount_minor: i64, currency: &str) -> Option<Money> {
    Some(Money { currency_code: currency.into(), amount_minor })
}

/// A transfer under a new request id.
pub fn transfer(debit: &str, credit: &str, amount_minor: i64) -> pb::TransferRequest {
    pb::TransferRequest {
        request_id: request_id(),
        debit_account_number: debit.into(),
        credit_account_number: credit.into(),
        amount: cny(amount_minor),
    }
}

/// A hold under a new request id.
pub fn hold(account: &str, amount_minor: i64) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: cny(amount_minor),
        expires_at: None,
        reason: pb::HoldReason::Unspecified.into(),
    }
}

/// The balance on the primary: booked, held, available.
pub async fn balance(client: &mut Client, account: &str) -> (i64, i64, i64) {
    use proto::common::v1::read_consistency::Freshness;
    let consistency =
        proto::common::v1::ReadConsistency { freshness: Some(Freshness::Primary(true)) };
    let request =
        pb::GetBalanceRequest { account_number: account.into(), consistency: Some(consistency) };
    let answer = client.get_balance(request).await.unwrap().into_inner();
    let minor = |money: Option<Money>| money.unwrap().amount_minor;
    (minor(answer.balance), minor(answer.held), minor(answer.available))
}

/// The reason of a refusal, and its code.
#[track_caller]
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    let info = status.get_details_error_info();
    (status.code(), info.unwrap().reason)
}

/// That the bank said no, for this reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    assert_eq!(reason(answer), (Code::FailedPrecondition, why.into()));
}
