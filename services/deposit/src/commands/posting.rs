//! The posting path: load, decide, save, for a whole batch in one database transaction.
//!
//! Load takes its locks first and looks for decided request ids afterwards: a batch that runs again because the
//! answer to its commit was lost waits for that commit, and then finds it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, CellCode, Clock};
use platform::audit;
use platform::db::{self, WriteTx};
use platform::lanes::Book;
use platform::outbox::RelayWaker;

use super::{Command, Needs};
use crate::domain::{Books, Changes, Decision, Outcome};
use crate::signals::Tally;
use crate::{events, store};

/// The deposit books as the lanes see them.
pub struct PostingBook {
    clock: Arc<dyn Clock>,
    cell: CellCode,
    relay: RelayWaker,
}

impl PostingBook {
    /// Books whose new accounts belong to `cell`.
    pub fn new(clock: Arc<dyn Clock>, cell: CellCode, relay: RelayWaker) -> Self {
        Self { clock, cell, relay }
    }

    async fn load(&self, tx: &mut WriteTx, commands: &[Command]) -> Result<Books, db::Error> {
        let mut needs = Needs::default();
        for command in commands {
            command.needs(&mut needs);
        }
        let conn = tx.conn();
        store::write::enter_business_day(conn).await?;
        store::write::find_accounts_of(conn, &mut needs).await?;
        let owners = store::write::lock_owners(conn, &needs.owners).await?;
        let accounts = store::write::lock_accounts(conn, &mut needs.accounts).await?;
        let ids: Vec<_> = commands.iter().map(|c| c.request_id.as_uuid()).collect();
        let (business_date, decided) =
            store::write::find_decided(conn, ids, &needs.postings).await?;

        let holds = store::write::find_holds(conn, &needs.holds).await?;
        let mut named = postings_accounts(&needs, &decided);
        named.extend(holds.iter().map(|hold| hold.account));
        if named.iter().any(|number| needs.accounts.binary_search(number).is_err()) {
            return Err(db::Error::Overtaken);
        }

        let mut books = Books::new(business_date, self.clock.now());
        for owner in owners {
            books.load_owner(owner);
        }
        for account in accounts {
            books.load_account(account);
        }
        for outcome in decided {
            books.load_outcome(outcome);
        }
        for hold in holds {
            books.load_hold(hold);
        }
        for (posting, by) in store::write::find_reversals(conn, &needs.postings).await? {
            books.load_reversal(posting, by);
        }
        let serials = store::write::draw_serials(conn, needs.numbers).await?;
        let number = |serial| AccountNumber::from_parts(self.cell, serial);
        let numbers: Result<Vec<_>, _> = serials.into_iter().rev().map(number).collect();
        books.load_numbers(numbers.map_err(|e| db::Error::Inconsistent(e.to_string()))?);
        Ok(books)
    }
}

/// The accounts of the postings that are to be undone. One that was decided after the accounts to lock were looked up
/// names some that are not locked.
fn postings_accounts(needs: &Needs, decided: &[Outcome]) -> Vec<AccountNumber> {
    let to_undo = decided.iter().filter(|one| needs.postings.contains(&one.request_id.as_uuid()));
    to_undo.flat_map(|one| [one.debit_account, one.credit_account]).flatten().collect()
}

impl Book for PostingBook {
    type Command = Command;
    type Outcome = Outcome;
    const NAME: &'static str = "posting";

    fn lane_key(command: &Command) -> u64 {
        // The last 62 bits of the id are random: any 64 that contain them spread well.
        command.request_id.as_uuid().as_u64_pair().1
    }

    async fn post(
        &self,
        tx: &mut WriteTx,
        commands: &[Command],
    ) -> Result<Vec<Outcome>, db::Error> {
        let mut books = self.load(tx, commands).await?;
        let outcomes: Vec<_> = commands.iter().map(|command| command.decide(&mut books)).collect();
        let (business_date, now) = (books.business_date(), books.now());
        let changes = books.into_changes();
        let payload = events::encode(business_date, now, &changes.events);
        store::write::save(tx.conn(), &changes, business_date, now, payload).await?;
        write_audit_log(tx, commands, &changes, now).await?;
        let tally = Tally::of(&outcomes, &changes);
        tx.after_commit(|| tally.count());
        Ok(outcomes)
    }

    fn committed(&self) {
        self.relay.wake();
    }
}

/// Remembers who changed the standing of an account or owner. Most batches have nothing of the kind, and then it costs
/// nothing.
async fn write_audit_log(
    tx: &mut WriteTx,
    commands: &[Command],
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let mut done: Vec<(&Command, _, _)> = Vec::new();
    for command in commands.iter().filter(|command| command.is_audited()) {
        // Only what this batch decided, and not what it found decided; and once, however often it was sent.
        let by_this = |one: &&Outcome| {
            one.request_id == command.request_id && one.fingerprint == command.fingerprint
        };
        if done.iter().any(|(earlier, ..)| earlier.request_id == command.request_id) {
            continue;
        }
        let outcome = changes.outcomes.iter().find(by_this);
        if let Some(outcome) = outcome.filter(|one| one.decision == Decision::Posted) {
            let account = outcome.debit_account.map(|number| number.to_string());
            let owner = outcome.subject_id.map(|id| id.to_string());
            done.push((command, outcome.kind.code(), account.or(owner).unwrap_or_default()));
        }
    }
    let events: Vec<_> = done
        .iter()
        .map(|(command, action, subject)| audit::Event {
            actor: command.caller.as_deref().unwrap_or("service/deposit"),
            action,
            subject,
            details: "",
        })
        .collect();
    audit::append(tx, &events, now).await
}
