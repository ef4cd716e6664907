//! After the load: V1 to V4, V6 and V7 of the bank, and V5, the client's own record against the books.

use std::path::Path;

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};
use testkit::invariants::{
    Answer, BookedOutcome, Recorded, Report, RunIds, check, check_record, outcomes_of_run,
};

use crate::order::{Operation, Order};
use crate::record::{self, FinalAnswer, Line};
use crate::target::Target;

mod cards;

/// What loan has decided under the ids of one client's run, in the words of deposit's books. A loan's books name the loan
/// and not an account.
const LOAN_OUTCOMES_OF_RUN: &str = "SELECT request_id, kind,
        CASE result WHEN 'DONE' THEN 'POSTED' ELSE result END AS result,
        NULL::bigint AS debit_account, NULL::bigint AS credit_account, amount_minor
    FROM outcomes
    WHERE request_id BETWEEN $1 AND $2 AND substring(uuid_send(request_id) FROM 13) = $3";

/// Checks the books of a bank, and everything that some runs have recorded, against each other.
pub async fn audit(
    target: &Target,
    accounts: &[i64],
    runs: &[(&Path, RunIds)],
) -> anyhow::Result<Report> {
    let mut report = check(&target.books).await.context("the audit cannot read the books")?;
    let mut record = Vec::new();
    let mut outcomes = Vec::new();
    for (path, ids) in runs {
        let (of_cards, lines): (Vec<Line>, Vec<Line>) =
            record::read(path)?.into_iter().partition(|line| line.order.operation.is_of_card());
        let (asked, booked) = cards::compared(target, *ids, &of_cards, accounts).await?;
        record.extend(asked);
        outcomes.extend(booked);
        record.extend(lines.into_iter().map(|line| recorded(line, accounts)));
        outcomes.extend(outcomes_of_run(&target.books, *ids).await?);
        outcomes.extend(loan_outcomes_of_run(target, *ids).await?);
    }
    report.add(check_record(record, outcomes));
    Ok(report)
}

async fn loan_outcomes_of_run(target: &Target, run: RunIds) -> anyhow::Result<Vec<BookedOutcome>> {
    let mut loan = PgConnection::connect(&target.books.loan_url).await?;
    let rows = sqlx::query_as(LOAN_OUTCOMES_OF_RUN)
        .bind(run.first)
        .bind(run.last)
        .bind(run.tag.as_slice())
        .fetch_all(&mut loan)
        .await?;
    loan.close().await.ok();
    Ok(rows)
}

fn recorded(line: Line, accounts: &[i64]) -> Recorded {
    let Line { order, answer, .. } = line;
    let (debit_account, credit_account) = sides(&order, accounts);
    Recorded {
        request_id: order.request_id,
        kind: order.operation.booked_kind(),
        debit_account,
        credit_account,
        amount_minor: amount(&order),
        answer: match answer {
            FinalAnswer::Unknown => Answer::Unknown,
            FinalAnswer::Posted => Answer::Posted,
            FinalAnswer::Refused(reason) => Answer::Refused(reason),
            // The gateway answers what concerns cards, which is compared apart.
            FinalAnswer::TurnedAway | FinalAnswer::Authorized { .. } => Answer::TurnedAway,
        },
    }
}

/// The amount that the request names. A quote names the principal and is booked with all that is to be paid; its payment
/// names the quote alone.
fn amount(order: &Order) -> Option<i64> {
    let unnamed = matches!(order.operation, Operation::QuoteLoan | Operation::PrepayLoan);
    (!unnamed).then_some(order.amount_minor)
}

/// The accounts that the request names, by number.
fn sides(order: &Order, accounts: &[i64]) -> (Option<i64>, Option<i64>) {
    let number = |index: u32| {
        let index = usize::try_from(index).ok()?;
        accounts.get(index).copied()
    };
    match order.operation {
        Operation::Transfer => (number(order.account), number(order.counterparty)),
        Operation::CashDeposit => (None, number(order.account)),
        operation if operation.is_of_loan() => (None, None),
        // Holds are placed, captured to clearing, and released on one account.
        _ => (number(order.account), None),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    fn line(operation: Operation, answer: FinalAnswer) -> Line {
        let request_id = Uuid::from_u128(1);
        let order = Order {
            request_id,
            operation,
            account: 0,
            counterparty: 1,
            amount_minor: 9,
            subject: None,
        };
        Line { order, intended: Duration::ZERO, answer }
    }

    #[test]
    fn each_operation_names_its_accounts_by_number() {
        let accounts = [100, 200];
        let sides = |operation| {
            let recorded = recorded(line(operation, FinalAnswer::Posted), &accounts);
            (recorded.debit_account, recorded.credit_account)
        };

        assert_eq!(sides(Operation::Transfer), (Some(100), Some(200)));
        assert_eq!(sides(Operation::CashDeposit), (None, Some(100)));
        assert_eq!(sides(Operation::CashWithdrawal), (Some(100), None));
        assert_eq!(sides(Operation::CaptureHold), (Some(100), None));
    }

    #[test]
    fn what_concerns_a_loan_names_no_account_and_a_prepayment_no_amount() {
        let recorded =
            |operation| recorded(line(operation, FinalAnswer::Posted), &[100, 200]).amount_minor;

        assert_eq!(recorded(Operation::DisburseLoan), Some(9));
        assert_eq!(recorded(Operation::PrepayLoan), None);
        let line = line(Operation::DisburseLoan, FinalAnswer::Posted);
        assert_eq!(sides(&line.order, &[100, 200]), (None, None));
    }

    #[test]
    fn a_request_without_an_answer_stays_unknown() {
        let recorded = recorded(line(Operation::Transfer, FinalAnswer::Unknown), &[1, 2]);

        assert_eq!(recorded.answer, Answer::Unknown);
        assert_eq!(recorded.kind, "TRANSFER");
    }
}
