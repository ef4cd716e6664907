//! The operations service of one service: what its limits are, and how they change.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use kernel::Clock;
use proto::operations::v1 as pb;
use proto::operations::v1::operations_service_server::{
    OperationsService, OperationsServiceServer,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::changes::{self, Changed, Order, Proposed, Unchanged};
use super::{Traffic, contract, parse, versions};
use crate::db::{Database, Error, Freshness, ReadPool, Reader, WritePool};
use crate::fields::{Fields, Violations};
use crate::identity::Identity;
use crate::{Sources, fingerprint, status};

/// Serves `bank.operations.v1` for one service.
pub struct OperationsApi {
    domain: String,
    traffic: Traffic,
    writes: WritePool,
    reads: ReadPool,
    clock: Arc<dyn Clock>,
}

impl OperationsApi {
    /// The operations service of the service called `service`, for its operations port.
    pub fn new(
        service: &str,
        traffic: &Traffic,
        database: &Database,
        clock: Arc<dyn Clock>,
    ) -> OperationsServiceServer<Self> {
        OperationsServiceServer::new(Self {
            domain: format!("{service}.thincore"),
            traffic: traffic.clone(),
            writes: database.write_pool(),
            reads: database.read_pool(),
            clock,
        })
    }

    fn fields(&self) -> Fields {
        Fields::new(self.clock.now())
    }

    /// Who asks, and under which id.
    fn order<M: prost::Message>(&self, request: &Request<M>, name: &str, id: Uuid) -> Order {
        let identity = request.extensions().get::<Identity>();
        let actor = identity.map_or("anonymous", |identity| &identity.name).to_owned();
        // Two people who ask for the same under one id ask for two different things.
        let fingerprint = fingerprint::of(&format!("{name} {actor}"), request.get_ref());
        Order { actor, at: self.clock.now(), request_id: id, fingerprint }
    }

    async fn reader(&self) -> Result<Reader, Status> {
        let reader = self.reads.reader(Freshness::Primary).await;
        reader.map_err(|error| status::query_failed(&self.domain, &error))
    }

    fn query_failed(&self, error: &Error) -> Status {
        status::query_failed(&self.domain, error)
    }

    /// Runs a change in a task of its own, which goes on when the caller goes away.
    async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Unchanged>> + Send + 'static,
    ) -> Result<T, Status> {
        match tokio::spawn(change).await {
            Ok(Ok(changed)) => Ok(changed),
            Ok(Err(unchanged)) => Err(self.unchanged(&unchanged)),
            Err(_) => Err(status::internal(&self.domain)),
        }
    }

    /// This instance need not wait until it looks for newer limits.
    fn applied(&self, changed: &Changed) {
        if changed.version > self.traffic.in_force().version {
            self.traffic.apply(changed.version, &changed.limits);
        }
    }

    fn unchanged(&self, unchanged: &Unchanged) -> Status {
        let message = unchanged.to_string();
        match unchanged {
            Unchanged::RequestIdReused => {
                status::refusal(&self.domain, "REQUEST_ID_REUSED", &message, HashMap::new())
            }
            Unchanged::NoSuchVersion => status::not_found(&self.domain, "NOT_FOUND", &message),
            Unchanged::Refused(refused) => status::proposal_refused(&self.domain, *refused),
            Unchanged::Database(error) => self.query_failed(error),
            Unchanged::Commit(error) => {
                tracing::warn!(error = %Sources(error), "the answer to a commit was lost");
                let message = "the outcome is unknown until the request is repeated";
                status::unavailable(&self.domain, "BOOKS_UNAVAILABLE", message)
            }
        }
    }

    fn invalid(&self, violations: Violations) -> Status {
        status::invalid_argument(&self.domain, violations)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn proposed(proposed: &Proposed) -> pb::ProposeLimitsResponse {
    pb::ProposeLimitsResponse {
        approval_id: proposed.approval_id.to_string(),
        payload_sha256: hexadecimal(&proposed.payload_hash),
        expires_at: Some(contract::timestamp(proposed.expires_at)),
    }
}

#[tonic::async_trait]
impl OperationsService for OperationsApi {
    async fn get_limits(
        &self,
        _: Request<pb::GetLimitsRequest>,
    ) -> Result<Response<pb::GetLimitsResponse>, Status> {
        let in_force = self.traffic.in_force();
        Ok(Response::new(pb::GetLimitsResponse {
            version: in_force.version,
            limits: Some(contract::write(&in_force.limits)),
            write_concurrency_limit: self.traffic.write_limit(),
            read_concurrency_limit: self.traffic.read_limit(),
            in_flight: self.traffic.in_flight(),
        }))
    }

    async fn propose_limits(
        &self,
        request: Request<pb::ProposeLimitsRequest>,
    ) -> Result<Response<pb::ProposeLimitsResponse>, Status> {
        let parsed = parse::proposal(self.fields(), request.get_ref());
        let (id, limits, reason) = parsed.map_err(|wrong| self.invalid(wrong))?;
        let order = self.order(&request, "ProposeLimits", id.as_uuid());
        let pool = self.writes.clone();
        let change = async move { changes::propose(&pool, &order, &limits, &reason).await };
        Ok(Response::new(proposed(&self.change(change).await?)))
    }

    async fn get_limit_proposal(
        &self,
        request: Request<pb::GetLimitProposalRequest>,
    ) -> Result<Response<pb::GetLimitProposalResponse>, Status> {
        let parsed = parse::proposal_query(self.fields(), request.get_ref());
        let id = parsed.map_err(|wrong| self.invalid(wrong))?;
        let found = changes::find(self.reader().await?.conn(), id).await;
        let found = found.map_err(|error| self.query_failed(&error))?;
        let none = || status::not_found(&self.domain, "NOT_FOUND", "there is no such proposal");
        let found = found.ok_or_else(none)?;
        Ok(Response::new(pb::GetLimitProposalResponse {
            limits: Some(contract::write(&found.limits)),
            expires_at: Some(contract::timestamp(found.expires_at)),
            payload_sha256: hexadecimal(&found.payload_hash),
            proposed_by: found.maker,
            reason: found.reason,
        }))
    }

    async fn decide_limits(
        &self,
        request: Request<pb::DecideLimitsRequest>,
    ) -> Result<Response<pb::DecideLimitsResponse>, Status> {
        let parsed = parse::decision(self.fields(), request.get_ref());
        let parse::Decision { request_id: id, approval_id, seen, verdict } =
            parsed.map_err(|wrong| self.invalid(wrong))?;
        let order = self.order(&request, "DecideLimits", id.as_uuid());
        let pool = self.writes.clone();
        let change =
            async move { changes::decide(&pool, &order, approval_id, &seen, verdict).await };
        let changed = self.change(change).await?;
        if let Some(changed) = &changed {
            self.applied(changed);
        }
        let version = changed.map(|changed| changed.version);
        Ok(Response::new(pb::DecideLimitsResponse { version }))
    }

    async fn roll_back_limits(
        &self,
        request: Request<pb::RollBackLimitsRequest>,
    ) -> Result<Response<pb::RollBackLimitsResponse>, Status> {
        let parsed = parse::roll_back(self.fields(), request.get_ref());
        let (id, to_version, reason) = parsed.map_err(|wrong| self.invalid(wrong))?;
        let order = self.order(&request, "RollBackLimits", id.as_uuid());
        let (pool, configured) = (self.writes.clone(), self.traffic.configured().clone());
        let change = async move {
            changes::roll_back(&pool, &order, to_version, &configured, &reason).await
        };
        let changed = self.change(change).await?;
        self.applied(&changed);
        Ok(Response::new(pb::RollBackLimitsResponse { version: changed.version }))
    }

    async fn list_limit_versions(
        &self,
        request: Request<pb::ListLimitVersionsRequest>,
    ) -> Result<Response<pb::ListLimitVersionsResponse>, Status> {
        let parsed = parse::page(self.fields(), request.get_ref());
        let (size, before) = parsed.map_err(|wrong| self.invalid(wrong))?;
        let found = versions::before(self.reader().await?.conn(), before, size).await;
        let found = found.map_err(|error| self.query_failed(&error))?;
        let versions = found.into_iter().map(contract::version).collect();
        Ok(Response::new(pb::ListLimitVersionsResponse { versions }))
    }
}
