//! Accounting: receives the outbox, owns the business date.

use kernel::{BusinessDate, Clock, RequestId};
use platform::client::Channel;
use platform::outbox::{Deliver, OutboxRow};
use platform::telemetry::SpanLink;
use prost::Message;
use proto::accounting::v1 as pb;
use proto::accounting::v1::accounting_service_client::AccountingServiceClient;
use std::sync::Arc;
use tonic::Status;
use tracing::Instrument;

/// Accounting, seen from card.
#[derive(Clone)]
pub struct Accounting {
    client: AccountingServiceClient<Channel>,
    clock: Arc<dyn Clock>,
}

/// The bank's business date, as accounting says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankDay {
    /// What new postings carry.
    pub current: BusinessDate,
}

impl Accounting {
    /// Speaks over this channel.
    pub fn new(channel: Channel, clock: Arc<dyn Clock>) -> Self {
        // A delivery may be larger than what is usual between services.
        Self { client: AccountingServiceClient::new(channel), clock }
    }

    /// The business date that new postings carry.
    ///
    /// # Errors
    /// Accounting does not answer, or answers with something that is no date.
    pub async fn business_date(&self) -> Result<BankDay, Status> {
        let request = pb::GetBusinessDateRequest {};
        let answer = self.client.clone().get_business_date(request).await?.into_inner();
        let current = BusinessDate::parse(&answer.business_date)
            .map_err(|_| Status::internal("accounting answered with no business date"))?;
        Ok(BankDay { current })
    }

    /// Tells that everything of this date is delivered and no more will come.
    ///
    /// # Errors
    /// Accounting does not answer.
    pub async fn confirm_cut_over(&self, date: BusinessDate) -> Result<(), Status> {
        let request = pb::ConfirmCutOverRequest {
            request_id: RequestId::generate(self.clock.as_ref()).to_string(),
            source: crate::SERVICE.to_owned(),
            business_date: date.to_string(),
        };
        self.client.clone().confirm_cut_over(request).await.map(|_| ())
    }
}

impl Deliver for Accounting {
    async fn deliver(&self, rows: &[OutboxRow]) -> Result<Vec<i64>, Status> {
        let (mut batches, mut traces) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let mut batch = pb::EventBatch::decode(row.payload.as_slice())
                .map_err(|_| Status::internal("an outbox row cannot be read"))?;
            batch.batch_number = row.batch_number;
            traces.push(SpanLink::parse(&batch.traceparent));
            batches.push(batch);
        }
        let request = pb::PostEventsRequest {
            request_id: RequestId::generate(self.clock.as_ref()).to_string(),
            source: crate::SERVICE.to_owned(),
            batches,
        };
        let mut client = self.client.clone();
        let answer = traced(&traces, client.post_events(request)).await?;
        Ok(answer.into_inner().accepted_batch_numbers)
    }
}

/// Makes a delivery part of the traces of what it delivers: a span in the first, linked to the others.
async fn traced<T>(
    traces: &[SpanLink],
    delivery: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let span = SpanLink::span(traces.iter(), || {
        tracing::info_span!(
            "outbox.deliver",
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            batches = traces.len(),
        )
    });
    let answer = SpanLink::first(traces.iter()).scope(delivery.instrument(span.clone())).await;
    if answer.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    answer
}
