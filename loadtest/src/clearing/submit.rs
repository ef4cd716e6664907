//! Sends clearing files and settlement reports as an operator, and follows a file until it is posted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kernel::{Clock as _, SystemClock};
use proto::card::v1 as pb;
use proto::card::v1::card_service_client::CardServiceClient;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;

use super::file::ClearingFile;
use crate::client::connect;
use crate::ids::Ids;
use crate::seed::insist;
use crate::stop::Stop;
use crate::target::Target;

const OPERATOR: &str = "operator/loadtest";
const DEADLINE: Duration = Duration::from_secs(30);
/// Lines of one part; more are refused.
const PER_PART: usize = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Somebody who sends files.
#[derive(Debug)]
pub struct Operator {
    cards: CardServiceClient<Channel>,
    ids: Ids,
    unprotected: bool,
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Sent {
    /// As the bank has it.
    pub file: pb::ClearingFile,
    /// From its last part until nothing was left to post.
    pub took: Duration,
}

impl Operator {
    /// Connects to a bank.
    pub async fn of(target: &Target) -> anyhow::Result<Self> {
        let trust = target.trust(OPERATOR)?;
        Ok(Self {
            cards: CardServiceClient::new(connect(&target.card, trust.as_ref()).await?),
            ids: Ids::new(SystemClock.now(), rand::random()),
            unprotected: !target.mtls,
        })
    }

    /// Sends all parts and closes the file. Nothing is waited for.
    pub async fn send(&self, file_id: &str, lines: &[String]) -> anyhow::Result<pb::ClearingFile> {
        for (content, part) in lines.chunks(PER_PART).zip(1_i32..) {
            let request = pb::SubmitClearingPartRequest {
                request_id: self.ids.next().to_string(),
                file_id: file_id.to_owned(),
                part,
                content: content.concat().into_bytes(),
            };
            let send = || async {
                self.cards.clone().submit_clearing_part(self.request(request.clone())).await
            };
            insist(&format!("part {part} of {file_id}"), send).await?;
        }
        let request = pb::CloseClearingFileRequest {
            request_id: self.ids.next().to_string(),
            file_id: file_id.to_owned(),
        };
        let close = || async {
            self.cards.clone().close_clearing_file(self.request(request.clone())).await
        };
        let closed = insist(&format!("closing {file_id}"), close).await?;
        closed.into_inner().file.context("no file in the answer")
    }

    /// Sends a file, and waits until each of its records is posted or needs a person.
    pub async fn clear(
        &self,
        file: &ClearingFile,
        limit: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Sent> {
        self.send(&file.file_id, &file.lines()?).await?;
        self.finish(&file.file_id, limit, stop).await
    }

    /// Waits until each record of a file is posted or needs a person.
    pub async fn finish(
        &self,
        file_id: &str,
        limit: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Sent> {
        let began = Instant::now();
        loop {
            let file = self.file(file_id).await?;
            let is_through = match file.status() {
                pb::ClearingFileStatus::Finished => true,
                pb::ClearingFileStatus::Refused => bail!("{file_id} was refused: {}", file.refusal),
                // Where nobody is needed it will be finished in a moment.
                _ => file.exceptions > 0 && file.posted + file.exceptions >= file.records,
            };
            if is_through {
                return Ok(Sent { file, took: began.elapsed() });
            }
            if began.elapsed() > limit || stop.is_requested() {
                bail!(
                    "{file_id} is not through after {} s: {} of {} posted, {} need a person",
                    began.elapsed().as_secs(),
                    file.posted,
                    file.records,
                    file.exceptions
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A file as the bank has it.
    pub async fn file(&self, file_id: &str) -> anyhow::Result<pb::ClearingFile> {
        let request = pb::GetClearingFileRequest { file_id: file_id.to_owned() };
        let get =
            || async { self.cards.clone().get_clearing_file(self.request(request.clone())).await };
        let found = insist("looking at a clearing file", get).await?;
        found.into_inner().file.context("no file in the answer")
    }

    /// Records that need a person.
    pub async fn exceptions(&self, file_id: &str) -> anyhow::Result<Vec<pb::ClearingItem>> {
        let request = pb::ListClearingExceptionsRequest {
            file_id: file_id.to_owned(),
            consistency: Some(primary()),
            ..Default::default()
        };
        let listed = self.cards.clone().list_clearing_exceptions(self.request(request)).await?;
        Ok(listed.into_inner().items)
    }

    /// Decides about a record that needs a person.
    pub async fn resolve(
        &self,
        item_id: &str,
        resolution: pb::ClearingResolution,
    ) -> anyhow::Result<pb::ClearingItem> {
        let request = pb::ResolveClearingExceptionRequest {
            request_id: self.ids.next().to_string(),
            item_id: item_id.to_owned(),
            resolution: resolution.into(),
            card_id: String::new(),
            reason: "decided by the simulator".to_owned(),
        };
        let resolved = self.cards.clone().resolve_clearing_exception(self.request(request)).await?;
        resolved.into_inner().item.context("no record in the answer")
    }

    /// Sends a settlement report.
    pub async fn settle(
        &self,
        content: String,
    ) -> anyhow::Result<pb::SubmitSettlementReportResponse> {
        let request = pb::SubmitSettlementReportRequest {
            request_id: self.ids.next().to_string(),
            content: content.into_bytes(),
        };
        let send = || async {
            self.cards.clone().submit_settlement_report(self.request(request.clone())).await
        };
        Ok(insist("sending a settlement report", send).await?.into_inner())
    }

    /// The differences of a report that are open.
    pub async fn breaks(&self, report_id: &str) -> anyhow::Result<Vec<pb::SettlementBreak>> {
        let request = pb::ListSettlementBreaksRequest {
            report_id: report_id.to_owned(),
            consistency: Some(primary()),
            ..Default::default()
        };
        let listed = self.cards.clone().list_settlement_breaks(self.request(request)).await?;
        Ok(listed.into_inner().breaks)
    }

    /// Resolves a difference.
    pub async fn resolve_break(
        &self,
        break_id: &str,
        resolution: pb::SettlementResolution,
    ) -> anyhow::Result<()> {
        let request = pb::ResolveSettlementBreakRequest {
            request_id: self.ids.next().to_string(),
            break_id: break_id.to_owned(),
            resolution: resolution.into(),
            reason: "decided by the simulator".to_owned(),
        };
        self.cards.clone().resolve_settlement_break(self.request(request)).await?;
        Ok(())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        if self.unprotected {
            let caller = AsciiMetadataValue::from_static(OPERATOR);
            request.metadata_mut().insert("thincore-caller", caller);
        }
        request
    }
}

/// A read on the primary.
fn primary() -> proto::common::v1::ReadConsistency {
    use proto::common::v1::read_consistency::Freshness;

    proto::common::v1::ReadConsistency { freshness: Some(Freshness::Primary(true)) }
}
