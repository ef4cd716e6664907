//! A loan as it stands, and what is owed on it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountNumber, Currency, CustomerId, LoanId, Rate};

use super::amounts::{add, sub, sum};
use super::{
    Amounts, Category, Effects, Entry, EntryKind, Instalment, OutOfRange, Product, Rejection,
    Running,
};

/// Where a loan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoanStatus {
    /// Applied for.
    Applied,
    /// Declined; final.
    Declined,
    /// Approved, and nothing paid out yet.
    Approved,
    /// Paid out, at least in part, and not paid back.
    Active,
    /// Paid back; final.
    Settled,
    /// Written off; what still comes in is a recovery.
    WrittenOff,
    /// Written off, and everything came in after all; final.
    Recovered,
}

impl LoanStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Applied,
        Self::Declined,
        Self::Approved,
        Self::Active,
        Self::Settled,
        Self::WrittenOff,
        Self::Recovered,
    ];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::Declined => "DECLINED",
            Self::Approved => "APPROVED",
            Self::Active => "ACTIVE",
            Self::Settled => "SETTLED",
            Self::WrittenOff => "WRITTEN_OFF",
            Self::Recovered => "RECOVERED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// What borrower and bank agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How much, minor units of `currency`.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// How many months, 1 to 480.
    pub term_months: u32,
    /// On which day of the month instalments are due, 1 to 31; in shorter months on their last day.
    pub due_day: u32,
    /// The deposit account that the loan is paid out to and collected from.
    pub account: AccountNumber,
}

/// An application that has been checked as far as a form can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The loan that it may become.
    pub id: LoanId,
    /// The borrower.
    pub customer_id: CustomerId,
    /// What is applied for.
    pub terms: Terms,
    /// Who applies: whoever that is does not decide.
    pub applied_by: String,
    /// When.
    pub applied_at: DateTime<Utc>,
    /// SHA-256 of the application: whoever decides names it.
    pub hash: [u8; 32],
}

/// A loan as it stands. Amounts are minor units of its one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// Its id.
    pub id: LoanId,
    /// The borrower.
    pub customer_id: CustomerId,
    /// What it was made from.
    pub product: Arc<Product>,
    /// What was applied for.
    pub terms: Terms,
    /// Where it stands.
    pub status: LoanStatus,
    /// The yearly contract rate that applies now.
    pub rate: Rate,
    /// What has been paid out.
    pub disbursed_minor: i64,
    /// Outstanding principal, due or not. After a write-off it is off the books and still counts down.
    pub principal_minor: i64,
    /// When it was first paid out.
    pub disbursed_on: Option<NaiveDate>,
    /// The running period; `None` before the first payment to the borrower, once the last period has ended, and after a
    /// write-off.
    pub running: Option<Running>,
    /// Interest, penalty and compound interest accrued, unpaid and on the books.
    pub receivable_minor: i64,
    /// The same, kept off the books.
    pub memo_minor: i64,
    /// What is set aside for its loss.
    pub provision_minor: i64,
    /// The risk category.
    pub category: Category,
    /// The best category it may have: set by hand, NORMAL where it is not.
    pub category_floor: Category,
    /// How many days the oldest unpaid instalment is late on [`opening_on`](Self::opening_on); 0 where none is.
    pub days_overdue: i64,
    /// True while interest is kept off the books.
    pub non_accrual: bool,
    /// The last date whose end of day is in these figures; `None` before the first payment to the borrower.
    pub calculated_through: Option<NaiveDate>,
    /// Sequence of the latest entry; 0 before the first.
    pub last_sequence: i64,
    /// Grows with everything that happens except daily interest and arrears: a quote holds for one version.
    pub version: i64,
    /// Who applied.
    pub applied_by: String,
    /// When.
    pub applied_at: DateTime<Utc>,
    /// SHA-256 of the application.
    pub application_hash: [u8; 32],
    /// The schedule, by number. Empty before the first payment to the borrower.
    pub instalments: Vec<Instalment>,
}

/// What is owed on [`Loan::opening_on`], part by part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// Outstanding principal, due or not.
    pub principal_minor: i64,
    /// Principal, interest, penalty and compound interest that are due and unpaid.
    pub due: Amounts,
    /// Interest of the running period so far, not due yet.
    pub interest_accrued_minor: i64,
}

impl Loan {
    /// Applies for a loan. Nothing is owed.
    ///
    /// # Errors
    /// As [`Product::accept`]; [`Rejection::ProductUnknown`] where its benchmark has no value on the date.
    pub fn apply(
        application: Application,
        product: Arc<Product>,
        on: NaiveDate,
    ) -> Result<Self, Rejection> {
        let terms = application.terms;
        product.accept(terms.currency, terms.amount_minor, terms.term_months)?;
        let rate = product.rate_on(on).ok_or(Rejection::ProductUnknown)?;
        Ok(Self {
            id: application.id,
            customer_id: application.customer_id,
            product,
            terms,
            status: LoanStatus::Applied,
            rate,
            disbursed_minor: 0,
            principal_minor: 0,
            disbursed_on: None,
            running: None,
            receivable_minor: 0,
            memo_minor: 0,
            provision_minor: 0,
            category: Category::Normal,
            category_floor: Category::Normal,
            days_overdue: 0,
            non_accrual: false,
            calculated_through: None,
            last_sequence: 0,
            version: 1,
            applied_by: application.applied_by,
            applied_at: application.applied_at,
            application_hash: application.hash,
            instalments: Vec::new(),
        })
    }

    /// Approves or declines the application.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`] if it is decided; [`Rejection::DecidedByApplicant`];
    /// [`Rejection::ApplicationChanged`] where `hash` is that of something else.
    pub fn decide(&mut self, approve: bool, by: &str, hash: &[u8]) -> Result<(), Rejection> {
        self.must_be(LoanStatus::Applied)?;
        if by == self.applied_by {
            return Err(Rejection::DecidedByApplicant);
        }
        if hash != self.application_hash {
            return Err(Rejection::ApplicationChanged);
        }
        self.status = if approve { LoanStatus::Approved } else { LoanStatus::Declined };
        self.touch()?;
        Ok(())
    }

    /// The day on which whatever happens next happens: the one after [`calculated_through`](Self::calculated_through).
    /// `None` before the first payment to the borrower.
    pub fn opening_on(&self) -> Option<NaiveDate> {
        self.calculated_through.and_then(|date| date.succ_opt())
    }

    /// What is owed on [`opening_on`](Self::opening_on). After a write-off everything is due.
    pub fn owed(&self) -> Result<Owed, OutOfRange> {
        let Some(today) = self.opening_on() else { return Ok(Owed::default()) };
        let mut due = Amounts::NONE;
        for instalment in self.instalments.iter().filter(|one| self.is_due(one, today)) {
            due = due.plus(instalment.unpaid()?)?;
        }
        let accrued = self.running.filter(|running| running.due_on > today);
        Ok(Owed {
            principal_minor: self.principal_minor,
            due,
            interest_accrued_minor: accrued.map_or(0, |running| running.accrued_minor),
        })
    }

    /// Interest, penalty and compound interest that are accrued and unpaid, due or not: what is receivable or memo.
    pub fn charges(&self) -> Result<Amounts, OutOfRange> {
        let owed = self.owed()?;
        owed.due.charges().plus(Amounts::interest(owed.interest_accrued_minor))
    }

    /// Whether an instalment can be paid on a day.
    pub(super) fn is_due(&self, instalment: &Instalment, today: NaiveDate) -> bool {
        instalment.due_on <= today || self.status == LoanStatus::WrittenOff
    }

    /// Whether an instalment is unpaid on a day after its due date.
    pub(super) fn is_late(&self, today: NaiveDate) -> bool {
        self.instalments.iter().any(|one| one.due_on < today && one.is_open())
    }

    /// # Errors
    /// [`Rejection::IllegalTransition`] unless the loan stands there.
    pub(super) fn must_be(&self, status: LoanStatus) -> Result<(), Rejection> {
        if self.status == status { Ok(()) } else { Err(Rejection::IllegalTransition) }
    }

    /// The day on which something happens to a loan that has been paid out.
    pub(super) fn today(&self) -> Result<NaiveDate, Rejection> {
        self.opening_on().ok_or(Rejection::IllegalTransition)
    }

    /// Writes an entry of the loan's history.
    pub(super) fn record(
        &mut self,
        kind: EntryKind,
        amounts: Amounts,
        effects: &mut Effects,
    ) -> Result<(), OutOfRange> {
        self.last_sequence = add(self.last_sequence, 1)?;
        effects.entries.push(Entry {
            sequence: self.last_sequence,
            kind,
            value_date: self.opening_on().ok_or(OutOfRange)?,
            amounts,
            principal_after_minor: self.principal_minor,
        });
        self.touch()
    }

    /// Something happened that ends every quote.
    pub(super) fn touch(&mut self) -> Result<(), OutOfRange> {
        self.version = add(self.version, 1)?;
        Ok(())
    }

    /// Where the running period's instalment is among the instalments.
    pub(super) fn running_index(&self) -> Option<usize> {
        let due_on = self.running?.due_on;
        self.instalments.iter().position(|one| one.due_on == due_on)
    }

    /// Principal of the instalments from an index on that is not paid: the balance that bears interest there.
    pub(super) fn balance_from(&self, index: usize) -> Result<i64, OutOfRange> {
        let open = self.instalments.iter().skip(index);
        let unpaid: Result<Vec<i64>, OutOfRange> =
            open.map(|one| sub(one.principal_minor, one.principal_paid_minor)).collect();
        sum(unpaid?)
    }
}
