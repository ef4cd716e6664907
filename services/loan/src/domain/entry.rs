//! What a change of a loan leaves behind: entries in the loan's own history, and what accounting is told.

use chrono::NaiveDate;

use super::{Amounts, OutOfRange};

/// What happened to a loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Paid out, whole or a tranche.
    Disbursed,
    /// Paid back by the borrower.
    Repaid,
    /// Paid back before it was due.
    Prepaid,
    /// Collected from the linked account at the end of a day.
    Collected,
    /// Interest taken off the books.
    NonAccrual,
    /// Interest back on the books, since nothing is overdue any more.
    AccrualResumed,
    /// Written off.
    WrittenOff,
    /// Came in after the write-off.
    Recovered,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Disbursed,
        Self::Repaid,
        Self::Prepaid,
        Self::Collected,
        Self::NonAccrual,
        Self::AccrualResumed,
        Self::WrittenOff,
        Self::Recovered,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Disbursed => "DISBURSED",
            Self::Repaid => "REPAID",
            Self::Prepaid => "PREPAID",
            Self::Collected => "COLLECTED",
            Self::NonAccrual => "NON_ACCRUAL",
            Self::AccrualResumed => "ACCRUAL_RESUMED",
            Self::WrittenOff => "WRITTEN_OFF",
            Self::Recovered => "RECOVERED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One thing that happened to a loan. Daily accrual has no entry: it follows from the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its position among those of the loan, from 1 without gaps.
    pub sequence: i64,
    /// What happened.
    pub kind: EntryKind,
    /// From when it counts.
    pub value_date: NaiveDate,
    /// What moved, part by part; its provision is always 0.
    pub amounts: Amounts,
    /// The principal that is outstanding afterwards.
    pub principal_after_minor: i64,
}

/// What accounting is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Principal was paid out.
    Disbursed,
    /// Principal, receivable interest of all kinds, and a fee were paid.
    Repaid,
    /// Interest of all kinds became receivable and income.
    InterestAccrued,
    /// Interest of all kinds was taken off receivable and income.
    InterestRemoved,
    /// Interest of all kinds that was not on the books was paid: income.
    InterestReceived,
    /// More was set aside; its reversal releases it.
    Provisioned,
    /// Principal went against what was set aside.
    WrittenOff,
    /// Something came in after the write-off.
    Recovered,
    /// Amounts joined the memo accounts, off the balance sheet; its reversal leaves them.
    Memo,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Disbursed,
        Self::Repaid,
        Self::InterestAccrued,
        Self::InterestRemoved,
        Self::InterestReceived,
        Self::Provisioned,
        Self::WrittenOff,
        Self::Recovered,
        Self::Memo,
    ];

    /// As the books and accounting's rules write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Disbursed => "LOAN_DISBURSED",
            Self::Repaid => "LOAN_REPAID",
            Self::InterestAccrued => "LOAN_INTEREST_ACCRUED",
            Self::InterestRemoved => "LOAN_INTEREST_REMOVED",
            Self::InterestReceived => "LOAN_INTEREST_RECEIVED",
            Self::Provisioned => "LOAN_PROVISIONED",
            Self::WrittenOff => "LOAN_WRITTEN_OFF",
            Self::Recovered => "LOAN_RECOVERED",
            Self::Memo => "LOAN_MEMO",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What accounting is told of one loan: an event of a kind, of the loan's product and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Undoes an event of the same kind: debit and credit change places.
    pub reversal: bool,
    /// How much of what; never all zero.
    pub amounts: Amounts,
}

/// Everything that one change of a loan leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// For the loan's history, in order.
    pub entries: Vec<Entry>,
    /// For accounting; at most one of each kind and sign.
    pub events: Vec<Event>,
}

impl Effects {
    /// Tells accounting, unless there is nothing to tell.
    pub(super) fn tell(&mut self, kind: EventKind, amounts: Amounts) -> Result<(), OutOfRange> {
        self.add(Event { kind, reversal: false, amounts })
    }

    /// Tells accounting that something is undone, unless there is nothing to tell.
    pub(super) fn take_back(
        &mut self,
        kind: EventKind,
        amounts: Amounts,
    ) -> Result<(), OutOfRange> {
        self.add(Event { kind, reversal: true, amounts })
    }

    /// Adds what happened afterwards.
    pub fn then(&mut self, later: Self) -> Result<(), OutOfRange> {
        self.entries.extend(later.entries);
        later.events.into_iter().try_for_each(|event| self.add(event))
    }

    fn add(&mut self, event: Event) -> Result<(), OutOfRange> {
        if event.amounts.is_none() {
            return Ok(());
        }
        let same = |one: &&mut Event| one.kind == event.kind && one.reversal == event.reversal;
        match self.events.iter_mut().find(same) {
            Some(one) => one.amounts = one.amounts.plus(event.amounts)?,
            None => self.events.push(event),
        }
        Ok(())
    }
}
