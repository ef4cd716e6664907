//! Openings ask the customer service about the owner first, one call for a whole batch.

use platform::db::ReadToken;
use platform::status::FieldViolation;
use proto::deposit::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Api, mandated, parse, posted, status, written};
use crate::commands::{Action, Command, OpenAccount, Standing};
use crate::domain::Decision;

pub(super) const BATCH_MAX: usize = 1000;

impl Api {
    pub(super) async fn open_one(
        &self,
        request: &Request<pb::OpenAccountRequest>,
    ) -> Result<(pb::Posting, ReadToken), Status> {
        let mandate = status::mandate(request)?;
        // Parsed before the customer service is asked: a bad request costs one service, not two.
        let parsed = parse::open_account(self.fields(), request.get_ref(), Standing::Unknown);
        let mut command = mandated(&mandate, parsed.map_err(status::invalid)?)?;
        self.ask_standings(std::slice::from_mut(&mut command)).await?;
        self.submit(command).await
    }

    /// Opens up to 1,000 accounts; each has its own outcome, and an item that is malformed or above the caller's
    /// limit refuses the whole call.
    pub(super) async fn open_many(
        &self,
        request: &Request<pb::BatchOpenAccountsRequest>,
    ) -> Result<Response<pb::BatchOpenAccountsResponse>, Status> {
        let (mandate, m) = (status::mandate(request)?, request.get_ref());
        if m.items.is_empty() || m.items.len() > BATCH_MAX {
            let wrong =
                FieldViolation::new("items", format!("must hold 1 to {BATCH_MAX} openings"));
            return Err(status::invalid(vec![wrong]));
        }
        let mut commands = Vec::with_capacity(m.items.len());
        let mut violations = Vec::new();
        for (index, item) in m.items.iter().enumerate() {
            match parse::open_account(self.fields(), item, Standing::Unknown) {
                Ok(command) => commands.push(mandated(&mandate, command)?),
                Err(wrong) => violations.extend(
                    wrong.into_iter().map(|violation| violation.within(&format!("items[{index}]"))),
                ),
            }
        }
        if !violations.is_empty() {
            return Err(status::invalid(violations));
        }
        self.ask_standings(&mut commands).await?;
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

    /// Completes openings with what the customer service says of their owners.
    async fn ask_standings(&self, commands: &mut [Command]) -> Result<(), Status> {
        let mut owners: Vec<String> =
            openings(commands).map(|opening| opening.customer_id.to_string()).collect();
        owners.sort_unstable();
        owners.dedup();
        let standings = self.customers.standings(owners).await.map_err(|error| {
            tracing::warn!(code = %error.code(), "the customer service does not answer");
            status::unreachable("customer")
        })?;
        for opening in openings(commands) {
            let known = standings.get(&opening.customer_id.to_string()).copied();
            opening.standing = known.unwrap_or(Standing::Unknown);
        }
        Ok(())
    }
}

fn openings(commands: &mut [Command]) -> impl Iterator<Item = &mut OpenAccount> {
    commands.iter_mut().filter_map(|command| match &mut command.action {
        Action::OpenAccount(opening) => Some(opening),
        _ => None,
    })
}
