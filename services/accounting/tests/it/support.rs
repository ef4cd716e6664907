//! An accounting service of one test: a fresh database, the real binary as a process of its own, and verbs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kernel::{Clock, PostingId, RequestId, SystemClock};
use proto::accounting::v1 as pb;
use proto::accounting::v1::accounting_service_client::AccountingServiceClient;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use testkit::certificates::Authority;
use testkit::database::{self, TestDatabase};
use testkit::process::{Program, Running};
use testkit::trust::{self, Trust};
use testkit::{http, port};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The bank's first business date in every test.
pub const MONDAY: &str = "2026-11-23";
/// The date after it.
pub const TUESDAY: &str = "2026-11-24";

/// What calls go through; its certificate names the caller.
pub type Client = AccountingServiceClient<Channel>;

/// A running accounting service. The process ends before its database is dropped.
pub struct Service {
    /// One process, or two on the same books.
    processes: Vec<Process>,
    deposit: SocketAddr,
    loan: SocketAddr,
    card: SocketAddr,
    more: String,
    directory: TempDir,
    /// Its database.
    pub database: TestDatabase,
}

struct Process {
    running: Running,
    program: Program,
    listen: SocketAddr,
    operations: SocketAddr,
}

impl Service {
    /// Starts everything and waits until it is ready. Nobody answers as deposit, loan or card.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with further settings.
    pub async fn start_with(more: &str) -> Self {
        Self::start_all([nobody(), nobody(), nobody()], more).await
    }

    /// Starts everything beside a deposit, a loan and a card service.
    pub async fn start_beside(deposit: SocketAddr, loan: SocketAddr, card: SocketAddr) -> Self {
        Self::start_all([deposit, loan, card], "").await
    }

    async fn start_all([deposit, loan, card]: [SocketAddr; 3], more: &str) -> Self {
        let database = fresh_database().await;
        let directory = TempDir::new().unwrap();
        let more = more.to_owned();
        let processes = Vec::new();
        let mut service = Self { processes, deposit, loan, card, more, directory, database };
        service.add_process().await;
        service
    }

    /// Starts a process more on the same books.
    pub async fn add_process(&mut self) {
        let ports = port::free(2).unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, operations) = (address(ports[0]), address(ports[1]));
        let settings = self.settings(listen, operations);
        let name = format!("accounting-{}", self.processes.len());
        let config = self.directory.path().join(format!("{name}.toml"));
        std::fs::write(&config, settings).unwrap();
        let log = self.directory.path().join(format!("{name}.log"));
        let binary = Path::new(env!("CARGO_BIN_EXE_accounting"));
        let mut program = Program::new("accounting", binary, &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let running = program.spawn().unwrap();
        let process = Process { running, program, listen, operations };
        process.wait_until_ready().await;
        self.processes.push(process);
    }

    /// The settings of a process, with the books that the bank ships.
    fn settings(&self, listen: SocketAddr, operations: SocketAddr) -> String {
        let (nodes, more) = (&self.database.app_urls, &self.more);
        let (deposit, loan, card) = (self.deposit, self.loan, self.card);
        let tls = Authority::of_this_process();
        let tls = tls.tls_section(self.directory.path(), "service/accounting").unwrap();
        let books = concat!(env!("CARGO_MANIFEST_DIR"), "/books");
        format!(
            "[server]\nlisten = \"{listen}\"\noperations_listen = \"{operations}\"\n{tls}\
             [database]\nnodes = {nodes:?}\n\
             [clients]\ndeposit = \"https://{deposit}\"\nloan = \"https://{loan}\"\n\
             card = \"https://{card}\"\n\
             [books]\nchart_file = \"{books}/chart.toml\"\nrules_file = \"{books}/rules.toml\"\n\
             first_business_date = \"{MONDAY}\"\n{more}"
        )
    }

    /// Kills the first process with SIGKILL, and starts it again on the same books.
    pub async fn crash_and_restart(&mut self) {
        let process = &mut self.processes[0];
        process.running.kill9().await.unwrap();
        process.running = process.program.spawn().unwrap();
        process.wait_until_ready().await;
    }

    /// A client of the first process, which calls as deposit does.
    pub fn source(&self) -> Client {
        self.client(0, "service/deposit")
    }

    /// A client of the second process, which calls as deposit does.
    pub fn other_source(&self) -> Client {
        self.client(1, "service/deposit")
    }

    /// A client which calls as an operator.
    pub fn operator(&self) -> Client {
        self.client(0, "operator/test")
    }

    /// A client which calls under this name.
    pub fn called_by(&self, name: &str) -> Client {
        self.client(0, name)
    }

    fn client(&self, at: usize, name: &str) -> Client {
        let trust = Trust::of_this_process(name).unwrap();
        let url = format!("https://{}", self.processes[at].listen);
        let endpoint = trust::endpoint(&url, Some(&trust)).unwrap();
        AccountingServiceClient::new(endpoint.connect_lazy())
    }

    /// What the operations port shows of the first process.
    pub async fn metrics(&self) -> String {
        let trust = Trust::of_this_process("auditor/1").unwrap();
        let url = format!("https://{}/metrics", self.processes[0].operations);
        http::get(&url, Some(&trust), PATIENCE).await.unwrap().1
    }

    /// What the first process logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.processes[0].program.log).unwrap()
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

    /// Delivers batches and answers which are in the books.
    pub async fn deliver(&self, batches: Vec<pb::EventBatch>) -> Result<Vec<i64>, Status> {
        accepted(self.source().post_events(delivery(batches)).await)
    }

    /// The same in the name of another source.
    pub async fn deliver_as(
        &self,
        source: &str,
        batches: Vec<pb::EventBatch>,
    ) -> Result<Vec<i64>, Status> {
        let mut client = self.called_by(&format!("service/{source}"));
        let delivery = pb::PostEventsRequest { source: source.into(), ..delivery(batches) };
        accepted(client.post_events(delivery).await)
    }

    /// The trial balance of a date.
    pub async fn trial_balance(&self, date: &str) -> pb::GetTrialBalanceResponse {
        let request = pb::GetTrialBalanceRequest { business_date: date.into() };
        self.operator().get_trial_balance(request).await.unwrap().into_inner()
    }

    /// Leaves a date.
    pub async fn cut_over(&self, from: &str) -> Result<String, Status> {
        let answer = self.operator().cut_over(cut_over(from)).await?;
        Ok(answer.into_inner().business_date)
    }

    /// Confirms a date in the name of every source; answers whether it is closed.
    pub async fn confirm(&self, date: &str) -> Result<bool, Status> {
        self.confirm_as("deposit", date).await?;
        self.confirm_as("loan", date).await?;
        self.confirm_as("card", date).await
    }

    /// Confirms a date in the name of one source; answers whether it is closed.
    pub async fn confirm_as(&self, source: &str, date: &str) -> Result<bool, Status> {
        let request = pb::ConfirmCutOverRequest {
            request_id: request_id(),
            source: source.into(),
            business_date: date.into(),
        };
        let mut client = self.called_by(&format!("service/{source}"));
        Ok(client.confirm_cut_over(request).await?.into_inner().closed)
    }
}

impl Process {
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
}

/// A database with the shape that this version expects.
async fn fresh_database() -> TestDatabase {
    database::fresh("accounting", async |owner_url, app_role| {
        platform::db::migrate(owner_url, app_role, &accounting::MIGRATIONS).await
    })
    .await
}

/// Where nobody listens.
pub fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port::free(1).unwrap()[0]))
}

/// A new request id.
pub fn request_id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// A delivery of these batches by deposit.
pub fn delivery(batches: Vec<pb::EventBatch>) -> pb::PostEventsRequest {
    pb::PostEventsRequest { request_id: request_id(), source: "deposit".into(), batches }
}

/// The batches that are in the books.
pub fn accepted(
    answer: Result<Response<pb::PostEventsResponse>, Status>,
) -> Result<Vec<i64>, Status> {
    Ok(answer?.into_inner().accepted_batch_numbers)
}

/// A batch of Monday.
pub fn batch(number: i64, events: Vec<pb::BusinessEvent>) -> pb::EventBatch {
    pb::EventBatch {
        batch_number: number,
        business_date: MONDAY.into(),
        booked_at_us: SystemClock.now().timestamp_micros(),
        traceparent: String::new(),
        events,
    }
}

/// The same batch on another date.
pub fn on(date: &str, batch: pb::EventBatch) -> pb::EventBatch {
    pb::EventBatch { business_date: date.into(), ..batch }
}

/// An event of a current account in CNY.
pub fn event(kind: pb::EventKind, amount_minor: i64) -> pb::BusinessEvent {
    let posting = RequestId::generate(&SystemClock).as_uuid();
    pb::BusinessEvent {
        posting_id: posting.as_bytes().to_vec().into(),
        kind: kind.into(),
        product_code: "CURRENT".into(),
        counter_product_code: String::new(),
        currency_code: "CNY".into(),
        amounts: vec![pb::EventAmount { kind: pb::AmountKind::Principal.into(), amount_minor }],
        reversal: false,
        value_date: String::new(),
    }
}

/// An event of debit cards in CNY.
pub fn card_event(kind: pb::EventKind, amounts: &[(pb::AmountKind, i64)]) -> pb::BusinessEvent {
    pb::BusinessEvent { product_code: "DEBIT".into(), ..loan_event(kind, amounts) }
}

/// An event of a consumer loan in CNY.
pub fn loan_event(kind: pb::EventKind, amounts: &[(pb::AmountKind, i64)]) -> pb::BusinessEvent {
    let amounts = amounts.iter().map(|(kind, amount_minor)| pb::EventAmount {
        kind: (*kind).into(),
        amount_minor: *amount_minor,
    });
    pb::BusinessEvent {
        product_code: "CONSUMER".into(),
        amounts: amounts.collect(),
        ..event(kind, 1)
    }
}

/// Cash paid in.
pub fn cash(amount_minor: i64) -> pb::BusinessEvent {
    event(pb::EventKind::CashDeposited, amount_minor)
}

/// A transfer between two current accounts.
pub fn transfer(amount_minor: i64) -> pb::BusinessEvent {
    pb::BusinessEvent {
        counter_product_code: "CURRENT".into(),
        ..event(pb::EventKind::Transferred, amount_minor)
    }
}

/// An event that no rule covers.
pub fn without_rule() -> pb::BusinessEvent {
    pb::BusinessEvent { product_code: "TERM".into(), ..cash(1) }
}

/// The posting that an event tells of.
pub fn posting_of(event: &pb::BusinessEvent) -> String {
    PostingId::from_uuid(Uuid::from_slice(&event.posting_id).unwrap()).to_string()
}

/// An order to leave a date.
pub fn cut_over(from: &str) -> pb::CutOverRequest {
    pb::CutOverRequest { request_id: request_id(), from_date: from.into() }
}

/// The reason of a refusal, and its code.
#[track_caller]
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.get_details_error_info().unwrap().reason)
}

/// That the bank said no, for this reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    assert_eq!(reason(answer), (Code::FailedPrecondition, why.into()));
}
