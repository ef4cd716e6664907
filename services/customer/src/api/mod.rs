//! The only place that knows gRPC. A write is parse, one command, reply; a query is parse, read, reply.

mod caller;
#[doc(hidden)]
pub mod fuzzing;
mod parse;
mod reply;
mod status;

use kernel::RequestId;
use platform::db::{Freshness, ReadToken, Reader};
use platform::fields::Fields;
use proto::customer::v1 as pb;
use proto::customer::v1::customer_service_server::CustomerService;
use tonic::{Request, Response, Status};

use crate::commands::{self, Change, CommandError, Context, Done};
use crate::domain::{Customer, Step};
use crate::store::{changes, read};
use caller::Caller;
use reply::Sight;

/// The service as callers see it.
pub struct Api {
    context: Context,
}

impl Api {
    /// Puts the service together.
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn fields(&self) -> Fields {
        Fields::new(self.context.clock.now())
    }

    async fn reader(&self, freshness: Freshness) -> Result<Reader, Status> {
        self.context.reads.reader(freshness).await.map_err(status::query)
    }

    fn as_of(&self, reader: &Reader) -> proto::common::v1::AsOf {
        reply::as_of(reader.as_of(), self.context.clock.now())
    }

    /// A customer who was read, opened and masked for whoever asked.
    fn shown(&self, found: Option<Customer>, sight: Sight) -> Result<pb::Customer, Status> {
        let customer = found.ok_or_else(status::customer_unknown)?;
        let opened = self.context.keys.open(customer.id, &customer.sealed);
        let person = opened.map_err(|error| status::store(&error))?;
        Ok(reply::customer(&customer, &person, sight))
    }
}

/// Answers a write: the message around the customer, and the read token beside it.
fn written<T>(
    done: Result<Done, CommandError>,
    sight: Sight,
    message: impl FnOnce(Option<pb::Customer>) -> T,
) -> Result<Response<T>, Status> {
    let done = done.map_err(status::command)?;
    let customer = reply::customer(&done.customer, &done.person, sight);
    Ok(with_token(message(Some(customer)), &done.token))
}

fn with_token<T>(message: T, token: &ReadToken) -> Response<T> {
    let mut response = Response::new(message);
    platform::status::set_read_token(response.metadata_mut(), token);
    response
}

#[tonic::async_trait]
impl CustomerService for Api {
    async fn register_customer(
        &self,
        request: Request<pb::RegisterCustomerRequest>,
    ) -> Result<Response<pb::RegisterCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let new = parse::register(self.fields(), request.get_ref(), false);
        let new = new.map_err(status::invalid)?;
        let done = commands::register(&self.context, &caller.name, new).await;
        written(done, caller.sight, |customer| pb::RegisterCustomerResponse { customer })
    }

    async fn batch_register_customers(
        &self,
        request: Request<pb::BatchRegisterCustomersRequest>,
    ) -> Result<Response<pb::BatchRegisterCustomersResponse>, Status> {
        let caller = Caller::of(&request);
        let batch = parse::register_batch(self.context.clock.now(), request.get_ref());
        let batch = batch.map_err(status::invalid)?;
        let registered = commands::register_batch(&self.context, &caller.name, &batch).await;
        let registered = registered.map_err(status::command)?;
        let ids: Vec<RequestId> = batch.iter().map(|new| new.request_id).collect();
        Ok(with_token(reply::batch(&ids, &registered.outcomes), &registered.token))
    }

    async fn activate_customer(
        &self,
        request: Request<pb::ActivateCustomerRequest>,
    ) -> Result<Response<pb::ActivateCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::activate(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let done = commands::transition(&self.context, &caller.name, Step::Activate, wanted).await;
        written(done, caller.sight, |customer| pb::ActivateCustomerResponse { customer })
    }

    async fn freeze_customer(
        &self,
        request: Request<pb::FreezeCustomerRequest>,
    ) -> Result<Response<pb::FreezeCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::freeze(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let done = commands::transition(&self.context, &caller.name, Step::Freeze, wanted).await;
        written(done, caller.sight, |customer| pb::FreezeCustomerResponse { customer })
    }

    async fn reject_customer(
        &self,
        request: Request<pb::RejectCustomerRequest>,
    ) -> Result<Response<pb::RejectCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::reject(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let done = commands::transition(&self.context, &caller.name, Step::Reject, wanted).await;
        written(done, caller.sight, |customer| pb::RejectCustomerResponse { customer })
    }

    async fn close_customer(
        &self,
        request: Request<pb::CloseCustomerRequest>,
    ) -> Result<Response<pb::CloseCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::close(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let done = commands::close(&self.context, &caller.name, wanted).await;
        written(done, caller.sight, |customer| pb::CloseCustomerResponse { customer })
    }

    async fn propose_customer_change(
        &self,
        request: Request<pb::ProposeCustomerChangeRequest>,
    ) -> Result<Response<pb::ProposeCustomerChangeResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::propose_change(self.fields(), request.get_ref());
        let wanted = wanted.map_err(status::invalid)?;
        let change = commands::propose(&self.context, &caller.name, wanted).await;
        let change = change.map_err(status::change)?;
        let change = Some(reply::change(&change, caller.sight));
        Ok(Response::new(pb::ProposeCustomerChangeResponse { change }))
    }

    async fn decide_customer_change(
        &self,
        request: Request<pb::DecideCustomerChangeRequest>,
    ) -> Result<Response<pb::DecideCustomerChangeResponse>, Status> {
        let caller = Caller::of(&request);
        let wanted = parse::decide_change(self.fields(), request.get_ref());
        let wanted = wanted.map_err(status::invalid)?;
        let change = commands::decide(&self.context, &caller.name, wanted).await;
        let change = change.map_err(status::change)?;
        let change = Some(reply::change(&change, caller.sight));
        Ok(Response::new(pb::DecideCustomerChangeResponse { change }))
    }

    async fn list_customer_changes(
        &self,
        request: Request<pb::ListCustomerChangesRequest>,
    ) -> Result<Response<pb::ListCustomerChangesResponse>, Status> {
        let caller = Caller::of(&request);
        let asked = parse::list_changes(self.fields(), request.get_ref());
        let (after, limit) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = changes::list_pending(&mut reader, after, limit).await;
        let keys = &self.context.keys;
        let opened = found.map_err(status::query)?.into_iter().map(|stored| {
            keys.open_change(stored.id, &stored.payload).map(|new| Change { stored, new })
        });
        let opened: Result<Vec<_>, _> = opened.collect();
        let opened = opened.map_err(|error| status::store(&error))?;
        Ok(Response::new(reply::changes(&opened, caller.sight, limit)))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let caller = Caller::of(&request);
        let mandate = status::mandate(&request)?;
        let asked = parse::get(self.fields(), request.get_ref());
        let (id, freshness) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(freshness).await?;
        let found = read::find_customer(&mut reader, id).await.map_err(status::query)?;
        // Somebody else is read like anybody, and then not there.
        let found = found.filter(|customer| mandate.covers(customer.id));
        Ok(Response::new(pb::GetCustomerResponse {
            customer: Some(self.shown(found, caller.sight)?),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    async fn batch_get_customer_status(
        &self,
        request: Request<pb::BatchGetCustomerStatusRequest>,
    ) -> Result<Response<pb::BatchGetCustomerStatusResponse>, Status> {
        let ids = parse::statuses(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::list_standings(&mut reader, &ids).await.map_err(status::query)?;
        let standings = found.into_iter().map(|(id, status)| pb::CustomerStanding {
            customer_id: id.to_string(),
            status: reply::status(status).into(),
        });
        Ok(Response::new(pb::BatchGetCustomerStatusResponse { standings: standings.collect() }))
    }

    async fn find_customer_by_document(
        &self,
        request: Request<pb::FindCustomerByDocumentRequest>,
    ) -> Result<Response<pb::FindCustomerByDocumentResponse>, Status> {
        let caller = Caller::of(&request);
        let asked = parse::find_by_document(self.fields(), request.get_ref());
        let (kind, number, freshness) = asked.map_err(status::invalid)?;
        let hash = self.context.keys.document_hash(kind, &number);
        let mut reader = self.reader(freshness).await?;
        let found = read::find_customer_by_document(&mut reader, hash).await;
        let found = found.map_err(status::query)?;
        Ok(Response::new(pb::FindCustomerByDocumentResponse {
            customer: Some(self.shown(found, caller.sight)?),
            as_of: Some(self.as_of(&reader)),
        }))
    }
}
