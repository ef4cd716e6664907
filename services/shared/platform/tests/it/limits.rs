//! Limits that change while a server runs: two people, every instance, a way back.

use std::sync::Arc;

use kernel::{RequestId, SystemClock};
use platform::config::TrafficConfig;
use platform::db::Database;
use platform::traffic::{OperationsApi, Traffic};
use platform::{Background, tls};
use proto::operations::v1 as pb;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use sqlx::{Connection, PgConnection};
use testkit::database::TestDatabase;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::books;
use crate::support::{Running, Stub, TRANSFER, call, config, credentials, eventually};

/// One instance of a service, with its operations service.
struct Instance {
    server: Running,
    background: Background,
    _books: Arc<Database>,
}

impl Instance {
    async fn on(database: &TestDatabase) -> Self {
        let books = Arc::new(books::open(database).await);
        let traffic = Traffic::new(&TrafficConfig::default(), books.queues());
        let operations = OperationsApi::new("deposit", &traffic, &books, Arc::new(SystemClock));
        let background = Background::default();
        background.spawn(|stop| traffic.clone().follow(books.read_pool(), stop));
        let server = Running::with(
            &config(),
            |server| server.traffic(&traffic).operations(operations).unwrap(),
            Stub::quick(),
        )
        .await;
        Self { server, background, _books: books }
    }

    /// The operations service, as somebody.
    fn as_(&self, identity: &str) -> OperationsServiceClient<Channel> {
        let url = format!("https://{}", self.server.operations);
        let channel = tls::channel(&credentials(identity), "service/deposit", &url, |one| one);
        OperationsServiceClient::new(channel.unwrap())
    }

    async fn in_force(&self) -> pb::GetLimitsResponse {
        let mut auditor = self.as_("auditor/eve");
        auditor.get_limits(pb::GetLimitsRequest {}).await.unwrap().into_inner()
    }

    /// How many calls of somebody new are let in, at most ten.
    async fn let_in(&self, identity: &str) -> usize {
        let (channel, mut passed) = (self.server.caller(identity), 0);
        for _ in 0..10 {
            passed += usize::from(call(channel.clone(), TRANSFER, Request::new(())).await.is_ok());
        }
        passed
    }

    async fn stop(mut self) {
        self.server.stop();
        self.server.ended().await.unwrap();
        self.background.stop().await;
    }
}

fn id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// The limits as they are, but that a caller may make so many calls at once, and then one a second.
fn burst(limits: &pb::GetLimitsResponse, burst: u32) -> pb::Limits {
    let caller = Some(pb::Rate { rate: 1, burst });
    pb::Limits { caller, ..limits.limits.clone().unwrap() }
}

fn proposal(limits: pb::Limits) -> pb::ProposeLimitsRequest {
    let reason = "a surge at noon".to_owned();
    pb::ProposeLimitsRequest { request_id: id(), limits: Some(limits), reason }
}

fn verdict(proposed: &pb::ProposeLimitsResponse, verdict: pb::Verdict) -> pb::DecideLimitsRequest {
    pb::DecideLimitsRequest {
        request_id: id(),
        approval_id: proposed.approval_id.clone(),
        payload_sha256: proposed.payload_sha256.clone(),
        verdict: verdict.into(),
    }
}

fn way_back(to_version: i64) -> pb::RollBackLimitsRequest {
    pb::RollBackLimitsRequest { request_id: id(), to_version, reason: "it was a mistake".into() }
}

/// Ana proposes and Ben approves.
async fn change(instance: &Instance, limits: pb::Limits) -> i64 {
    let proposed = instance.as_("operator/ana").propose_limits(proposal(limits)).await.unwrap();
    let decision = verdict(proposed.get_ref(), pb::Verdict::Approve);
    let decided = instance.as_("operator/ben").decide_limits(decision).await.unwrap();
    decided.into_inner().version.unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("a status has a reason").reason
}

async fn actions(database: &TestDatabase) -> Vec<(String, String)> {
    let mut admin = PgConnection::connect(&database.admin_url).await.unwrap();
    let actions = "SELECT actor, action FROM audit_log ORDER BY sequence";
    sqlx::query_as(actions).fetch_all(&mut admin).await.unwrap()
}

#[tokio::test]
async fn approved_limits_hold_on_every_instance_and_after_a_restart() {
    let database = books::fresh().await;
    let (first, second) = (Instance::on(&database).await, Instance::on(&database).await);
    let before = first.in_force().await;
    assert_eq!((before.version, first.let_in("channel/a").await), (0, 10));

    let version = change(&first, burst(&before, 3)).await;

    assert_eq!(first.in_force().await.version, version);
    assert_eq!(first.let_in("channel/b").await, 3);
    assert_eq!(first.let_in("channel/a").await, 0, "who used the old bucket has an empty new one");
    eventually(|| async { second.in_force().await.version == version }).await;
    assert_eq!(second.let_in("channel/b").await, 3);
    second.stop().await;
    let third = Instance::on(&database).await;
    eventually(|| async { third.in_force().await.version == version }).await;
    assert_eq!(third.in_force().await.limits, first.in_force().await.limits);
}

#[tokio::test]
async fn one_operator_brings_an_earlier_version_back_at_once() {
    let database = books::fresh().await;
    let instance = Instance::on(&database).await;
    let before = instance.in_force().await;
    let good = change(&instance, burst(&before, 7)).await;
    let bad = change(&instance, burst(&before, 1)).await;
    let mut ana = instance.as_("operator/ana");

    let back = ana.roll_back_limits(way_back(good)).await.unwrap().into_inner().version;
    assert_eq!(instance.let_in("channel/a").await, 7);
    let settings = ana.roll_back_limits(way_back(0)).await.unwrap().into_inner().version;
    assert_eq!(instance.in_force().await.limits, before.limits);

    let all = pb::ListLimitVersionsRequest::default();
    let listed = instance.as_("auditor/eve").list_limit_versions(all).await;
    let told = |version: pb::LimitVersion| {
        (version.version, version.proposed_by, version.approved_by, version.rolled_back_to)
    };
    let listed: Vec<_> = listed.unwrap().into_inner().versions.into_iter().map(told).collect();
    let (ana, ben, nobody) = ("operator/ana", "operator/ben", "");
    let expected = [
        (settings, ana, nobody, Some(0)),
        (back, ana, nobody, Some(good)),
        (bad, ana, ben, None),
        (good, ana, ben, None),
    ];
    assert_eq!(
        listed,
        expected.map(|(version, by, approved, to)| (version, by.into(), approved.into(), to))
    );
    assert_eq!([good, bad, back, settings], [1, 2, 3, 4]);
    let actions = actions(&database).await;
    let expected = [
        (ana, "PROPOSE_LIMITS"),
        (ben, "APPROVE_LIMITS"),
        (ana, "PROPOSE_LIMITS"),
        (ben, "APPROVE_LIMITS"),
        (ana, "ROLL_BACK_LIMITS"),
        (ana, "ROLL_BACK_LIMITS"),
    ];
    assert_eq!(actions, expected.map(|(actor, action)| (actor.into(), action.into())));
}

#[tokio::test]
async fn nobody_approves_alone_nor_what_was_not_seen_nor_twice() {
    let database = books::fresh().await;
    let instance = Instance::on(&database).await;
    let limits = burst(&instance.in_force().await, 3);
    let (mut ana, mut ben) = (instance.as_("operator/ana"), instance.as_("operator/ben"));
    let proposed = ana.propose_limits(proposal(limits.clone())).await.unwrap().into_inner();
    let which = pb::GetLimitProposalRequest { approval_id: proposed.approval_id.clone() };
    let seen = ben.get_limit_proposal(which).await.unwrap().into_inner();
    assert_eq!((seen.limits, seen.proposed_by.as_str()), (Some(limits), "operator/ana"));
    assert_eq!(seen.payload_sha256, proposed.payload_sha256);
    let approve = || verdict(&proposed, pb::Verdict::Approve);

    let own = ana.decide_limits(approve()).await.unwrap_err();
    assert_eq!(reason(&own), "PROPOSAL_BY_SAME_PERSON");
    let other = pb::DecideLimitsRequest { payload_sha256: "0".repeat(64), ..approve() };
    let other = ben.decide_limits(other).await.unwrap_err();
    assert_eq!(reason(&other), "PROPOSAL_CHANGED");
    let unknown = pb::DecideLimitsRequest { approval_id: id(), ..approve() };
    let unknown = ben.decide_limits(unknown).await.unwrap_err();
    assert_eq!(reason(&unknown), "PROPOSAL_UNKNOWN");
    let rejected = ben.decide_limits(verdict(&proposed, pb::Verdict::Reject)).await.unwrap();
    assert_eq!(rejected.into_inner().version, None);
    let late = instance.as_("operator/cid").decide_limits(approve()).await.unwrap_err();
    assert_eq!(reason(&late), "PROPOSAL_ALREADY_DECIDED");
    assert_eq!(instance.in_force().await.version, 0);
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once() {
    let database = books::fresh().await;
    let instance = Instance::on(&database).await;
    let limits = burst(&instance.in_force().await, 3);
    let (mut ana, mut ben) = (instance.as_("operator/ana"), instance.as_("operator/ben"));
    let propose = proposal(limits.clone());

    let proposed = ana.propose_limits(propose.clone()).await.unwrap().into_inner();
    let again = ana.propose_limits(propose.clone()).await.unwrap().into_inner();
    assert_eq!(again, proposed);
    let other = pb::ProposeLimitsRequest { reason: "another".into(), ..propose };
    assert_eq!(reason(&ana.propose_limits(other).await.unwrap_err()), "REQUEST_ID_REUSED");

    let approve = verdict(&proposed, pb::Verdict::Approve);
    let version = ben.decide_limits(approve.clone()).await.unwrap().into_inner();
    assert_eq!(ben.decide_limits(approve.clone()).await.unwrap().into_inner(), version);
    let back = way_back(0);
    let rolled = ana.roll_back_limits(back.clone()).await.unwrap().into_inner();
    assert_eq!(ana.roll_back_limits(back.clone()).await.unwrap().into_inner(), rolled);
    let other = pb::RollBackLimitsRequest { to_version: 1, ..back.clone() };
    assert_eq!(reason(&ana.roll_back_limits(other).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert_eq!(reason(&ben.roll_back_limits(back).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert_eq!(rolled.version, 2);
    assert_eq!(actions(&database).await.len(), 3);
}

#[tokio::test]
async fn limits_that_cannot_be_are_refused_with_every_field_and_only_operators_change_any() {
    let database = books::fresh().await;
    let instance = Instance::on(&database).await;
    let good = burst(&instance.in_force().await, 3);
    let bad =
        pb::Limits { service: None, queue_target_ms: 0, ..burst(&instance.in_force().await, 0) };
    let bad = pb::ProposeLimitsRequest { reason: String::new(), ..proposal(bad) };

    let status = instance.as_("operator/ana").propose_limits(bad).await.unwrap_err();
    let fields = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["limits.service", "reason"]);
    let bad = pb::Limits { queue_target_ms: 0, ..burst(&instance.in_force().await, 0) };
    let status = instance.as_("operator/ana").propose_limits(proposal(bad)).await.unwrap_err();
    let fields = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["limits.caller.burst", "limits.queue_target_ms"]);

    for identity in ["auditor/eve", "channel/mobile", "service/loan", "teller/1"] {
        let refused = instance.as_(identity).propose_limits(proposal(good.clone())).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "{identity}");
    }
    let nowhere = instance.as_("operator/ana").roll_back_limits(way_back(9)).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::NotFound);
}

#[tokio::test]
async fn no_version_is_ever_changed() {
    let database = books::fresh().await;
    let instance = Instance::on(&database).await;
    change(&instance, burst(&instance.in_force().await, 3)).await;
    let mut service = PgConnection::connect(&database.app_urls[0]).await.unwrap();
    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();

    for statement in [
        "UPDATE traffic_limits SET reason = ''",
        "DELETE FROM traffic_limits",
        "TRUNCATE traffic_limits",
    ] {
        let denied = sqlx::query(statement).execute(&mut service).await.unwrap_err();
        let raised = sqlx::query(statement).execute(&mut owner).await.unwrap_err();
        let code =
            |error: sqlx::Error| error.as_database_error().unwrap().code().unwrap().into_owned();
        // insufficient_privilege, restrict_violation
        assert_eq!((code(denied), code(raised)), ("42501".into(), "23001".into()), "{statement}");
    }
}
