//! How a payment is divided among instalments and parts.

use chrono::NaiveDate;

use super::amounts::sub;
use super::{Allocation, Amounts, Instalment, Loan, OutOfRange, Part};

/// After a write-off: what was lent first, then the rest, the oldest first (先本后息).
const RECOVERY: Allocation = Allocation {
    order: [Part::Principal, Part::Interest, Part::Penalty, Part::Compound],
    by_instalment: false,
};

impl Loan {
    /// Divides money among what is due, in the order of the product, and answers what of each part was paid. The money is
    /// at most what is due.
    pub(super) fn allocate(&mut self, money_minor: i64) -> Result<Amounts, OutOfRange> {
        let today = self.opening_on().ok_or(OutOfRange)?;
        let allocation = self.product.allocation;
        divide(&mut self.instalments, allocation, money_minor, Some(today))
    }

    /// Divides money among everything that is owed after a write-off.
    pub(super) fn allocate_recovery(&mut self, money_minor: i64) -> Result<Amounts, OutOfRange> {
        divide(&mut self.instalments, RECOVERY, money_minor, None)
    }
}

/// Pays instalments that are due on a day, or all.
fn divide(
    instalments: &mut [Instalment],
    allocation: Allocation,
    money_minor: i64,
    due_by: Option<NaiveDate>,
) -> Result<Amounts, OutOfRange> {
    let due = instalments.partition_point(|one| due_by.is_none_or(|date| one.due_on <= date));
    let (due, _) = instalments.split_at_mut(due);
    let mut left = money_minor;
    let mut paid = Amounts::NONE;
    if allocation.by_instalment {
        for instalment in due {
            for part in allocation.order {
                pay(instalment, part, &mut left, &mut paid)?;
            }
        }
    } else {
        for part in allocation.order {
            for instalment in &mut *due {
                pay(instalment, part, &mut left, &mut paid)?;
            }
        }
    }
    // Whoever calls has compared the money with what is due.
    if left == 0 { Ok(paid) } else { Err(OutOfRange) }
}

fn pay(
    instalment: &mut Instalment,
    part: Part,
    left: &mut i64,
    paid: &mut Amounts,
) -> Result<(), OutOfRange> {
    let taken = instalment.pay(part, *left)?;
    *left = sub(*left, taken)?;
    let new = match part {
        Part::Principal => Amounts::principal(taken),
        Part::Interest => Amounts::interest(taken),
        Part::Penalty => Amounts { penalty_minor: taken, ..Amounts::NONE },
        Part::Compound => Amounts { compound_minor: taken, ..Amounts::NONE },
    };
    *paid = paid.plus(new)?;
    Ok(())
}
