//! After the load: V1 to V4 and V6 of the bank, and V5, the client's own record against the books.

use std::path::Path;

use anyhow::Context as _;
use testkit::invariants::{Answer, Recorded, Report, RunIds, check, check_record, outcomes_of_run};

use crate::order::{Operation, Order};
use crate::record::{self, FinalAnswer, Line};
use crate::target::Target;

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
        let lines = record::read(path)?;
        record.extend(lines.into_iter().map(|line| recorded(line, accounts)));
        outcomes.extend(outcomes_of_run(&target.books, *ids).await?);
    }
    report.add(check_record(record, outcomes));
    Ok(report)
}

fn recorded(line: Line, accounts: &[i64]) -> Recorded {
    let Line { order, answer, .. } = line;
    let (debit_account, credit_account) = sides(&order, accounts);
    Recorded {
        request_id: order.request_id,
        kind: order.operation.booked_kind(),
        debit_account,
        credit_account,
        amount_minor: Some(order.amount_minor),
        answer: match answer {
            FinalAnswer::Unknown => Answer::Unknown,
            FinalAnswer::Posted => Answer::Posted,
            FinalAnswer::Refused(reason) => Answer::Refused(reason),
            FinalAnswer::TurnedAway => Answer::TurnedAway,
        },
    }
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
            hold_id: None,
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
    fn a_request_without_an_answer_stays_unknown() {
        let recorded = recorded(line(Operation::Transfer, FinalAnswer::Unknown), &[1, 2]);

        assert_eq!(recorded.answer, Answer::Unknown);
        assert_eq!(recorded.kind, "TRANSFER");
    }
}
