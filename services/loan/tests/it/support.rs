//! A loan service of one test: a fresh database, the real binary as a process of its own, its neighbours, and verbs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kernel::{AccountNumber, CellCode, Clock, CustomerId, RequestId, SystemClock};
use proto::common::v1::Money;
use proto::common::v1::ReadConsistency;
use proto::common::v1::read_consistency::Freshness;
use proto::customer::v1::CustomerStatus;
use proto::loan::v1 as pb;
use proto::loan::v1::loan_service_client::LoanServiceClient;
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

use crate::neighbour::{Account, Customer, Deposit};

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The business date on which tests begin.
pub const TODAY: &str = "2026-01-20";

/// What calls go through; its certificate names the caller, and it names the customer of a channel.
pub type Client = LoanServiceClient<InterceptedService<Channel, OnBehalfOf>>;

/// A running loan service. The process ends before its database is dropped.
pub struct Service {
    process: Running,
    program: Program,
    listen: SocketAddr,
    operations: SocketAddr,
    directory: TempDir,
    /// Its database.
    pub database: TestDatabase,
    /// The deposit service that it talks to.
    pub deposit: Deposit,
    /// The customer service that it talks to.
    pub customer: Customer,
    /// Who borrows in a test that does not say.
    pub borrower: CustomerId,
    /// The borrower's account, with nothing on it at first.
    pub account: String,
}

impl Service {
    /// Starts everything and waits until it is ready. Movements are resolved after a tenth of a second.
    pub async fn start() -> Self {
        Self::start_with("[work]\nresolve_after_ms = 100\n").await
    }

    /// Starts everything with these further settings.
    pub async fn start_with(settings: &str) -> Self {
        let database = database::fresh("loan", async |owner_url, app_role| {
            platform::db::migrate(owner_url, app_role, &loan::MIGRATIONS).await
        })
        .await;
        // Nobody answers as accounting: the service goes on with the business date that it has.
        let mut admin = PgConnection::connect(&database.admin_url).await.unwrap();
        let begin = format!(
            "INSERT INTO business_day (business_date) VALUES ('{TODAY}'); \
             SELECT ensure_partitions(current_date - 8, current_date + 4)"
        );
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut admin).await.unwrap();
        let (deposit, deposit_at) = Deposit::start();
        let (customer, customer_at) = Customer::start();
        let directory = TempDir::new().unwrap();
        let ports = port::free(3).unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, operations, nobody) =
            (address(ports[0]), address(ports[1]), address(ports[2]));
        let nodes = &database.app_urls;
        let tls = Authority::of_this_process().tls_section(directory.path(), "service/loan");
        let tls = tls.unwrap();
        let products = concat!(env!("CARGO_MANIFEST_DIR"), "/books/products.toml");
        let settings = format!(
            "[server]\nlisten = \"{listen}\"\noperations_listen = \"{operations}\"\n{tls}\
             [database]\nnodes = {nodes:?}\n\
             [clients]\ncustomer = \"https://{customer_at}\"\ndeposit = \"https://{deposit_at}\"\n\
             accounting = \"https://{nobody}\"\n\
             [books]\nproducts_file = \"{products}\"\n{settings}"
        );
        let config = directory.path().join("loan.toml");
        std::fs::write(&config, settings).unwrap();
        let log = directory.path().join("loan.log");
        let mut program = Program::new("loan", Path::new(env!("CARGO_BIN_EXE_loan")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let process = program.spawn().unwrap();
        let borrower = new_customer(3);
        let account = account_number(1);
        let service = Self {
            process,
            program,
            listen,
            operations,
            directory,
            database,
            deposit,
            customer,
            borrower,
            account,
        };
        service.register(service.borrower, &service.account);
        service.wait_until_ready().await;
        service
    }

    /// From now on there is this customer with this empty account.
    pub fn register(&self, customer: CustomerId, account: &str) {
        self.customer.knows(&customer.to_string(), CustomerStatus::Active);
        let customer_id = customer.to_string();
        self.deposit.has(
            account,
            Account { customer_id, currency: "CNY".into(), balance_minor: 0, blocked: "" },
        );
    }

    /// Kills the process with SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill9().await.unwrap();
    }

    /// Starts the process again on the same database.
    pub async fn restart(&mut self) {
        self.process = self.program.spawn().unwrap();
        self.wait_until_ready().await;
    }

    /// Starts another process on the same database, with its own ports.
    pub async fn another_process(&self) -> Running {
        let ports = port::free(2).unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let directory = self.directory.path();
        let settings = std::fs::read_to_string(directory.join("loan.toml")).unwrap();
        let settings = settings
            .replace(&self.listen.to_string(), &address(ports[0]).to_string())
            .replace(&self.operations.to_string(), &address(ports[1]).to_string());
        let config = directory.join("another.toml");
        std::fs::write(&config, settings).unwrap();
        let log = directory.join("another.log");
        let mut program = Program::new("another", Path::new(env!("CARGO_BIN_EXE_loan")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let process = program.spawn().unwrap();
        Self::wait_until_answering(address(ports[1]), &log).await;
        process
    }

    async fn wait_until_ready(&self) {
        Self::wait_until_answering(self.operations, &self.program.log).await;
    }

    async fn wait_until_answering(operations: SocketAddr, log: &Path) {
        let url = format!("https://{operations}/readyz");
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
        let log = std::fs::read_to_string(log).unwrap();
        assert!(ended.is_ok(), "the service is not ready; its log:\n{log}");
    }

    /// A client with a connection of its own, which calls as a channel on behalf of the usual borrower.
    pub fn client(&self) -> Client {
        self.client_for(self.borrower)
    }

    /// A client which calls as a channel on behalf of this customer.
    pub fn client_for(&self, customer: CustomerId) -> Client {
        self.client_with("channel/test", OnBehalfOf::customer(&customer.to_string()).unwrap())
    }

    /// A client which calls as the teller who applies and proposes.
    pub fn teller(&self) -> Client {
        self.client_as("teller/maker")
    }

    /// A client which calls as the teller who decides.
    pub fn checker(&self) -> Client {
        self.client_as("teller/checker")
    }

    /// A client which calls under this name.
    pub fn client_as(&self, name: &str) -> Client {
        self.client_with(name, OnBehalfOf::nobody())
    }

    fn client_with(&self, name: &str, customer: OnBehalfOf) -> Client {
        let trust = Trust::of_this_process(name).unwrap();
        let endpoint = trust::endpoint(&format!("https://{}", self.listen), Some(&trust));
        LoanServiceClient::with_interceptor(endpoint.unwrap().connect_lazy(), customer)
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

    /// One text from the database.
    pub async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// Runs a statement as a superuser.
    pub async fn plant(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.admin().await).await.unwrap();
    }

    /// From now on the business date is this one.
    pub async fn on(&self, date: &str) {
        self.plant(&format!("UPDATE business_day SET business_date = '{date}'")).await;
    }

    /// Waits until a query answers this number.
    pub async fn wait_for(&self, sql: &str, number: i64) {
        let reached = async {
            while self.count(sql).await != number {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, reached).await;
        assert!(ended.is_ok(), "{sql} is not {number}");
    }

    /// An application for a consumer loan in yuan under a new request id.
    pub fn application(&self, minor: i64, term_months: i32) -> pb::ApplyForLoanRequest {
        pb::ApplyForLoanRequest {
            request_id: request_id(),
            customer_id: self.borrower.to_string(),
            product_code: "CONSUMER".into(),
            terms: Some(pb::LoanTerms {
                amount: cny(minor),
                term_months,
                due_day: 20,
                account_number: self.account.clone(),
            }),
        }
    }

    /// Applies.
    pub async fn applied(&self, minor: i64, term_months: i32) -> pb::Loan {
        let application = self.application(minor, term_months);
        self.teller().apply_for_loan(application).await.unwrap().into_inner().loan.unwrap()
    }

    /// Applies and approves.
    pub async fn approved(&self, minor: i64, term_months: i32) -> pb::Loan {
        let loan = self.applied(minor, term_months).await;
        let decided = self.checker().decide_loan(decision(&loan, true)).await;
        decided.unwrap().into_inner().loan.unwrap()
    }

    /// Applies, approves and pays out all of it.
    pub async fn active(&self, minor: i64, term_months: i32) -> pb::Loan {
        let loan = self.approved(minor, term_months).await;
        let paid_out = self.teller().disburse_loan(disbursement(&loan)).await;
        paid_out.unwrap().into_inner().loan.unwrap()
    }

    /// The loan as it stands on the primary.
    pub async fn loan(&self, loan: &pb::Loan) -> pb::Loan {
        let request = pb::GetLoanRequest { loan_id: loan.loan_id.clone(), consistency: primary() };
        self.teller().get_loan(request).await.unwrap().into_inner().loan.unwrap()
    }

    /// Asks for the end of a date.
    pub async fn ask_end_of_day(&self, date: &str) -> Result<pb::EndOfDay, Status> {
        let request =
            pb::RunEndOfDayRequest { request_id: request_id(), business_date: date.into() };
        let answer = self.client_as("operator/test").run_end_of_day(request).await?;
        Ok(answer.into_inner().end_of_day.unwrap())
    }

    /// Asks for the end of a date, and waits until it is done.
    pub async fn end_of_day(&self, date: &str) -> pb::EndOfDay {
        self.ask_end_of_day(date).await.unwrap();
        self.wait_for_end(date).await
    }

    /// Waits until the end of a date is done.
    pub async fn wait_for_end(&self, date: &str) -> pb::EndOfDay {
        let mut client = self.client_as("operator/test");
        let done = async {
            loop {
                let request = pb::GetEndOfDayRequest { business_date: date.into() };
                let day = client.get_end_of_day(request).await.unwrap().into_inner();
                let day = day.end_of_day.unwrap();
                if day.finished {
                    return day;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap()
    }

    /// The books as one text, without ids that are drawn and instants: equal books have equal digests.
    pub async fn digest(&self) -> String {
        self.text(include_str!("digest.sql")).await
    }
}

/// The id of a customer; two of different numbers differ.
pub fn new_customer(number: u8) -> CustomerId {
    CustomerId::new(SystemClock.now(), [number; 10])
}

/// A well-formed account number.
pub fn account_number(serial: u64) -> String {
    AccountNumber::from_parts(CellCode::try_new(101).unwrap(), serial).unwrap().to_string()
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

/// The minor units of an amount that is there.
pub fn minor(money: Option<&Money>) -> i64 {
    money.unwrap().amount_minor
}

/// A read on the primary.
#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
pub fn primary() -> Option<ReadConsistency> {
    Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) })
}

/// A decision on an application under a new request id.
pub fn decision(loan: &pb::Loan, approve: bool) -> pb::DecideLoanRequest {
    pb::DecideLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        approve,
        application_hash: loan.application_hash.clone(),
        reason: "as discussed".into(),
    }
}

/// A payment of everything that is approved, under a new request id.
pub fn disbursement(loan: &pb::Loan) -> pb::DisburseLoanRequest {
    pb::DisburseLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        amount: None,
    }
}

/// A repayment from the account of the terms, under a new request id.
pub fn repayment(loan: &pb::Loan, minor: i64) -> pb::RepayLoanRequest {
    pb::RepayLoanRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.clone(),
        amount: cny(minor),
        account_number: String::new(),
    }
}

/// The reason of a refusal, and its code.
#[track_caller]
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    let info = status.get_details_error_info();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

/// That the bank said no, for this reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    assert_eq!(reason(answer), (Code::FailedPrecondition, why.into()));
}
