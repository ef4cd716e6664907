//! Openings ask the customer service about the owner first, one call for a whole batch.

use std::collections::HashMap;

use platform::db::ReadToken;
use platform::status::FieldViolation;
use proto::deposit::v1 as pb;
use tonic::{Response, Status};

use super::{Api, parse, posted, status, written};
use crate::commands::Standing;
use crate::domain::Decision;

const BATCH_MAX: usize = 1000;

impl Api {
    pub(super) async fn open_one(
        &self,
        m: &pb::OpenAccountRequest,
    ) -> Result<(pb::Posting, ReadToken), Status> {
        // Parsed before the customer service is asked: a bad request costs one service, not two.
        parse::open_account(self.fields(), m, Standing::Unknown).map_err(status::invalid)?;
        let standings = self.standings(vec![m.customer_id.clone()]).await?;
        let command = parse::open_account(self.fields(), m, standing(&standings, &m.customer_id));
        self.post(command).await
    }

    /// Opens up to 1,000 accounts; each has its own outcome, and a malformed item refuses the whole call.
    pub(super) async fn open_many(
        &self,
        m: &pb::BatchOpenAccountsRequest,
    ) -> Result<Response<pb::BatchOpenAccountsResponse>, Status> {
        if m.items.is_empty() || m.items.len() > BATCH_MAX {
            let wrong =
                FieldViolation::new("items", format!("must hold 1 to {BATCH_MAX} openings"));
            return Err(status::invalid(vec![wrong]));
        }
        let mut owners: Vec<String> = m.items.iter().map(|item| item.customer_id.clone()).collect();
        owners.sort_unstable();
        owners.dedup();
        let standings = self.standings(owners).await?;
        let mut commands = Vec::with_capacity(m.items.len());
        let mut violations = Vec::new();
        for (index, item) in m.items.iter().enumerate() {
            let standing = standing(&standings, &item.customer_id);
            match parse::open_account(self.fields(), item, standing) {
                Ok(command) => commands.push(command),
                Err(wrong) => violations.extend(
                    wrong.into_iter().map(|violation| violation.within(&format!("items[{index}]"))),
                ),
            }
        }
        if !violations.is_empty() {
            return Err(status::invalid(violations));
        }
        let mut results = Vec::with_capacity(commands.len());
        let mut newest: Option<ReadToken> = None;
        for committed in self.lanes.submit_all(commands).await {
            // What is in the books stays there: the caller repeats the call and gets the same outcomes.
            let committed = committed.map_err(status::lane)?;
            let outcome = &committed.outcome;
            let refusal_reason = match outcome.decision {
                Decision::Posted => String::new(),
                Decision::Refused(rejection) => rejection.code().to_owned(),
            };
            results.push(pb::BatchOpenAccountsResult {
                request_id: outcome.request_id.to_string(),
                account_number: posted(outcome)
                    .map(|p| p.credit_account_number)
                    .unwrap_or_default(),
                refusal_reason,
            });
            if newest.as_ref().is_none_or(|token| token.lsn < committed.token.lsn) {
                newest = Some(committed.token);
            }
        }
        let message = pb::BatchOpenAccountsResponse { results };
        Ok(match newest {
            Some(token) => written(message, &token),
            None => Response::new(message),
        })
    }

    async fn standings(&self, ids: Vec<String>) -> Result<HashMap<String, Standing>, Status> {
        self.customers.standings(ids).await.map_err(|error| {
            tracing::warn!(code = %error.code(), "the customer service does not answer");
            status::unreachable("customer")
        })
    }
}

fn standing(known: &HashMap<String, Standing>, customer_id: &str) -> Standing {
    known.get(customer_id).copied().unwrap_or(Standing::Unknown)
}
