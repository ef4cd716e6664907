//! A customer service of one test: a fresh database, the real binary as a process of its own, and verbs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kernel::{RequestId, SystemClock};
use proto::customer::v1 as pb;
use proto::customer::v1::customer_service_client::CustomerServiceClient;
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
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::neighbour::{Card, Deposit, Loan};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The keys of every test.
const KEYS: &str = "
key_encryption_key_id = \"k1\"
key_encryption_key_hex = \"1111111111111111111111111111111111111111111111111111111111111111\"
search_key_hex = \"2222222222222222222222222222222222222222222222222222222222222222\"
";

/// What calls go through; its certificate names the caller, and it names the customer of a channel.
pub type Client = CustomerServiceClient<InterceptedService<Channel, OnBehalfOf>>;

/// One process of the service.
pub struct Process {
    running: Running,
    program: Program,
    listen: SocketAddr,
    operations: SocketAddr,
    deposit: SocketAddr,
    loan: SocketAddr,
    card: SocketAddr,
    /// The section of its configuration that names its certificate.
    tls: String,
    /// Holds its configuration, its certificate and its log.
    directory: TempDir,
}

/// A customer service of one test. The processes end before their database is dropped.
pub struct Service {
    /// The process that the test talks to.
    pub process: Process,
    /// What it asks before it closes a customer.
    pub deposit: Deposit,
    /// What it asks before that.
    pub loan: Loan,
    /// And before deposit as well.
    pub card: Card,
    /// Its database.
    pub database: TestDatabase,
}

impl Service {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Self {
        let (deposit, address) = Deposit::start();
        Self::start_with(deposit, address).await
    }

    /// The same, but nobody listens where deposit should be.
    pub async fn start_without_deposit() -> Self {
        let nobody = SocketAddr::from(([127, 0, 0, 1], port::free(1).unwrap()[0]));
        Self::start_with(Deposit::default(), nobody).await
    }

    async fn start_with(deposit: Deposit, address: SocketAddr) -> Self {
        let (loan, loan_address) = Loan::start();
        let (card, card_address) = Card::start();
        let database = database::fresh("customer", async |owner_url, app_role| {
            platform::db::migrate(owner_url, app_role, &customer::MIGRATIONS).await
        })
        .await;
        let process = Process::start(&database, [address, loan_address, card_address]).await;
        Self { process, deposit, loan, card, database }
    }

    /// A second process of the service on the same database.
    pub async fn second_process(&self) -> Process {
        let Process { deposit, loan, card, .. } = self.process;
        Process::start(&self.database, [deposit, loan, card]).await
    }

    /// A teller with a connection of its own.
    pub fn client(&self) -> Client {
        self.process.client_as("teller/0042")
    }

    /// Another caller with a connection of its own.
    pub fn client_as(&self, name: &'static str) -> Client {
        self.process.client_as(name)
    }

    /// A channel that names this customer as the one for whom it acts.
    pub fn channel_for(&self, customer_id: &str) -> Client {
        self.process.client_with("channel/mobile", OnBehalfOf::customer(customer_id).unwrap())
    }

    /// Kills the process with SIGKILL, as a crash would.
    pub async fn crash(&mut self) {
        self.process.running.kill9().await.unwrap();
    }

    /// Starts it again on the same database.
    pub async fn start_again(&mut self) {
        self.start_again_with_keys(KEYS).await;
    }

    /// Starts it again with other keys.
    pub async fn start_again_with_keys(&mut self, keys: &str) {
        self.process.configure(&self.database, keys);
        self.process.running = self.process.program.spawn().unwrap();
        self.process.wait_until_ready().await;
    }

    /// Waits until the service waits for a lock.
    pub async fn until_blocked(&self) {
        let blocked = async {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND usename = 'customer_app' AND wait_event_type = 'Lock'";
            while self.count(waiting).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, blocked).await.unwrap();
    }

    /// A connection that may do what the service may.
    pub async fn as_service(&self) -> PgConnection {
        PgConnection::connect(&self.database.app_urls[0]).await.unwrap()
    }

    /// A connection that may do anything.
    pub async fn as_admin(&self) -> PgConnection {
        PgConnection::connect(&self.database.admin_url).await.unwrap()
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let mut admin = self.as_admin().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut admin).await.unwrap()
    }
}

impl Process {
    async fn start(database: &TestDatabase, [deposit, loan, card]: [SocketAddr; 3]) -> Self {
        let directory = TempDir::new().unwrap();
        let ports = port::free(2).unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let log = directory.path().join("customer.log");
        let mut program = Program::new("customer", Path::new(env!("CARGO_BIN_EXE_customer")), &log);
        let config = directory.path().join("customer.toml").to_str().unwrap().to_owned();
        program.args = vec!["serve".into(), "--config".into(), config];
        let (listen, operations) = (address(ports[0]), address(ports[1]));
        let tls = Authority::of_this_process().tls_section(directory.path(), "service/customer");
        let tls = tls.unwrap();
        let text = configuration(database, [listen, operations, deposit, loan, card], &tls, KEYS);
        std::fs::write(directory.path().join("customer.toml"), text).unwrap();
        let running = program.spawn().unwrap();
        let process =
            Self { running, program, listen, operations, deposit, loan, card, tls, directory };
        process.wait_until_ready().await;
        process
    }

    /// A command of the program, with the settings of this process, beside it.
    pub fn run(&self, command: &str) -> Running {
        let log = self.directory.path().join(format!("{command}.log"));
        let mut program = Program::new(command, Path::new(env!("CARGO_BIN_EXE_customer")), &log);
        program.args.clone_from(&self.program.args);
        command.clone_into(&mut program.args[0]);
        program.spawn().unwrap()
    }

    /// The same, until it ends: whether it went well, and what it said.
    pub async fn run_to_end(&self, command: &str) -> (bool, String) {
        let mut running = self.run(command);
        let ended = tokio::time::timeout(2 * PATIENCE, running.exited()).await;
        let log = self.directory.path().join(format!("{command}.log"));
        let said = std::fs::read_to_string(log).unwrap();
        assert!(ended.is_ok(), "{command} does not end: {said}");
        let status = ended.unwrap().unwrap();
        (status.success(), said)
    }

    /// Other keys in its settings, for its next start.
    pub fn rewrite(&self, database: &TestDatabase, keys: &str) {
        self.configure(database, keys);
    }

    fn configure(&self, database: &TestDatabase, keys: &str) {
        let addresses = [self.listen, self.operations, self.deposit, self.loan, self.card];
        let text = configuration(database, addresses, &self.tls, keys);
        std::fs::write(self.directory.path().join("customer.toml"), text).unwrap();
    }

    /// A caller with a connection of its own.
    pub fn client_as(&self, name: &'static str) -> Client {
        self.client_with(name, OnBehalfOf::nobody())
    }

    fn client_with(&self, name: &'static str, customer: OnBehalfOf) -> Client {
        let trust = Trust::of_this_process(name).unwrap();
        let endpoint = trust::endpoint(&format!("https://{}", self.listen), Some(&trust));
        CustomerServiceClient::with_interceptor(endpoint.unwrap().connect_lazy(), customer)
    }

    /// Asks it to end, and says whether it did so by itself within `limit`.
    pub async fn stop(&mut self, limit: Duration) -> bool {
        self.running.stop(limit).await.unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("customer.log")).unwrap()
    }

    /// What it shows to whoever measures it.
    pub async fn metrics(&self) -> String {
        let trust = Trust::of_this_process("auditor/1").unwrap();
        let url = format!("https://{}/metrics", self.operations);
        http::get(&url, Some(&trust), PATIENCE).await.unwrap().1
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
        assert!(ended.is_ok(), "the service is not ready; its log:\n{}", self.log());
    }
}

fn configuration(
    database: &TestDatabase,
    [listen, operations, deposit, loan, card]: [SocketAddr; 5],
    tls: &str,
    keys: &str,
) -> String {
    let nodes = &database.app_urls;
    format!(
        "[server]\nlisten = \"{listen}\"\noperations_listen = \"{operations}\"\n{tls}\
         [database]\nnodes = {nodes:?}\n\
         [clients]\ndeposit = \"https://{deposit}\"\nloan = \"https://{loan}\"\n\
         card = \"https://{card}\"\n\
         [protection]\n{keys}\n"
    )
}

/// A new request id.
pub fn request_id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// A person with this passport, under a new request id.
pub fn ada(passport: &str) -> pb::RegisterCustomerRequest {
    pb::RegisterCustomerRequest {
        request_id: request_id(),
        kind: pb::CustomerKind::Person.into(),
        name: "Ada Lovelace".into(),
        document_kind: pb::DocumentKind::Passport.into(),
        document_number: passport.into(),
        phone: "+442079460000".into(),
    }
}

/// Registers a person with this passport; the answer must be a customer.
pub async fn register(client: &mut Client, passport: &str) -> pb::Customer {
    let answer = client.register_customer(ada(passport)).await.unwrap();
    answer.into_inner().customer.unwrap()
}

/// Registers and activates a person with this passport.
pub async fn register_active(client: &mut Client, passport: &str) -> pb::Customer {
    let customer = register(client, passport).await;
    step(client, Step::Activate, &customer.customer_id).await.unwrap()
}

/// The steps of the life cycle, as requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Activate,
    Freeze,
    Reject,
    Close,
}

/// Takes a step under a new request id.
pub async fn step(client: &mut Client, step: Step, id: &str) -> Result<pb::Customer, Status> {
    step_again(client, step, id, &request_id()).await
}

/// Takes a step under this request id.
pub async fn step_again(
    client: &mut Client,
    step: Step,
    customer_id: &str,
    request_id: &str,
) -> Result<pb::Customer, Status> {
    let (request_id, customer_id) = (request_id.to_owned(), customer_id.to_owned());
    let reason = "as asked".to_owned();
    let customer = match step {
        Step::Activate => {
            let request = pb::ActivateCustomerRequest { request_id, customer_id, reason };
            client.activate_customer(request).await?.into_inner().customer
        }
        Step::Freeze => {
            let request = pb::FreezeCustomerRequest { request_id, customer_id, reason };
            client.freeze_customer(request).await?.into_inner().customer
        }
        Step::Reject => {
            let request = pb::RejectCustomerRequest { request_id, customer_id, reason };
            client.reject_customer(request).await?.into_inner().customer
        }
        Step::Close => {
            let request = pb::CloseCustomerRequest { request_id, customer_id, reason };
            client.close_customer(request).await?.into_inner().customer
        }
    };
    Ok(customer.unwrap())
}

/// Reads a customer on the primary.
pub async fn get(client: &mut Client, customer_id: &str) -> pb::Customer {
    let request = pb::GetCustomerRequest {
        customer_id: customer_id.to_owned(),
        consistency: Some(primary()),
    };
    client.get_customer(request).await.unwrap().into_inner().customer.unwrap()
}

/// "Read the primary".
pub fn primary() -> proto::common::v1::ReadConsistency {
    use proto::common::v1::read_consistency::Freshness;
    proto::common::v1::ReadConsistency { freshness: Some(Freshness::Primary(true)) }
}

/// The read token of an answer to a write.
pub fn read_token<T>(answer: &Response<T>) -> String {
    answer.metadata().get("thincore-read-token").unwrap().to_str().unwrap().to_owned()
}

/// Code, reason and metadata of an error; there must be exactly one reason, from this service.
pub fn reason(status: &Status) -> (Code, String, HashMap<String, String>) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "customer.thincore");
    (status.code(), info.reason, info.metadata)
}

/// The fields that an INVALID_ARGUMENT names.
pub fn wrong_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}
