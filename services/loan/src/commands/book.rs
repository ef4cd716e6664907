//! Load, decide, save: for a whole batch of commands in one database transaction.
//!
//! Load takes its locks first and looks for decided request ids afterwards: a batch that runs again because the
//! answer to its commit was lost waits for that commit, and then finds it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::Clock;
use platform::audit;
use platform::db::{self, WriteTx};
use platform::lanes::Book;
use platform::outbox::RelayWaker;

use super::write_off::refused;
use super::{Action, Answer, Command, Needs};
use crate::domain::{Books, Changes, Decision, Outcome, Products, Rejection};
use crate::events;
use crate::signals::Tally;
use crate::store::{end_of_day, save, write};

/// The loan books as the lanes see them.
pub struct LoanBook {
    products: Arc<Products>,
    clock: Arc<dyn Clock>,
    relay: RelayWaker,
}

impl LoanBook {
    /// Books of loans made from these products.
    pub fn new(products: Arc<Products>, clock: Arc<dyn Clock>, relay: RelayWaker) -> Self {
        Self { products, clock, relay }
    }

    /// What the loans here are made from.
    pub fn products(&self) -> &Products {
        &self.products
    }

    /// The time, for whoever works on these books.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    async fn load(&self, tx: &mut WriteTx, commands: &[Command]) -> Result<Books, db::Error> {
        let mut needs = Needs::default();
        for command in commands {
            command.needs(&mut needs);
        }
        let conn = tx.conn();
        write::enter_business_day(conn).await?;
        let quotes = write::find_quotes(conn, &needs.quotes).await?;
        needs.loans.extend(quotes.iter().map(|(_, loan_id, _)| *loan_id));
        let loans = write::lock_loans(conn, &mut needs.loans, &self.products).await?;
        let ids: Vec<_> = commands.iter().map(|c| c.request_id.as_uuid()).collect();
        let movements = write::find_movements(conn, &needs.loans, &ids).await?;
        let (business_date, decided) = write::find_decided(conn, ids).await?;

        let mut books = Books::new(business_date, self.clock.now());
        for loan in loans {
            books.load_loan(loan);
        }
        for movement in movements {
            books.load_movement(movement);
        }
        for (id, loan_id, quote) in quotes {
            books.load_quote(id, loan_id, quote);
        }
        for outcome in decided {
            books.load_outcome(outcome);
        }
        Ok(books)
    }

    /// Loads, decides and saves; see [`Book::post`].
    pub(super) async fn post_in(
        &self,
        tx: &mut WriteTx,
        commands: &[Command],
    ) -> Result<Vec<Answer>, db::Error> {
        let mut books = self.load(tx, commands).await?;
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let answer = command.decide(&mut books);
            answers.push(answer.map_err(|why| db::Error::Inconsistent(why.to_string()))?);
        }
        self.save(tx, commands, books, &answers).await?;
        Ok(answers)
    }

    /// Writes down that a command is refused, unless its request id is decided.
    pub(super) async fn refuse_in(
        &self,
        tx: &mut WriteTx,
        command: &Command,
        why: Rejection,
    ) -> Result<Outcome, db::Error> {
        let commands = std::slice::from_ref(command);
        let mut books = self.load(tx, commands).await?;
        let outcome = refused(command, why, &mut books);
        self.save(tx, commands, books, &[Answer::Decided(outcome.clone())]).await?;
        Ok(outcome)
    }

    async fn save(
        &self,
        tx: &mut WriteTx,
        commands: &[Command],
        books: Books,
        answers: &[Answer],
    ) -> Result<(), db::Error> {
        let (business_date, now) = (books.business_date(), books.now());
        let changes = books.into_changes();
        let told = events::of_commands(&changes, business_date, self.clock());
        let payload = events::encode(business_date, now, &told);
        save::save(tx.conn(), &changes, (business_date, now)).await?;
        save::tell(tx.conn(), &told, business_date, payload).await?;
        for (command, outcome) in done_now(commands, &changes) {
            match &command.action {
                Action::ProposeWriteOff(wanted) => wanted.propose(command, outcome, tx).await?,
                Action::RunEndOfDay(wanted) => {
                    end_of_day::ask(tx.conn(), wanted.date, now).await?;
                }
                _ => {}
            }
        }
        write_audit_log(tx, commands, &changes, now).await?;
        let tally = Tally::of(answers, &changes);
        tx.after_commit(|| tally.count());
        Ok(())
    }
}

impl Book for LoanBook {
    type Command = Command;
    type Outcome = Answer;
    const NAME: &'static str = "loan";

    fn lane_key(command: &Command) -> u64 {
        // The last 62 bits of the id are random: any 64 that contain them spread well.
        command.request_id.as_uuid().as_u64_pair().1
    }

    async fn post(&self, tx: &mut WriteTx, commands: &[Command]) -> Result<Vec<Answer>, db::Error> {
        self.post_in(tx, commands).await
    }

    fn committed(&self) {
        self.relay.wake();
    }
}

/// The commands that this batch did, and not those that it found done; each once, however often it was sent.
fn done_now<'a>(
    commands: &'a [Command],
    changes: &'a Changes,
) -> impl Iterator<Item = (&'a Command, &'a Outcome)> {
    let done = changes.outcomes.iter().filter(|outcome| outcome.decision == Decision::Done);
    done.filter_map(|outcome| {
        let by_this = |command: &&Command| {
            command.request_id == outcome.request_id && command.fingerprint == outcome.fingerprint
        };
        commands.iter().find(by_this).map(|command| (command, outcome))
    })
}

/// Remembers who decided about a loan. What moves money stands in the loan's entries.
async fn write_audit_log(
    tx: &mut WriteTx,
    commands: &[Command],
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let mut lines = Vec::new();
    for (command, outcome) in done_now(commands, changes) {
        if let Some((action, details)) = command.audited() {
            let subject = outcome.loan_id.map(|id| id.to_string()).unwrap_or_default();
            let actor = command.caller.as_deref().unwrap_or("service/loan");
            lines.push((actor, action, subject, details));
        }
    }
    let events: Vec<_> = lines
        .iter()
        .map(|(actor, action, subject, details)| audit::Event { actor, action, subject, details })
        .collect();
    audit::append(tx, &events, now).await
}
